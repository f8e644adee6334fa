"""Tile twins, overviews, archives and tile functions for a database of before them; a new one got them with 0001."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0003"
down_revision = "0002"

_SCHEMA = Path(__file__).parents[2] / "schema"
_IS_THERE = "SELECT to_regclass('twin.tile_state') IS NOT NULL"
#: Triggers and views of the layers that are there; their twins are built by the worker, which finds that they have none.
_LAYERS = """
    SELECT twin.watch(member, family, number) FROM twin.layer
        CROSS JOIN (VALUES ('object_', 'live'), ('object_past_', 'past'), ('shape_', 'shape')) families (prefix, family)
        CROSS JOIN LATERAL to_regclass('twin.' || prefix || number) member
        WHERE member IS NOT NULL;
    SELECT twin.refresh_view(number) FROM twin.layer WHERE to_regclass('twin.object_' || number) IS NOT NULL
"""


def upgrade() -> None:
    """The schema files are written to be run again; each is run whole, as 0001 does."""
    driver: Any = op.get_bind().connection.driver_connection
    if driver.execute(_IS_THERE).fetchone()[0]:
        return
    for path in sorted(_SCHEMA.glob("[0-9]*.sql")):
        if not path.name.startswith("000"):
            driver.execute(path.read_text(encoding="utf-8"))
    driver.execute(_LAYERS)


def downgrade() -> None:
    """What is derived from rows may go, but triggers and views of before are not kept."""
    raise NotImplementedError("0003 does not go back")
