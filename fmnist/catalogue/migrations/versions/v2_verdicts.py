"""Create the table that numbers verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("bundle_sha256", sa.String(64), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False, comment="from 1 for each bundle"),
        sa.Column("key", sa.String(20), nullable=False, comment="whose key signs: ci or local"),
        sa.Column("time", sa.String(40), nullable=False, comment="ISO 8601 in UTC"),
        sa.UniqueConstraint("model", "bundle_sha256", "sequence", name="one_verdict_per_number"),
        comment="Verdicts of the gate, so that an older one does not count again; rows are only ever added",
    )
