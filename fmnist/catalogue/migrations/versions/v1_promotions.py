"""Create the tables for promotions and for records of one machine."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("time", sa.String(40), nullable=False, comment="ISO 8601 in UTC"),
        sa.Column("event", sa.String(20), nullable=False, comment="begun, serves or failed"),
        sa.Column("kind", sa.String(20), nullable=False, comment="promotion or deployment"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("bundle_sha256", sa.String(64), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("previous_outcome", sa.String(20), comment="how the previous champion's tenure ended"),
        sa.Column("note", sa.Text, comment="why a takeover failed"),
        comment="Takeovers, one row per event; rows are only ever added",
    )
    op.create_index("promotions_of_model", "promotions", ["model", "id"])
    op.create_table(
        "local_records",
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("content", sa.Text, nullable=False, comment="JSON with its schema_version"),
        comment="What concerns this machine alone: its servers, its watchers' cursors",
    )
