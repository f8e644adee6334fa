"""The first schema: every numbered file of `postgis/schema/` after the roles, in order."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None

_SCHEMA = Path(__file__).parents[2] / "schema"


def upgrade() -> None:
    """Run each file whole on the driver's own connection, so that `%` and `:` in it mean nothing."""
    driver: Any = op.get_bind().connection.driver_connection
    for path in sorted(_SCHEMA.glob("[0-9]*.sql")):
        if not path.name.startswith("000"):
            driver.execute(path.read_text(encoding="utf-8"))


def downgrade() -> None:
    """There is nothing before this one: drop the database instead."""
    raise NotImplementedError("0001 is the first revision")
