"""An archive of ready-made tiles becomes a layer: checked in the child, kept as a blob, and published in one transaction."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

from importers.base import ArchiveMeta, Member, ReadRequest
from importers.options import ImportOptions
from importers.process import private_folder, reading
from importers.report import ImportReport, Progress, Seconds
from importers.running import fail_run, in_our_words
from importers.sniff import is_pmtiles
from importers.spec import known_spec
from importers.unpack import read_head
from postgis import stage, stage_publish
from postgis.archives import check_kind, put_archive
from postgis.blobs import Blob, BlobStore
from postgis.connect import IMPORTER, Database, connect
from postgis.layers import MAX_NAME_BYTES, LayerSpec
from postgis.stage import Connection
from twin.errors import BadFile, Conflict, OperationError
from twin.fields import BASE_COLUMNS, BASE_ROLES, Field, FieldType, Role
from twin.layer import Access, GeometryType, LayerKind

Tell = Callable[[Progress], None]
_TYPES = {"number": FieldType.NUMBER, "boolean": FieldType.BOOLEAN}
_BLOCK = 1 << 20
_MAX_FIELDS = 500
_ROLES = {role.value: Role(role) for role in BASE_ROLES}


def is_archive(path: Path) -> bool:
    """Whether a file begins as a PMTiles archive does."""
    return path.is_file() and is_pmtiles(read_head(path), Member(path.name, path))


def import_archive(database: Database, home: Path | None, path: Path, options: ImportOptions, layer: str, tell: Tell) -> ImportReport:
    """Check the file and let the layer read it, or refuse it and change nothing."""
    if home is None:
        raise OperationError("an archive of tiles needs a home to be kept in", "瓦片文件需要数据目录存放")
    run = uuid4()
    with in_our_words(), connect(database, IMPORTER) as connection:
        stage.prepare_session(connection)
        check_kind(connection, layer, LayerKind.TILES)
        stage.start_run(connection, run, layer, options.source or layer)
        try:
            return _Archive(connection, home, options, layer, run, tell).all(path.resolve())
        except BaseException as exc:
            fail_run(connection, run, exc)
            raise


class _Archive:
    """One import."""

    def __init__(self, connection: Connection, home: Path, options: ImportOptions, layer: str, run: UUID, tell: Tell) -> None:
        self.connection, self.home, self.options, self.layer, self.run, self.tell = connection, home, options, layer, run, tell

    def all(self, path: Path) -> ImportReport:
        """Check, keep, publish."""
        begun, found = perf_counter(), path.stat()
        self.tell(Progress(0, None, "检查瓦片", "Checking tiles"))
        meta = check_archive(path)
        checked = perf_counter()
        number = None
        if not self.options.dry_run:
            blob = self._keep(path)
            if (path.stat().st_mtime_ns, path.stat().st_size) != (found.st_mtime_ns, found.st_size):
                raise Conflict("the file was changed while it was read", "读取期间文件被改动", place=path.name)
            spec = self._spec(meta)
            number = put_archive(self.connection, spec, blob, meta.bounds, meta.contents)
        report = self._report(path, meta, number, Seconds(read=round(checked - begun, 3), publish=round(perf_counter() - checked, 3)))
        stage.close_run(self.connection, self.run, "done", number, report.model_dump(mode="json"))
        self.connection.commit()
        return report

    def _keep(self, path: Path) -> Blob:
        """Copy the file among the blobs, by its hash."""
        size, done = path.stat().st_size, 0
        with BlobStore(self.home).writer(size) as writer, path.open("rb") as file:
            for block in iter(lambda: file.read(_BLOCK), b""):
                writer.write(block)
                done += len(block)
                self.tell(Progress(done, size, "存放文件", "Keeping the file"))
            return writer.finish("application/vnd.pmtiles", path.name)

    def _spec(self, meta: ArchiveMeta) -> LayerSpec:
        """Said now, else as it was, else as the file says."""
        known = stage_publish.known_layer(self.connection, self.layer)
        base = known_spec(known.layer) if known else LayerSpec(id=self.layer, title_zh=meta.name or self.layer, access=Access.PUBLIC)
        said = {
            "title_zh": self.options.title_zh,
            "title_en": self.options.title_en,
            "description_zh": self.options.description_zh or base.description_zh or meta.description,
            "attribution": self.options.attribution or base.attribution or meta.attribution,
            "licence": self.options.licence,
            "access": self.options.access,
            "accuracy_note_zh": self.options.accuracy_note_zh,
        }
        decided = {
            "kind": LayerKind.TILES,
            "geometry_type": GeometryType.NONE,
            "fields": tuple(fields_of(meta)),
            "min_zoom": meta.min_zoom,
            "max_zoom": meta.max_zoom,
            "synthetic": meta.synthetic if self.options.synthetic is None else self.options.synthetic,
        }
        return LayerSpec.model_validate(base.model_dump() | {name: value for name, value in said.items() if value} | decided)

    def _report(self, path: Path, meta: ArchiveMeta, number: int | None, seconds: Seconds) -> ImportReport:
        """Tiles are not rows: all counts of rows are nought, and `features` says how many tiles there are."""
        return ImportReport(
            run=self.run,
            layer=self.layer,
            number=number,
            source=self.options.source or self.layer,
            file=path.name,
            format="pmtiles",
            dry_run=self.options.dry_run,
            features=meta.tiles,
            crs="EPSG:3857",
            datum="WGS84",
            encoding="UTF-8",
            fields=tuple(fields_of(meta)),
            min_zoom=meta.min_zoom,
            seconds=seconds,
            rows_in=0,
            published=0,
            refused=0,
            repaired=0,
            added=0,
            changed=0,
            removed=0,
            unchanged=0,
        )


def check_archive(path: Path) -> ArchiveMeta:
    """What the child found in the file; raises what it refused it with."""
    with private_folder() as folder, reading(ReadRequest(path=path, folder=folder)) as process:
        meta = process.describe()
        for _ in process.batches():
            pass
        process.finish()
    if meta.archive is None:
        raise BadFile("this is not an archive of tiles", "不是瓦片文件", place=path.name)
    return meta.archive


def fields_of(meta: ArchiveMeta) -> Iterator[Field]:
    """Every field of any layer inside, once; names that no layer of ours may have are left out."""
    found: dict[str, str] = {}
    for content in meta.contents:
        for name, kind in content.fields.items():
            found.setdefault(name, kind)
    fitting = [name for name in found if 0 < len(name.encode()) <= MAX_NAME_BYTES and (name in _ROLES or name not in BASE_COLUMNS)]
    for name in fitting[:_MAX_FIELDS]:
        yield Field(
            name=name, type=_TYPES.get(found[name].lower(), FieldType.TEXT), role=_ROLES.get(name), in_tiles_from_zoom=meta.min_zoom
        )
