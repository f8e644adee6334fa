"""Versions, the feed of changes, differences and the way back; random edits against a plain model of bitemporal truth."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from layers.edit_values import EditRules, read_feature
from layers.edits import apply_one
from postgis import history
from postgis.connect import EDITOR, IMPORTER, connect
from postgis.divisions import DivisionRow, replace_divisions
from postgis.edits import Edit, EditOrder
from postgis.pool import HotPool
from tests.tile_scene import put_layer
from tests.web.conftest import Site, problem_of
from tests.web.test_editing import FIELDS, GEOJSON, PATCH, box, feature, wait_for_layer
from tests.web.test_transactions import body
from twin.errors import Forbidden, NotFound
from twin.layer import Access, Layer
from twin.view import EVERYTHING, Scope, View

JSON = {"Content-Type": "application/json"}
START = datetime(2020, 1, 1, tzinfo=UTC)
Line = list[tuple[datetime, datetime | None, int]]


@pytest.fixture(scope="module")
def park(site: Site) -> Iterator[Layer]:
    """A layer of this module's own."""
    yield put_layer(site.database, Layer(number=0, id="park", title_zh="公园", fields=FIELDS, geometry_type="Polygon"))
    with connect(site.database, IMPORTER) as connection:
        connection.execute("SELECT twin.drop_layer('park')")


@pytest.fixture
def here(park: Layer, program: httpx.Client) -> str:
    wait_for_layer(program, "park")
    return "/collections/park"


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def new(client: httpx.Client, here: str, valid_from: datetime | None = None, **properties: Any) -> str:
    params = {"valid_from": valid_from.isoformat()} if valid_from else {}
    answer = client.post(f"{here}/items", json=feature(**properties), headers=GEOJSON, params=params)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def test_versions_say_who_wrote_them_to_those_signed_in(program: httpx.Client, web: httpx.Client, here: str) -> None:
    where = new(program, here, floors=1)
    program.patch(where, json={"properties": {"floors": 2}}, headers=PATCH).raise_for_status()
    first, second = program.get(where + "/versions").json()["features"]
    assert first["written"] == second["written"] == {"what": "edit", "by": "test-program"}
    assert first["valid"][1] == second["valid"][0] and second["etag"] == program.get(where).headers["etag"]
    public = web.get(where + "/versions").json()["features"]
    assert [one["written"] for one in public] == [{"what": "edit"}] * 2
    page = web.get(where + "/versions", params={"limit": 1}).json()
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    assert web.get(following).json()["features"] == public[1:]
    problem_of(web.get(f"{here}/items/1/versions"), 404)


def test_restore_makes_an_old_version_the_present_one(program: httpx.Client, here: str) -> None:
    where = new(program, here, floors=1, 名称="原样")
    old = program.get(where + "/versions").json()["features"][0]
    program.put(where, json=feature(box(113.7), floors=2), headers=GEOJSON).raise_for_status()
    stale = program.post(where + "/restore", json={"version": old["version"]}, headers={"If-Match": old["etag"]})
    problem_of(stale, 412)
    tag = program.get(where).headers["etag"]
    answer = program.post(where + "/restore", json={"version": old["version"]}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    now = program.get(where)
    assert now.headers["etag"] == answer.headers["etag"]
    assert (now.json()["properties"], now.json()["geometry"]) == (old["properties"], old["geometry"])
    program.delete(where).raise_for_status()
    assert program.post(where + "/restore", json={"version": old["version"]}).status_code == 200
    assert program.get(where).json()["properties"] == old["properties"]
    problem_of(program.post(where + "/restore", json={"version": "1.2"}), 404)
    for odd in ({"version": 5}, {"version": "'; DROP TABLE x"}, {}, {"version": old["version"], "x": 1}):
        problem_of(program.post(where + "/restore", json=odd), 400)


def follow(client: httpx.Client, here: str, since: int, limit: int) -> tuple[list[tuple[int, str]], int]:
    """Everything after an epoch, page by page."""
    found: list[tuple[int, str]] = []
    address: str | None = f"{here}/changes?since={since}&limit={limit}"
    page: dict[str, Any] = {}
    while address:
        page = client.get(address).raise_for_status().json()
        found += [(entry["id"], entry["change"]) for entry in page["changes"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    return found, page["epoch"]


def test_the_feed_of_changes_is_whole_at_every_page_size(program: httpx.Client, web: httpx.Client, here: str) -> None:
    begin = web.get(f"{here}/changes").json()["epoch"]
    lines = [{"action": "create", "feature": feature(floors=n)} for n in range(25)]
    made = program.post(f"{here}/transactions", content=body(*lines), headers={"Content-Type": "application/x-ndjson"}).json()["created"]
    program.patch(f"{here}/items/{made[3]}", json={"properties": {"floors": 99}}, headers=PATCH).raise_for_status()
    program.delete(f"{here}/items/{made[4]}").raise_for_status()
    expected = [(oid, "created") for oid in made] + [(made[3], "changed"), (made[4], "ended")]
    for limit in (1, 2, 7, 25, 26, 1000):
        found, epoch = follow(web, here, begin, limit)
        assert found == expected, limit
    assert follow(web, here, epoch, 10)[0] == []
    program.delete(f"{here}/items/{made[5]}").raise_for_status()
    assert follow(web, here, epoch, 10)[0] == [(made[5], "ended")]


def test_who_is_too_late_starts_anew(site: Site, program: httpx.Client, web: httpx.Client, here: str, park: Layer) -> None:
    epoch = web.get(f"{here}/changes").json()["epoch"]
    problem_of(web.get(f"{here}/changes", params={"since": epoch + 1000}), 410)
    with connect(site.database, IMPORTER) as connection:
        connection.execute("SELECT twin.emit('layer', '{}', %s)", [park.number])
    assert "start anew" in str(problem_of(web.get(f"{here}/changes", params={"since": epoch}), 410)["mend"])
    epoch = web.get(f"{here}/changes").json()["epoch"]
    where = new(program, here)
    assert [one for one, _ in follow(web, here, epoch, 5)[0]] == [int(where.rsplit("/", 1)[1])]
    for odd in ("since=-1", "since=x", "limit=0", "x=1"):
        problem_of(web.get(f"{here}/changes?{odd}"), 400)


def test_diff(program: httpx.Client, web: httpx.Client, here: str) -> None:
    t0, t1 = datetime(2031, 1, 1, tzinfo=UTC), datetime(2031, 6, 1, tzinfo=UTC)
    day = timedelta(days=1)
    stays, changed, gone = (new(program, here, t0 - 2 * day, floors=n, raw={"a": n}) for n in range(3))
    added = new(program, here, t0 + day, floors=7)
    program.patch(
        changed, json={"properties": {"floors": 50, "raw": {"a": 9}}}, headers=PATCH, params={"valid_from": (t0 + day).isoformat()}
    )
    program.delete(gone, params={"valid_from": (t0 + day).isoformat()})
    span = {"from": t0.isoformat().replace("+00:00", "Z"), "to": t1.isoformat().replace("+00:00", "Z")}
    found = {one["id"]: one for one in web.get(f"{here}/diff", params=span).json()["features"]}
    ids = [int(where.rsplit("/", 1)[1]) for where in (changed, gone, added)]
    assert {oid: found[oid]["change"] for oid in found if oid in ids} == dict(zip(ids, ("changed", "removed", "added"), strict=True))
    assert int(stays.rsplit("/", 1)[1]) not in found
    assert found[ids[0]]["fields"] == {"floors": [1, 50], "raw": [{"a": 1}, {"a": 9}]} and not found[ids[0]]["geometry_changed"]
    seen, address = [], web.get(f"{here}/diff", params=span | {"limit": 1})
    for _ in range(len(found)):
        page = address.json()
        seen += [one["id"] for one in page["features"]]
        further = [link["href"] for link in page["links"]]
        if not further:
            break
        address = web.get(further[0])
    assert seen == sorted(found)
    then = {"from": "2020-06-01T00:00:00Z", "to": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "time": "known", "limit": 10_000}
    assert {one["change"] for one in web.get(f"{here}/diff", params=then).json()["features"]} <= {"added"}
    problem_of(web.get(f"{here}/diff", params={"from": span["from"]}), 400)
    problem_of(web.get(f"{here}/diff", params=span | {"time": "x"}), 400)


def at(line: Line, moment: datetime) -> int | None:
    return next((value for start, end, value in line if start <= moment and (end is None or moment < end)), None)


def edited(line: Line, action: str, moment: datetime, value: int) -> Line | None:
    """The timeline after an edit, as anybody would draw it; None when there is no state to edit."""
    if action != "restore" and at(line, moment) is None:
        return None
    made: Line = []
    for start, end, old in line:
        holds = start <= moment and (end is None or moment < end)
        if action == "delete":
            if start < moment:
                made.append((start, min(end or moment, moment), old))
        elif not holds:
            made.append((start, end, old))
        elif action == "correct":
            made.append((start, end, value))
        else:
            made += [(start, moment, old)] if start < moment else []
            made.append((moment, end, value))
    if action == "restore" and at(line, moment) is None:
        made.append((moment, min((start for start, _, _ in line if start > moment), default=None), value))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_random_edits_against_a_model(program: httpx.Client, here: str, seed: int) -> None:
    dice = random.Random(seed)
    where = new(program, here, START, floors=0)
    line: Line = [(START, None, 0)]
    beliefs: list[tuple[datetime, Line]] = []
    for step in range(1, 25):
        action = dice.choice(["change", "change", "correct", "replace", "delete", "restore"])
        moment = START + timedelta(days=dice.randrange(-5, 4000))
        params = {"valid_from": moment.isoformat().replace("+00:00", "Z")} | ({"correct": "true"} if action == "correct" else {})
        versions = program.get(where + "/versions", params={"limit": 1000}).json()["features"]
        picked = dice.choice(versions)
        value = picked["properties"]["floors"] if action == "restore" else step
        if action == "restore":
            answer = program.post(where + "/restore", json={"version": picked["version"]}, params=params)
        elif action == "delete":
            answer = program.delete(where, params=params)
        elif action == "replace":
            answer = program.put(where, json=feature(floors=step), headers=GEOJSON, params=params)
        else:
            answer = program.patch(where, json={"properties": {"floors": step}}, headers=PATCH, params=params)
        expected = edited(line, action, moment, value)
        assert (answer.status_code == 404) == (expected is None), (action, moment, answer.text)
        line = line if expected is None else expected
        beliefs.append((datetime.now(UTC), line))
    found = program.get(where + "/versions", params={"limit": 1000}).json()["features"]
    spans = [(*map(instant, one["valid"]), *map(instant, one["known"]), one["properties"]["floors"]) for one in found]
    probes = sorted(
        {
            bound + shift
            for _, old in beliefs
            for one in old
            for bound in one[:2]
            if bound
            for shift in (timedelta(0), timedelta(microseconds=-1))
        }
    )
    for known_at, believed in beliefs:
        # What is announced bounds the state before it at once (038_edits.sql), so beliefs are kept of what was so by then.
        for moment in (probe for probe in probes if probe <= known_at):
            held = [
                v
                for a, b, s, e, v in spans
                if (a is None or a <= moment) and (b is None or moment < b) and s <= known_at and (e is None or known_at < e)
            ]
            expected_value = at(believed, moment)
            assert held == ([] if expected_value is None else [expected_value])


async def test_scope_bounds_edits_and_history(site: Site, park: Layer, program: httpx.Client, here: str) -> None:
    """A caller bound to a division sees and edits only what lies in it, its history too."""
    ring = "POLYGON((113 22,114 22,114 23,113 23,113 22))"
    with connect(site.database, IMPORTER) as connection:
        import shapely

        replace_divisions(connection, [DivisionRow("440305", 3, "南山区", wkb=shapely.from_wkt(ring).wkb)], "test-bound")
    bound = Scope(access=frozenset({Access.PUBLIC}), divisions=("4403",))
    other = Scope(access=frozenset({Access.PUBLIC}), divisions=("4401",))
    inside = EditOrder("park", bound, "bound")

    def edit(order: EditOrder, action: Any, oid: int | None, value: Any = None, **more: Any) -> Any:
        rules = EditRules(park, order.scope, 1000, 1000)
        draft = read_feature(value, rules, whole=action != "update") if value else None
        parts = (draft.shape, draft.has_shape, draft.columns, draft.attrs) if draft else (None, False, b"{}", b"{}")
        with connect(site.database, EDITOR) as connection:
            return apply_one(connection, order, Edit(0, action, oid, None, *parts, **more))

    (oid,) = edit(inside, "create", None, feature(box(113.5, 22.5), floors=1)).made
    with pytest.raises(Forbidden):
        edit(inside, "create", None, feature(box(115.5, 22.5), floors=1))
    with pytest.raises(Forbidden):
        edit(inside, "update", oid, {"geometry": box(115.5, 22.5)})
    for action, value in (("update", {"properties": {"floors": 2}}), ("delete", None), ("replace", feature())):
        with pytest.raises(NotFound):
            edit(EditOrder("park", other, "other"), action, oid, value)
    edit(inside, "update", oid, {"properties": {"floors": 2}})
    area = Scope(access=frozenset({Access.PUBLIC}), area_4490=(113.4, 22.4, 113.6, 22.6))
    edit(EditOrder("park", area, "area"), "update", oid, {"properties": {"floors": 3}})
    with pytest.raises(Forbidden):
        edit(EditOrder("park", area, "area"), "update", oid, {"geometry": box(113.59, 22.5, 0.1)})
    pool = await HotPool.open(site.database, 1)
    for scope, seen in ((bound, 3), (other, 0), (EVERYTHING, 3), (area, 3)):
        view = View("park", scope, oid=oid)
        assert len(await pool.fetch(history.versions_statement(view, park, 10, 0), scope)) == seen
        assert len(await pool.fetch(history.seen_statement(view, park, [oid]), scope)) == bool(seen)
        moments = (START, datetime.now(UTC) + timedelta(days=1))
        ids = [row["oid"] for row in await pool.fetch(history.differing_statement(view, park, moments, False, (10_000, 0)), scope)]
        assert (oid in ids) == bool(seen)
    await pool.close()
