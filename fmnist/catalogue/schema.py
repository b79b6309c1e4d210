"""Tables of the catalogue, as the newest migration leaves them."""

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

REVISION = "3"
"""Newest of ``migrations/versions``; a database that has it is not migrated."""

METADATA = MetaData()

PROMOTIONS = Table(
    "promotions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("model", String(255), nullable=False),
    Column("time", String(40), nullable=False, comment="ISO 8601 in UTC"),
    Column("event", String(20), nullable=False, comment="begun, serves or failed"),
    Column("kind", String(20), nullable=False, comment="promotion, rollback or deployment"),
    Column("version", Integer, nullable=False),
    Column("bundle_sha256", String(64), nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text),
    Column("previous_outcome", String(20), comment="how the previous champion's tenure ended"),
    Column("note", Text, comment="why a takeover failed"),
    Column("place", Text, comment="of the platform that serves it"),
    Index("promotions_of_model", "model", "id"),
    comment="Takeovers, one row per event; rows are only ever added",
)

LOCAL_RECORDS = Table(
    "local_records",
    METADATA,
    Column("kind", String(40), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("content", Text, nullable=False, comment="JSON with its schema_version"),
    comment="What concerns this machine alone: its servers, its watchers' cursors",
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("model", String(255), nullable=False),
    Column("bundle_sha256", String(64), nullable=False),
    Column("sequence", Integer, nullable=False, comment="from 1 for each bundle"),
    Column("key", String(20), nullable=False, comment="whose key signs: ci or local"),
    Column("time", String(40), nullable=False, comment="ISO 8601 in UTC"),
    UniqueConstraint("model", "bundle_sha256", "sequence", name="one_verdict_per_number"),
    comment="Verdicts of the gate, so that an older one does not count again; rows are only ever added",
)
