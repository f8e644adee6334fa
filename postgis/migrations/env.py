"""Alembic's way in: it gets an open connection from `postgis.migrate` and never makes one of its own."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="twin", transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
