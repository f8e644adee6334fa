"""Edits by HTTP: who wrote what, answers to repeated requests, and the objects behind each event; a new database got them with 0001."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0005"
down_revision = "0004"

_SCHEMA = Path(__file__).parents[2] / "schema"
_IS_THERE = "SELECT to_regclass('twin.edit_answer') IS NOT NULL"


def upgrade() -> None:
    """The schema files are written to be run again; each is run whole, as 0001 does."""
    driver: Any = op.get_bind().connection.driver_connection
    if driver.execute(_IS_THERE).fetchone()[0]:
        return
    for path in sorted(_SCHEMA.glob("[0-9]*.sql")):
        if not path.name.startswith("000"):
            driver.execute(path.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Who wrote what would be lost."""
    raise NotImplementedError("0005 does not go back")
