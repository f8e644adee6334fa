"""Keeps the overviews of layers fresh: what tiles below zoom 14 read, made from the base twins and refreshed where rows changed.

A trigger on each base twin notes the rows that change; a round takes those notes and makes anew what depends on them, in one transaction on one
snapshot, so that a tile never mixes two states and a kill leaves the old one. An advisory lock keeps two workers off the same layer.
"""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.rows import class_row

from postgis.generalise import simplify_coverage
from postgis.queries import load_queries

_LOG = logging.getLogger("twin.overviews")
_QUERIES = load_queries(__file__)
_MAX_CHANGED = 20_000
"""With more noted rows all is made anew."""

_IN_THE_WAY = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.UndefinedTable,
)
"""Somebody else works on the layer, or has dropped it."""

_PATIENCE_S, _PAUSE_S = 60.0, 0.2
"""How long a finished overview waits for readers of the old one before it is thrown away."""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class _Due:
    """A layer whose overview may be out of date, and what it is now."""

    number: int
    kind: str
    generation: int
    epoch: int
    changed: int
    anew: bool


def refresh(connection: Connection) -> bool:
    """Bring every overview up to date with its base twin, each in a transaction of its own; True when one has to be tried again. Role importer."""
    return _round(connection)[1] > 0


def refresh_overviews(connection: Connection) -> int:
    """The same, but returns how many overviews were brought up to date."""
    return _round(connection)[0]


def _round(connection: Connection) -> tuple[int, int]:
    """How many layers were done, and how many were left: another worker has them, or their twin was changed over meanwhile."""
    with connection.transaction(), connection.cursor(row_factory=class_row(_Due)) as cursor:
        layers = cursor.execute(_QUERIES["due"]).fetchall()
    done = sum(_tried(connection, layer) for layer in layers)
    return done, len(layers) - done


def _tried(connection: Connection, layer: _Due) -> bool:
    """Whether the layer was done; one that cannot be must not keep the others from it."""
    with _locked(connection, layer.number) as held:
        try:
            return held and _bring_up_to_date(connection, layer)
        except _IN_THE_WAY as exc:
            _LOG.info("the overview of layer %s waits for another round: %s", layer.number, type(exc).__name__)
        except Exception:
            if connection.closed:
                raise
            _LOG.exception("the overview of layer %s could not be made", layer.number)
    return False


def _bring_up_to_date(connection: Connection, layer: _Due) -> bool:
    """Make, refresh or remove one overview, as the layer's rows ask for; False when its twin changed meanwhile."""
    with connection.transaction():
        kind = str(_ask(connection, "kind", layer))
        anew = kind != layer.kind or layer.anew or layer.changed > _MAX_CHANGED
        if anew and kind != "none":
            _ask(connection, "watch", layer)
    with _one_snapshot(connection, layer.number):
        if not _ask(connection, "stands", layer):
            return False
        if kind == "none":
            _remove(connection, layer)
        elif anew:
            _build(connection, replace(layer, kind=kind))
        elif layer.changed:
            _refresh(connection, layer)
        _ask(connection, "settle", replace(layer, kind=kind))
    return True


def _remove(connection: Connection, layer: _Due) -> None:
    if layer.kind != "none" or layer.changed:
        _ask(connection, "drop", layer)


def _build(connection: Connection, layer: _Due) -> None:
    """Fill tables beside the ones in use, and change them over as soon as the readers of those leave them for a moment."""
    _ask(connection, "begin", layer)
    if layer.kind == "coverage":
        _put_coverage(connection, layer, "_new", "coverage_rows")
    else:
        _ask(connection, "fill", layer)
    _ask(connection, "index", layer)
    deadline = time.monotonic() + _PATIENCE_S
    while not _ask(connection, "swap", layer):
        if time.monotonic() > deadline:
            raise psycopg.errors.LockNotAvailable("readers never left the old overview")
        time.sleep(_PAUSE_S)
    _ask(connection, "tell", layer)


def _refresh(connection: Connection, layer: _Due) -> None:
    if layer.kind == "coverage":
        _put_coverage(connection, layer, "", "take_coverage")
    else:
        _ask(connection, "refresh", layer)


def _put_coverage(connection: Connection, layer: _Due, suffix: str, source: str) -> None:
    """Simplify what `source` hands out, band by band, and write the shapes that changed."""
    rows = connection.execute(_QUERIES[source], asdict(layer), binary=True).fetchall()
    bands = connection.execute(_QUERIES["bands"]).fetchall()
    oids = [oid for oid, _, changed in rows if changed]
    if not oids:
        return
    for band, pixel_m in bands:
        simple = simplify_coverage([shape for _, shape, _ in rows], pixel_m / 2)
        shapes = [shape for shape, (_, _, changed) in zip(simple, rows, strict=True) if changed]
        values = {"number": layer.number, "suffix": suffix, "band": band, "oids": oids, "shapes": shapes}
        connection.execute(_QUERIES["put_coverage"], values)


def _ask(connection: Connection, query: str, layer: _Due) -> Any:
    row = connection.execute(_QUERIES[query], asdict(layer)).fetchone()
    return row[0] if row else None


@contextlib.contextmanager
def _one_snapshot(connection: Connection, number: int) -> Iterator[None]:
    """A transaction in which every statement sees the same rows: cells and kept shapes must not each count a row that moves meanwhile."""
    before = connection.isolation_level
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            connection.execute(sql.SQL(_QUERIES["hold"]).format(twin=sql.Identifier(f"tile_{number}")))
            yield
    finally:
        connection.isolation_level = before


@contextlib.contextmanager
def _locked(connection: Connection, number: int) -> Iterator[bool]:
    """Hold the layer's overview against other workers, or say that one of them has it; taken before the snapshot, so that none is older than it."""
    with connection.transaction():
        row = connection.execute(_QUERIES["try_lock"], {"number": number}).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held and not connection.closed:
            with connection.transaction():
                connection.execute(_QUERIES["unlock"], {"number": number})
