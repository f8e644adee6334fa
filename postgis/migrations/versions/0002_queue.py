"""The job queue: procrastinate's own schema, taken from its package, in our schema `job`."""

from typing import Any

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run it with `job` alone on the path, so that everything it makes lands there."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("SET LOCAL search_path = job")
    driver.execute(SchemaManager.get_schema())
    driver.execute("SET LOCAL search_path = twin, public")


def downgrade() -> None:
    """Jobs are not kept over a way back: drop the database instead."""
    raise NotImplementedError("0002 does not go back")
