"""Steps of an import that decide where its rows lie: the reference system weighed against the coordinates, then the datum against boundaries."""

import numpy as np

from importers.base import SourceMeta, Summary
from importers.crs_doubt import CHINA, Reading, Region, Verdict, judge, said
from importers.datum_check import check_earlier, check_points
from importers.datum_check import said as said_of_datum
from importers.geos import shapely
from importers.levels import in_metres
from importers.report import CrsCheck, DatumCheck
from importers.running import Run
from importers.shift import LAT_LON, Array, Move, plan_move
from postgis.stage_diff import Against
from postgis.stage_place import (
    SampledRow,
    divisions_near,
    earlier_places,
    known_extent,
    named_divisions,
    names_divisions,
    sample_placed,
    sample_rows,
)
from twin.crs import Datum, SourceCrs
from twin.errors import BadFile
from twin.layer import Bounds

_MEND = "用 --crs 指明，例如 EPSG:4547 / declare it with --crs, for example EPSG:4547"
_MARGIN_DEGREES = 0.5
_SHOWN_READINGS = 6


def move_of(run: Run, meta: SourceMeta, summary: Summary) -> tuple[Move, CrsCheck | None]:
    """How coordinates come to EPSG:4490: as said, as the file says where that can be, else as the one thing that fits."""
    declared = plan_move(meta, run.options.crs, run.options.datum, run.options.axis_order)
    bounds = summary.bounds
    degrees = bounds is not None and _in_degrees(bounds)
    if declared is None and (degrees or bounds is None):
        declared = Move(SourceCrs(4326, Datum.WGS84), swapped=run.options.axis_order == LAT_LON)
        run.note("crs-assumed", "WGS84")
    verdict = _weigh(run, declared, summary) if bounds else None
    if verdict is None or not verdict.doubtful:
        move, check = declared or Move(SourceCrs(4326, Datum.WGS84)), None
    else:
        move, check = _settle(run, verdict, bounds), verdict.check()
    _remark(run, move)
    return in_metres(run, move, summary), check


def points_of(run: Run, move: Move) -> DatumCheck | None:
    """Points and lines beside the divisions that their rows name."""
    rows = sample_placed(run.connection, run.staged)
    known = named_divisions(run.connection, frozenset().union(*(row.words for row in rows))) if rows else []
    named = [next((at for at, (code, name, _) in enumerate(known) if _names(row.words, code, name)), -1) for row in rows]
    kept = [(row, at) for row, at in zip(rows, named, strict=True) if at >= 0]
    points = _first_points([row for row, _ in kept])
    return check_points(points, np.array([at for _, at in kept], dtype=np.int64), [wkb for _, _, wkb in known], move.datum)


def earlier_of(run: Run, move: Move, against: Against | None) -> DatumCheck | None:
    """Changed objects beside where they lie; nothing where a person says the datum, who may be mending it."""
    if against is None or run.options.datum or run.options.crs:
        return None
    places = np.array(earlier_places(run.connection, run.staged, against), dtype=np.float64).reshape(-1, 4)
    found = check_earlier(places[:, :2], places[:, 2:], move.datum)
    if found is None or not found.doubtful:
        return None
    run.note("datum-doubt", *said_of_datum(found))
    return found


def _weigh(run: Run, declared: Move | None, summary: Summary) -> Verdict | None:
    """None where degrees of the whole file lie where they are expected, which is the common case and costs nothing."""
    assert summary.bounds is not None  # noqa: S101  (asked before)
    extent = known_extent(run.connection)
    wide = CHINA if extent is None else _around(extent)
    one_way = extent is None or (declared is not None and not declared.source.is_projected)
    if declared and one_way and Reading(declared, _corners(summary.bounds), wide).inside == 1.0:
        return None
    rows = sample_rows(run.connection, run.staged, summary.rows)
    points = _first_points(rows)
    if not len(points):
        return None
    region = CHINA if extent is None else _known(run, extent, rows)
    return judge(declared, points, region, fixed_axes=bool(run.options.axis_order))


def _settle(run: Run, verdict: Verdict, bounds: Bounds | None) -> Move:
    """The reading to use, with its note; BadFile when a person's word is impossible, or nothing or more than one thing fits."""
    declared, move = verdict.declared, verdict.move
    if move is None or (run.options.crs and verdict.impossible):
        raise _refusal(verdict, bounds, said_by_person=bool(run.options.crs))
    fit = verdict.fits[0]
    if declared is None:
        turned = fit.move.swapped and not fit.move.source.is_projected
        run.note("axis-order" if turned else "crs-found", *said(fit))
        return move
    zh, en = said(declared)
    zh2, en2 = zip(*(said(reading) for reading in verdict.fits), strict=True)
    apart = declared.apart_m(fit)
    far_zh, far_en = ("", "") if apart is None else (f"；相差 {_metres(apart)}", f"; {_metres(apart)} apart")
    use_zh, use_en = (
        ("采用后者", "the latter is used") if verdict.impossible else ("仍按声明导入，可用 --crs 改正", "read as declared; mend with --crs")
    )
    only_turned = verdict.impossible and _turned(declared.move, fit.move)
    run.note(
        "axis-order" if only_turned else "prj-doubt",
        f"{zh}；{'；'.join(zh2)}{far_zh}；{use_zh}",
        f"{en}; {'; '.join(en2)}{far_en}; {use_en}",
    )
    return move


def _turned(one: Move, other: Move) -> bool:
    """Whether two readings differ in the order of their axes only; 4326 and 4490 are the same degrees."""
    return one.swapped != other.swapped and (one.crs.epsg == other.crs.epsg or (one.crs.epsg == 4326 and other.crs.epsg == 4490))


def _refusal(verdict: Verdict, bounds: Bounds | None, *, said_by_person: bool) -> BadFile:
    shown = ", ".join(f"{value:.6g}" for value in bounds or ())
    shown_first = [*verdict.fits, *(reading for reading in verdict.tried if reading not in verdict.fits)][:_SHOWN_READINGS]
    tried_zh, tried_en = zip(*(said(reading) for reading in shown_first), strict=True) if shown_first else ((), ())
    names = " / ".join(reading.title for reading in verdict.fits)
    mend = f"--crs {names}" if names else _MEND
    if verdict.declared is None:
        what = ("文件未说明坐标系", "the file does not state its reference system")
    elif said_by_person:
        what = ("坐标不可能属于所指定的坐标系", "the coordinates cannot be of the reference system that was said")
    else:
        what = ("文件声明的坐标系可能有误", "the stated reference system is probably wrong")
    more = (
        ("有多种坐标系符合", "several reference systems fit") if len(verdict.fits) > 1 else ("没有坐标系符合", "no reference system fits")
    )
    if said_by_person and len(verdict.fits) == 1:
        more = (f"符合的是 {names}", f"what fits is {names}")
    degrees = verdict.declared is None or not verdict.declared.move.source.is_projected
    kind = ("经纬度", "degrees") if degrees else ("该坐标系的坐标", "of it")
    return BadFile(
        f"{what[1]}, its coordinates ({shown}) are not {kind[1]}, and {more[1]}: {'; '.join(tried_en) or 'their size is of none'}",
        f"{what[0]}，且坐标（{shown}）不是{kind[0]}，{more[0]}：{'；'.join(tried_zh) or '数值大小均不相符'}",
        place="crs",
        mend=mend,
    )


def _remark(run: Run, move: Move) -> None:
    """Notes that a reading carries with it, whoever chose it."""
    if move.grid is not None:
        run.note("crs-parameters", move.grid.text)
    elif move.wkt and move.source.is_bound:
        run.note("crs-parameters", move.wkt[:500])
    accuracy = move.accuracy_m()
    if move.is_approximate():
        zh = f"约 {accuracy:.0f} m" if accuracy is not None else "精度未知：无公开转换参数，仅换算椭球"
        en = (
            f"about {accuracy:.0f} m"
            if accuracy is not None
            else "accuracy unknown: no published parameters, only the ellipsoids are converted"
        )
        run.note("crs-approximate", f"{move.name}：{zh}", f"{move.name}: {en}")


def _known(run: Run, extent: Bounds, rows: list[SampledRow]) -> Region:
    words = [row.words for row in rows]

    def near(lon: Array, lat: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.array([found.near for found in divisions_near(run.connection, lon.tolist(), lat.tolist())], dtype=bool)

    def named(lon: Array, lat: Array) -> float:
        at = np.flatnonzero(np.isfinite(lon))
        found = divisions_near(run.connection, lon[at].tolist(), lat[at].tolist())
        hits = sum(_names(words[index], division.code, division.name) for index, division in zip(at, found, strict=True))
        return hits / max(len(lon), 1)

    return Region(extent, near, named, by_divisions=True, has_names=names_divisions(run.connection, frozenset().union(*words)))


def _names(words: frozenset[str], code: str, name: str) -> bool:
    """Whether a row names this division: its code, or its name with or without 区, 县, 市."""
    return bool(name) and (code in words or name in words or (len(name) > 2 and name[:-1] in words))


def _around(extent: Bounds) -> Region:
    """A box about the known divisions, to ask without the database."""
    west, south, east, north = (value + sign * _MARGIN_DEGREES for value, sign in zip(extent, (-1, -1, 1, 1), strict=True))
    return Region(
        extent, lambda lon, lat: (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north), lambda lon, lat: 0.0, by_divisions=True
    )


def _corners(bounds: Bounds) -> Array:
    west, south, east, north = bounds
    return np.array([[west, south], [west, north], [east, south], [east, north]])


def _first_points(rows: list[SampledRow]) -> Array:
    """One vertex of each row."""
    shapes = shapely.from_wkb([row.wkb for row in rows]) if rows else []
    points = [shapely.get_coordinates(shape)[0] for shape in shapes]
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _in_degrees(bounds: Bounds) -> bool:
    west, south, east, north = bounds
    return west >= -180 and east <= 180 and south >= -90 and north <= 90


def _metres(value: float) -> str:
    return f"{value:.0f} m" if value < 10_000 else f"{value / 1000:.0f} km"
