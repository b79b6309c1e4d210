"""Record with each promotion where it serves."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add the column; where earlier promotions served is not known."""
    op.add_column("promotions", sa.Column("place", sa.Text, comment="of the platform that serves it"))
    # SQLite has no comments.
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("promotions", "kind", comment="promotion, rollback or deployment")
