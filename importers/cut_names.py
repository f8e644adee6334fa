"""Field names that a shapefile cut at ten bytes, matched back to the fields of the layer they were exported from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from importers.base import Column
from importers.dbf import NAME_BYTES
from importers.draft import Staged
from importers.mixed import MIXED
from importers.running import Run

_LONGEST_CHARACTER = 3
"""A name may be this many bytes short of ten, less one, when its last character was cut in two."""


def complete_names(run: Run, staged: Staged) -> None:
    """Give cut columns the whole name of the one field of the layer that begins so; `staged` is changed."""
    if staged.meta.format != "shapefile" or staged.known is None:
        return
    spoken = {run.options.key, *run.options.match, *(item.name for item in run.options.fields)}
    columns = [column for column in staged.meta.columns if column.name not in spoken]
    fields = [field.name for field in staged.known.layer.fields]
    whole = completed(columns, fields, staged.meta.encoding)
    for cut, name in whole.items():
        run.note("name-completed", f"{cut} → {name}")
    rename(staged, whole)
    run.staging = staged.staging


def completed(columns: Sequence[Column], fields: Iterable[str], encoding: str) -> Mapping[str, str]:
    """Cut name → whole name, where exactly one field that the file lacks begins with it, in any letter case."""
    have = {column.name.casefold() for column in columns}
    lacking = [field for field in fields if field.casefold() not in have]
    found = {column.name: _begin(column.name, lacking, encoding) for column in columns if column.name not in fields}
    names = [fitting[0] for fitting in found.values() if len(fitting) == 1]
    return {cut: fitting[0] for cut, fitting in found.items() if len(fitting) == 1 and names.count(fitting[0]) == 1}


def _begin(name: str, fields: Sequence[str], encoding: str) -> list[str]:
    """The fields that are `name` when cut at ten bytes."""
    coding = "utf-8" if encoding.lower() == MIXED else encoding
    shown = name.encode(coding, errors="replace")
    if not NAME_BYTES - _LONGEST_CHARACTER < len(shown) <= NAME_BYTES:
        return []
    return [field for field in fields if _cut(field, coding).casefold() == name.casefold()]


def _cut(field: str, encoding: str) -> str:
    return field.encode(encoding, errors="replace")[:NAME_BYTES].decode(encoding, errors="ignore")


def rename(staged: Staged, names: Mapping[str, str]) -> None:
    """Call columns otherwise, in what the reader said and in the staged table alike."""
    if not names:
        return
    columns = tuple(item.model_copy(update={"name": names.get(item.name, item.name)}) for item in staged.meta.columns)
    staged.meta = staged.meta.model_copy(update={"columns": columns})
    held = tuple(replace(item, name=names.get(item.name, item.name)) for item in staged.staging.columns)
    staged.staging = replace(staged.staging, columns=held)
