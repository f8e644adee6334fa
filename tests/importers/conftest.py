from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from importers.options import ImportOptions
from importers.report import ImportReport
from importers.run import import_file
from postgis.connect import OWNER, SERVER, Database, connect

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Town:
    """A database to import into, and short ways to look at what came of it."""

    database: Database

    def take(self, path: Path, **options: Any) -> ImportReport:
        """Import a file; every report must balance."""
        report = import_file(self.database, path, ImportOptions(**options))
        assert report.rows_in == report.published + report.refused
        return report

    def ask(self, query: str, *values: Any) -> list[Row]:
        """Rows as the owner sees them."""
        with connect(self.database, OWNER) as connection:
            return connection.execute(query, values).fetchall()

    def live(self, layer: str, columns: str, order: str = "oid") -> list[Row]:
        return self._rows("object_", layer, columns, order)

    def past(self, layer: str, columns: str, order: str = "oid, lower(sys), lower(valid)") -> list[Row]:
        return self._rows("object_past_", layer, columns, order)

    def shapes(self, layer: str, columns: str, order: str = "oid, lower(sys), lower(valid)") -> list[Row]:
        return self._rows("shape_", layer, columns, order)

    def read(self, query: str) -> list[Row]:
        """What the serving role sees with the right to everything."""
        with connect(self.database, SERVER) as connection:
            connection.execute("""SELECT set_config('twin.scope', '{"access": ["public", "internal"], "divisions": []}', false)""")
            return connection.execute(query).fetchall()

    def _rows(self, family: str, layer: str, columns: str, order: str) -> list[Row]:
        table = sql.Identifier("twin", f"{family}{self.number(layer)}")
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(sql.SQL(columns), table, sql.SQL(order))
        with connect(self.database, OWNER) as connection:
            return connection.execute(query).fetchall()

    def number(self, layer: str) -> int:
        return self.ask("SELECT number FROM twin.layer WHERE id = %s", layer)[0][0]

    def epoch(self, layer: str) -> int:
        rows = self.ask("SELECT epoch FROM twin.layer_epoch WHERE layer = %s", self.number(layer))
        return rows[0][0] if rows else 0

    def staged(self) -> list[str]:
        return [row[0] for row in self.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'stage'")]


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


@pytest.fixture
def with_divisions(database: Database, data_root: Any) -> Callable[[], None]:
    """Loads the districts of Shenzhen (WGS84) as divisions."""
    import json

    import shapely

    from postgis.connect import IMPORTER
    from postgis.divisions import DivisionRow, replace_divisions

    codes = {"罗湖": "440303", "福田": "440304", "南山": "440305", "宝安": "440306", "龙岗": "440307", "盐田": "440308", "龙华": "440309"}
    codes |= {"坪山": "440310", "光明": "440311"}
    features = json.loads((data_root / "boundaries/sz.json").read_text(encoding="utf-8"))["features"]

    def row(name: str, geometry: Any) -> DivisionRow:
        return DivisionRow(codes[name], 3, f"{name}区", "", "4403", shapely.to_wkb(shapely.geometry.shape(geometry)), None, None)

    def load() -> None:
        rows = [row(item["properties"]["qh"], item["geometry"]) for item in features if item["properties"]["qh"] in codes]
        with psycopg.connect(database.conninfo(IMPORTER)) as connection:
            assert replace_divisions(connection, rows, "test") == 9

    return load
