"""The life of map products: the log of their versions and the counts of their use; a new database got them with 0001."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0006"
down_revision = "0005"

_SCHEMA = Path(__file__).parents[2] / "schema" / "090_catalogue.sql"


def upgrade() -> None:
    """The file is written to be run again."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    """A log is not thrown away by going back."""
    raise NotImplementedError("0006 does not go back")
