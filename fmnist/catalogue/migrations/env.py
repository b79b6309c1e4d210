"""Alembic's entry point: migrate by the connection, and in the transaction, of the caller."""

from alembic import context

from fmnist.catalogue.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite can, once pysqlite is kept from committing before each statement; see database.py.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
