"""A file from its bytes to the map, on a real database: first import, the same again, changes with their history, refusals."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyproj
import pytest
import shapely

from importers.options import FieldOverride, ImportOptions
from importers.report import Progress
from importers.run import import_file, sweep
from tests.importers import files
from twin.errors import BadFile, BadParameter, Conflict
from twin.fields import Role

NOW = "now()"


def town_file(path: Path, *rows: tuple[str, str, float], size: float = 0.001) -> Path:
    """Buildings (id, name, height), each at a place of its own."""
    features = [files.square(113 + int(key[1:]) / 100, 23, size, id=key, name=name, height=height) for key, name, height in rows]
    return files.geojson(path, features)


FIVE = [("k1", "一号楼", 10.0), ("k2", "二号楼", 20.0), ("k3", "三号楼", 30.0), ("k4", "四号楼", 40.0), ("k5", "五号楼", 50.0)]


class TestFirstImport:
    def test_nanshan_footprints_with_heights(self, town, data_root) -> None:
        report = town.take(data_root / "buildings/nanshan-building.geojson.gz", explode=True)
        assert (report.layer, report.features, report.rows_in, report.published, report.added) == ("nanshan-building", 10, 5438, 5438, 5438)
        invalid = next(rule for rule in report.rules if rule.rule == "invalid-geometry")
        assert (report.repaired, invalid.rows, invalid.count) == (2, 2, 3)  # two parts of one row
        counted = town.live(
            "nanshan-building", "count(*), count(DISTINCT oid), bool_and(ST_IsValid(geom)), min(zmax), max(zmax), min(zmin)", "1"
        )
        assert counted == [(5438, 5438, True, 18.0, 228.0, 0.0)]
        assert town.live("nanshan-building", "count(DISTINCT source_key), min(ST_Area(geom::geography)) > 0", "1") == [(5438, True)]
        example = next(rule for rule in report.rules if rule.rule == "invalid-geometry").examples[0]
        assert example.row > 0 and example.key and 113.9 < example.lon < 114 and 22.4 < example.lat < 22.6
        layer = town.ask("SELECT geometry_type, count, min_zoom, bounds[1] FROM twin.layer WHERE id = 'nanshan-building'")[0]
        assert layer[:3] == ("MultiPolygon", 5438, 0) and layer[3] == pytest.approx(113.910552)
        assert town.ask('SELECT height FROM layer."nanshan-building" LIMIT 1') == []  # no scope, no rows

    def test_counties_are_repaired_and_keep_their_area(self, town, data_root) -> None:
        report = town.take(data_root / "boundaries/counties_echarts_guangdong.zip", layer="counties", datum="GCJ-02", key="name")
        assert (report.rows_in, report.published, report.datum) == (124, 124, "GCJ-02")
        repairs = {rule.rule: rule.count for rule in report.rules if rule.severity == "repair"}
        assert repairs["invalid-geometry"] == 81 == report.repaired and sum(repairs.values()) == 84, repairs  # three rows by two rules
        assert not [rule for rule in report.rules if rule.rule == "repair-area"]
        assert town.live("counties", "bool_and(ST_IsValid(geom)), count(*), bool_and(ST_Dimension(geom) = 2)", "1") == [(True, 124, True)]
        assert [name for (name,) in town.live("counties", "name", "name")][:2] == sorted(name for (name,) in town.live("counties", "name"))[
            :2
        ]

    def test_chongqing_in_gbk(self, town, data_root) -> None:
        report = town.take(data_root / "hard/shapefile-chongqing/区县界_area.shp")
        assert report.layer == "区县界_area" and report.encoding == "gb18030" and report.key == "ADMINCODE"
        assert ("奉节县", "500236") in town.live("区县界_area", "name, code")
        roles = {field.name: field.role for field in report.fields}
        assert roles == {"NAME": Role.NAME, "PYNAME": None, "ADMINCODE": Role.CODE, "Shape_Leng": None, "Shape_Area": None}

    def test_progress_and_report_are_kept(self, town, tmp_path) -> None:
        seen: list[Progress] = []
        report = import_file(town.database, town_file(tmp_path / "kept.geojson", *FIVE), ImportOptions(), seen.append)
        assert list(dict.fromkeys(item.step_en for item in seen))[:3] == ["Reading", "Comparing", "Checking geometry"]
        assert max(item.done for item in seen) == 5 and seen[1].total == 5
        status, stored = town.ask("SELECT status, report FROM twin.import_run WHERE id = %s", report.run)[0]
        assert status == "done" and stored == report.model_dump(mode="json")
        assert town.staged() == []

    def test_titles_access_and_the_rest_reach_the_catalogue(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "a.geojson", *FIVE)
        town.take(
            path,
            layer="titled",
            title_zh="楼房",
            title_en="Houses",
            access="internal",
            attribution="某局",
            licence="x",
            synthetic=True,
            min_zoom=9,
        )
        row = town.ask("SELECT title_zh, title_en, access, attribution, licence, synthetic, min_zoom FROM twin.layer WHERE id = 'titled'")
        assert row == [("楼房", "Houses", "internal", "某局", "x", True, 9)]
        town.take(path, layer="titled", title_en="Buildings")
        assert town.ask("SELECT title_zh, title_en, access FROM twin.layer WHERE id = 'titled'") == [("楼房", "Buildings", "internal")]

    def test_dry_run_changes_nothing(self, town, tmp_path) -> None:
        report = town.take(town_file(tmp_path / "dry.geojson", *FIVE), dry_run=True)
        assert report.dry_run and report.added == 5 == report.published and report.fields
        assert town.ask("SELECT 1 FROM twin.layer WHERE id = 'dry'") == [] and town.staged() == []


class TestAgain:
    def test_the_same_file_changes_nothing_at_all(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "same.geojson", *FIVE)
        town.take(path)
        before = (town.live("same", "oid, valid, sys"), town.epoch("same"))
        report = town.take(path)
        assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, 5)
        assert (town.live("same", "oid, valid, sys"), town.epoch("same")) == before and town.past("same", "1", "1") == []

    def test_order_of_rows_and_columns_does_not_matter(self, town, tmp_path) -> None:
        town.take(town_file(tmp_path / "order.geojson", *FIVE))
        text = json.loads((tmp_path / "order.geojson").read_text())
        for item in text["features"]:
            item["properties"] = dict(reversed(item["properties"].items())) | {"empty": None}
        text["features"].reverse()
        (tmp_path / "order.geojson").write_text(json.dumps(text))
        assert town.take(tmp_path / "order.geojson").unchanged == 5

    def test_changes_keep_history(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "town.geojson", *FIVE)
        town.take(path)
        oids = dict(town.live("town", "source_key, oid"))
        changed = [("k1", "一号楼", 11.0), ("k2", "二号楼", 20.0), ("k3", "三号楼", 30.0), ("k4", "四号楼", 40.0), ("k6", "六号楼", 60.0)]
        report = town.take(town_file(path, *changed))
        assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 3)
        live = {key: (oid, height) for key, oid, height in town.live("town", "source_key, oid, (attrs ->> 'height')::float")}
        assert live["k1"] == (oids["k1"], 11.0) and live["k6"][0] not in oids.values() and "k5" not in live
        past = town.past("town", "source_key, oid, (attrs ->> 'height')::float, upper_inf(sys), upper(valid) <= now()")
        assert past == [("k1", oids["k1"], 10.0, True, True), ("k5", oids["k5"], 50.0, True, True)]
        [(ends,)] = town.past("town", "upper(valid) FILTER (WHERE source_key = 'k1')".replace(" FILTER (WHERE source_key = 'k1')", ""))[:1]
        assert town.live("town", "lower(valid), lower(sys)", "source_key")[0] == (ends, ends)
        assert town.epoch("town") > 0
        back = town.take(town_file(path, *changed, ("k5", "五号楼", 50.0)))
        assert back.added == 1 and dict(town.live("town", "source_key, oid"))["k5"] == oids["k5"], "the same thing comes back as itself"

    def test_correction_keeps_valid_and_closes_knowledge(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "corrected.geojson", *FIVE)
        town.take(path, valid_from="2020-01-01")
        town.take(town_file(path, *FIVE[:4], ("k5", "五号楼", 55.0)), correct=True)
        start = datetime(2019, 12, 31, 16, tzinfo=UTC)
        assert town.past("corrected", "source_key, lower(valid), upper(valid), upper_inf(sys)") == [("k5", start, None, False)]
        assert town.live("corrected", "lower(valid), lower(sys) = (SELECT max(lower(sys)) FROM twin.object)", "source_key")[4] == (
            start,
            True,
        )

    @pytest.mark.parametrize("days", [-30, 30])
    def test_changes_known_late_or_announced(self, town, tmp_path, days) -> None:
        layer = f"when{days}".replace("-", "m")
        path = town_file(tmp_path / f"{layer}.geojson", *FIVE)
        start = datetime(2020, 1, 1, tzinfo=UTC)
        town.take(path, valid_from=start)
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        report = town.take(town_file(path, *FIVE[1:], ("k1", "一号楼", 12.0)), valid_from=moment)
        assert (report.changed, report.unchanged) == (1, 4)
        heights = "(attrs ->> 'height')::float, lower(valid), upper(valid), upper_inf(sys)"
        live = [row for row in town.live(layer, f"source_key, {heights}", "source_key, lower(valid)") if row[0] == "k1"]
        past = town.past(layer, heights)
        if days > 0:  # both states wait in the live table; the clock ends the first
            assert live == [("k1", 10.0, start, moment, True), ("k1", 12.0, moment, None, True)] and past == []
            assert town.take(path, valid_from=moment).unchanged == 5
        else:  # what was believed, and what is known now of the time before
            assert live == [("k1", 12.0, moment, None, True)]
            assert past == [(10.0, start, None, False), (10.0, start, moment, True)]

    def test_much_removal_is_refused_until_allowed(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "guard.geojson", *FIVE)
        town.take(path)
        town_file(path, *FIVE[:3])
        before = town.live("guard", "oid, valid, sys")
        with pytest.raises(Conflict, match="2 of 5 objects would be removed") as caught:
            town.take(path)
        assert "allow-removals" in caught.value.mend and town.live("guard", "oid, valid, sys") == before and town.staged() == []
        assert town.ask("SELECT status FROM twin.import_run WHERE layer_id = 'guard' ORDER BY started DESC LIMIT 1") == [("failed",)]
        assert town.take(path, allow_removals=True).removed == 2
        assert len(town.live("guard", "oid")) == 3 and len(town.past("guard", "oid")) == 2

    def test_two_sources_share_a_layer(self, town, tmp_path) -> None:
        town.take(town_file(tmp_path / "a.geojson", *FIVE[:3]), layer="shared", source="甲")
        report = town.take(town_file(tmp_path / "b.geojson", *FIVE[2:]), layer="shared", source="乙")
        assert (report.added, report.removed) == (3, 0)
        assert town.ask(f"SELECT source, count(*) FROM twin.object_{town.number('shared')} GROUP BY source ORDER BY source") == [
            ("乙", 3),
            ("甲", 3),
        ]

    def test_an_edit_meanwhile_is_a_conflict_or_seen(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "edited.geojson", *FIVE)
        town.take(path)
        oid = town.live("edited", "oid")[0][0]
        from postgis.connect import EDITOR, connect

        with connect(town.database, EDITOR) as connection:
            connection.execute("SELECT twin.change('edited', %s, %s::jsonb)", [oid, json.dumps({"name": "改名"})])
        report = town.take(path)
        assert report.unchanged == 5, "an edit is not undone by a file that has not changed"
        assert town.live("edited", "name")[0] == ("改名",)

    def test_a_new_datum_changes_every_row(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "moved.geojson", *FIVE)
        town.take(path)
        report = town.take(path, datum="GCJ-02")
        assert report.changed == 5
        moved = town.live("moved", "ST_Distance(geom::geography, ST_SetSRID(ST_MakePoint(113.01, 23), 4490)::geography)", "source_key")[0][
            0
        ]
        assert 300 < moved < 800


class TestKeys:
    def test_doubled_keys_get_an_ordinal_and_are_reported(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "doubled.geojson", FIVE[0], FIVE[1], ("k1", "另一号楼", 5.0))
        report = town.take(path, key="id")
        assert [key for (key,) in town.live("doubled", "source_key")] == ["k1", "k2", "k1~2"]
        assert next(rule for rule in report.rules if rule.rule == "duplicate-key").count == 1
        assert town.take(path, key="id").unchanged == 3

    def test_without_a_key_the_content_stands_for_it(self, town, tmp_path) -> None:
        rows = [files.point(113, 23, 名="同"), files.point(113, 23, 名="同"), files.point(113.1, 23, 名="异")]
        path = files.geojson(tmp_path / "keyless.geojson", rows)
        report = town.take(path)
        keys = [key for (key,) in town.live("keyless", "source_key")]
        assert report.key == "" and keys[1] == f"{keys[0]}~2" and len(keys[2]) == 32
        files.geojson(path, rows[1:])
        report = town.take(path, allow_removals=True)
        assert (report.unchanged, report.removed) == (2, 1)

    def test_an_unfit_key_is_not_guessed(self, town, tmp_path) -> None:
        rows = [files.point(113 + at / 10, 23, id=at // 2, name=f"点{at}") for at in range(6)]
        assert town.take(files.geojson(tmp_path / "unfit.geojson", rows)).key == ""
        with pytest.raises(BadParameter, match="no column nonsense"):
            town.take(tmp_path / "unfit.geojson", layer="unfit2", key="nonsense")


class TestPlaces:
    def test_projected_coordinates(self, town, tmp_path) -> None:
        to_grid = pyproj.Transformer.from_crs(4490, 4547, always_xy=True)
        x, y = to_grid.transform(113.5, 23.2)
        path = files.geopackage(tmp_path / "grid.gpkg", [shapely.Point(x, y)], crs="EPSG:4547", 名=["点"])
        report = town.take(path)
        assert (report.crs, report.datum) == ("EPSG:4547", "CGCS2000") and not report.warnings
        assert town.live("grid", "ST_X(geom), ST_Y(geom)")[0] == pytest.approx((113.5, 23.2), abs=1e-9)

    def test_a_place_without_an_answer_is_refused_alone(self, town, tmp_path) -> None:
        shapes = [shapely.Point(500000 + at, 2500000) for at in range(5)] + [shapely.Point(1e30, 1e30)]
        report = town.take(files.geopackage(tmp_path / "far.gpkg", shapes, crs="EPSG:4547", n=list(range(6))))
        assert (report.published, report.refused) == (5, 1)
        assert next(rule for rule in report.rules if rule.rule == "out-of-range").examples[0].row == 6

    def test_degrees_out_of_range(self, town, tmp_path) -> None:
        good = [files.point(113 + at / 100, 23, n=at) for at in range(5)]
        report = town.take(files.geojson(tmp_path / "range.geojson", [*good, files.point(190, 93, n=9)]))
        assert (report.published, report.refused) == (5, 1)
        with pytest.raises(BadFile, match="reference system is probably wrong"):
            town.take(files.geojson(tmp_path / "metres.geojson", [files.point(500000, 2500000, n=1)]))

    def test_an_undeclared_crs(self, town, tmp_path, data_root) -> None:
        with pytest.raises(BadFile, match="are not degrees") as caught:
            town.take(data_root / "hard/shapefile-types/pointm.shp")
        assert caught.value.place == "crs" and "--crs" in caught.value.mend
        report = town.take(data_root / "hard/shapefile/blockgroups.zip")
        assert [item.rule for item in report.warnings] == ["crs-assumed"]
        path = tmp_path / "lattice.csv"
        path.write_text("x,y,n\n500000,2500000,1\n", encoding="utf-8")
        assert town.take(path, crs="EPSG:4547").crs == "EPSG:4547"

    def test_unknown_crs_words_are_refused(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "a.geojson", *FIVE)
        with pytest.raises(BadParameter, match="EPSG:9999"):
            town.take(path, layer="nowhere", crs="EPSG:9999")
        assert town.ask("SELECT 1 FROM twin.layer WHERE id = 'nowhere'") == []

    def test_divisions_are_found_by_place_unless_the_source_says(self, town, with_divisions, tmp_path) -> None:
        with_divisions()
        rows = [files.point(113.93, 22.53, 名称="南山"), files.point(114.05, 22.54, 名称="福田"), files.point(120, 30, 名称="外地")]
        report = town.take(files.geojson(tmp_path / "divided.geojson", rows))
        assert (
            town.live("divided", "name, division") == [("南山", "440305"), ("福田", "440304"), ("外地", None)]
            and report.division_filled == 2
        )
        rows = [files.point(113.93, 22.53, 名="说了", 行政区代码="440304"), files.point(113.93, 22.53, 名="没说", 行政区代码=None)]
        town.take(files.geojson(tmp_path / "said.geojson", rows))
        assert town.live("said", "division") == [("440304",), ("440305",)]


class TestShapes:
    def test_bowties_and_collapsed_shapes(self, town, tmp_path) -> None:
        flat = [[113, 23], [113.1, 23], [113, 23]]
        rows = [files.polygon(files.BOWTIE, n=1), files.polygon(flat, n=2), files.square(113, 23, n=3), files.feature(None, n=4)]
        report = town.take(files.geojson(tmp_path / "bowtie.geojson", rows))
        assert report.published == 4 and report.refused == 0
        counts = {rule.rule: rule.count for rule in report.rules}
        assert (counts["invalid-geometry"], counts["collapsed"], counts["null-geometry"], counts["repair-area"]) == (1, 1, 2, 1)
        assert town.live("bowtie", "geom IS NULL, coalesce(ST_IsValid(geom), true)", "source_key = '', attrs ->> 'n'")[1::2] == [
            (True, True),
            (True, True),
        ]


class TestFields:
    def test_roles_fill_columns_and_history(self, town, tmp_path) -> None:
        rows = [
            files.square(
                113, 23, 编码="B1", 名称="甲", 类型="住宅", 高度=30, 基底高程=5, phase="规划", plan="方案一", valid_from="2030-01-01"
            ),
            files.square(
                113.1, 23, 编码="B2", 名称="乙", 类型="商业", 高度=60, 基底高程=None, phase="已建", plan=None, valid_from="2001-05-06"
            ),
            files.square(113.2, 23, 编码="B3", 名称="丙", 类型="商业", 高度=9, 基底高程=None, phase="不详", plan=None, valid_from="1999"),
        ]
        report = town.take(files.geojson(tmp_path / "roles.geojson", rows))
        live = town.live("roles", "code, name, class, zmin, zmax, phase, plan, lower(valid)::date::text, attrs ->> '_raw'")
        assert live[0] == ("B1", "甲", "住宅", 5.0, 35.0, "planned", "方案一", "2029-12-31", None)
        assert live[1][:7] == ("B2", "乙", "商业", 0.0, 60.0, "built", None) and live[1][7] == "2001-05-05"
        assert live[2][5] is None and json.loads(live[2][8]) == {"phase": "不详"}
        assert report.key == "编码" and next(rule.count for rule in report.rules if rule.rule == "bad-value") == 1

    def test_types_stay_and_odd_values_are_kept_aside(self, town, tmp_path) -> None:
        path = tmp_path / "typed.csv"
        path.write_text("id,lng,lat,层高,建成\n1,113,23,3.5,2001-02-03\n2,113.1,23,4,2002-02-03\n", encoding="utf-8")
        town.take(path, key="id")
        path.write_text("id,lng,lat,层高,建成,新列\n1,113,23,三米五,2001-02-03,x\n2,113.1,23,4,去年,y\n", encoding="utf-8")
        report = town.take(path, key="id")
        types = {field.name: field.type.value for field in report.fields}
        assert types == {"id": "text", "层高": "number", "建成": "date", "新列": "text"}
        attrs = [row[0] for row in town.live("typed", "attrs", "source_key")]
        assert attrs[0] == {"id": "1", "建成": "2001-02-03", "新列": "x", "_raw": {"层高": "三米五"}}
        assert attrs[1]["层高"] == 4 and attrs[1]["_raw"] == {"建成": "去年"}
        assert next(rule.count for rule in report.rules if rule.rule == "bad-value") == 2

    def test_overrides(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "over.geojson", *FIVE)
        said = (
            FieldOverride(name="height", title_zh="楼高", role="", in_tiles_from_zoom=12),
            FieldOverride(name="id", role="code", queryable=False),
        )
        report = town.take(path, fields=said)
        fields = {field.name: field for field in report.fields}
        assert (fields["height"].title_zh, fields["height"].role, fields["height"].in_tiles_from_zoom) == ("楼高", None, 12)
        assert fields["id"].role is Role.CODE and town.live("over", "code, zmax")[0] == ("k1", None)
        with pytest.raises(BadParameter, match="no column ghost"):
            town.take(path, layer="over2", fields=(FieldOverride(name="ghost"),))


class TestManners:
    def test_one_import_of_a_layer_at_a_time(self, town, tmp_path) -> None:
        path = files.geojson(tmp_path / "busy.geojson", [files.square(113 + at / 1000, 23, n=at) for at in range(3000)])

        def attempt(_: int) -> str:
            try:
                return f"{town.take(path).published}"
            except Conflict as refused:
                return refused.place

        with ThreadPoolExecutor(3) as pool:
            results = list(pool.map(attempt, range(3)))
        assert "3000" in results and set(results) <= {"3000", "layer"}
        assert len(town.live("busy", "oid")) == 3000 and town.staged() == []

    def test_a_refused_file_leaves_no_trace_but_its_run(self, town, tmp_path) -> None:
        path = tmp_path / "broken.geojson"
        path.write_text('{"type":"FeatureCollection","features":[')
        with pytest.raises(BadFile):
            town.take(path)
        assert town.ask("SELECT status FROM twin.import_run WHERE layer_id = 'broken'") == [("failed",)]
        assert town.staged() == [] and town.ask("SELECT 1 FROM twin.layer WHERE id = 'broken'") == []
        with pytest.raises(BadFile, match="no row"):
            town.take(files.geojson(tmp_path / "none.geojson", []))

    def test_a_cancelled_import_cleans_up(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "cancelled.geojson", *FIVE)

        def stop(progress: Progress) -> None:
            if progress.step_en == "Publishing":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            import_file(town.database, path, ImportOptions(), stop)
        assert town.staged() == [] and town.ask("SELECT 1 FROM twin.layer WHERE id = 'cancelled'") == []

    def test_sweep_leaves_living_runs_alone(self, town, tmp_path) -> None:
        path = town_file(tmp_path / "living.geojson", *FIVE)
        swept = []

        def sweep_inside(progress: Progress) -> None:
            swept.extend(sweep(town.database))

        import_file(town.database, path, ImportOptions(), sweep_inside)
        assert swept == [] and len(town.live("living", "oid")) == 5
