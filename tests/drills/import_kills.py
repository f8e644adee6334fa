"""Imports under every accident: killed at random moments, a full disk, a child without memory, two at once, a cut upload, a restarted database."""

import contextlib
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench._rows import Result, limited
from importers.options import ImportOptions
from importers.run import import_file, sweep
from layers.accounts import add_key
from postgis.cluster import Cluster
from postgis.connect import EDITOR, SUPERUSER, Database, connect
from postgis.migrate import migrate
from tests.drills._kills import LAYER, Range, ask, leftovers, look, take, two_states, version
from tests.drills._load import drill
from tests.drills.restart import kill, restart
from tests.web_server import start_server
from twin.errors import Conflict, TwinError

SMALL_DISK = "24m"


@dataclass(frozen=True, slots=True)
class Ground:
    """A cluster of the drill's own, and a place for files."""

    cluster: Cluster
    database: Database
    folder: Path


def run(quick: bool) -> list[Result]:
    """The whole drill, or the small one."""
    kills, rows, times = (5, 500, 1) if quick else (200, 1000, 5)
    with _ground() as ground:
        return [
            *kill_importer(ground, kills, rows),
            *two_at_once(ground, 2 * times),
            *no_memory(ground),
            *full_folder(ground),
            *full_tablespace(ground),
            *cut_upload(ground, times),
            *database_away(ground, times),
        ]


def kill_importer(ground: Ground, kills: int, rows: int) -> list[Result]:
    """As many kills as asked; rounds whose process was done before its time came do not count."""
    place = Range(ground.database, _made(ground.folder / "private"), rows, random.Random(kills))
    place.begin()
    while place.tally.kills < kills:
        place.round()
    place.end()
    tally = place.tally
    print(f"kills by moment: {dict(tally.moments)}; {tally.finished} rounds were done before", file=sys.stderr)
    kinds = f"{tally.undos} of an undo, {tally.firsts} of a first import, {tally.moments['Publishing']} while publishing"
    case = f"{tally.kills} × kill -9 of the importer or its reader ({kinds})"
    return [
        limited(f"{case}: half-published versions", "", tally.half_published, 0),
        limited(f"{case}: versions lost, or states known twice", "", tally.lost, 0),
        limited(f"{case}: rounds after which the sweep left something", "", tally.unswept, 0),
    ]


def two_at_once(ground: Ground, times: int) -> list[Result]:
    """Two imports of different files into one layer at the same moment."""
    wrong = 0
    for at in range(times):
        paths = [version(ground.folder / f"two-{side}.geojson", 2 * at + side, 300) for side in (1, 2)]

        def attempt(path: Path) -> str:
            try:
                return str(import_file(ground.database, path, ImportOptions(layer="two", key="n", mode="replace")).run)
            except Conflict as refused:
                return refused.place

        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(attempt, paths))
        smallest, largest, count = look(ground.database, "two")
        wrong += smallest != largest or count != 300 or set(ends) == {"layer"} or two_states(ground.database, "two") > 0
    wrong += len(leftovers(ground.database))
    return [limited(f"{times} × two imports into one layer at once: not one whole version, or something left", "", wrong, 0)]


def no_memory(ground: Ground) -> list[Result]:
    """A reader that may have 420 MB, all of it address space, and one polygon of two million vertices."""
    before, path = _state(ground), ground.folder / "wide.geojson"
    ring = ",".join(f"[{113 + at * 1e-7:.7f},{23 + at % 2 * 1e-7:.7f}]" for at in range(2_000_000))
    path.write_text(f'{{"type":"Feature","properties":{{"n":1}},"geometry":{{"type":"Polygon","coordinates":[[{ring},[113,23]]]}}}}')
    refused = _refused_in_child(ground, path, memory=420 << 20)
    path.unlink()
    return [limited("a reader out of memory: not refused with a reason, or something changed", "", refused + (_state(ground) != before), 0)]


def full_folder(ground: Ground) -> list[Result]:
    """The disk of private folders is full before an archive is unpacked."""
    before = _state(ground)
    plain = version(ground.folder / "victim.geojson", 9001, 60_000)
    with _small_disk(ground.folder / "small", "4m") as small:
        archive = Path(shutil.make_archive(str(ground.folder / "victim"), "zip", ground.folder, plain.name))
        refused = _refused_here(ground, archive, small)
        left = len(list(small.iterdir()))
    return [
        limited(
            "a full disk while unpacking: not refused with a reason, or something left or changed",
            "",
            refused + left + (_state(ground) != before),
            0,
        )
    ]


def full_tablespace(ground: Ground) -> list[Result]:
    """The disk of the database is full: while staging (unlogged tables), and again once it is free."""
    before = _state(ground)
    path = version(ground.folder / "victim.geojson", 9002, 150_000)
    with _small_disk(ground.folder.parent / "tables", SMALL_DISK) as small, _tablespace(ground, small):
        refused = _refused_here(ground, path, ground.folder)
        left = len(leftovers(ground.database))
    sweep(ground.database)
    left += len(leftovers(ground.database))
    wrong = refused + left + (_state(ground) != before)
    after = take(ground.database, version(path, 9003, 400))
    return [
        limited("a full database disk: not refused with a reason, or something left or changed", "", wrong, 0),
        limited("imports that fail once the disk is free again", "", after.published != 400, 0),
    ]


def cut_upload(ground: Ground, times: int) -> list[Result]:
    """A client that goes away in the middle of its upload: no file, no job."""
    home = _made(ground.folder / "home")
    with connect(ground.database, EDITOR) as connection:
        key = add_key(connection, "drill")
        connection.commit()
    with start_server(ground.database, home) as server:
        for at in range(times):
            _cut(server.port, key, sent=(at + 1) * 300_000 // times)
        deadline = time.monotonic() + 10
        while (left := _uploads(home)) and time.monotonic() < deadline:
            time.sleep(0.1)
        alive = server.client().get("/readyz").status_code == 200
    jobs = ask(ground.database, "SELECT count(*) FROM twin.job WHERE kind = 'import'")[0][0]
    return [limited(f"{times} × an upload cut off: files or jobs left, or a server that died", "", len(left) + jobs + (not alive), 0)]


def database_away(ground: Ground, times: int) -> list[Result]:
    """The database restarts, or is killed, in the middle of an import."""
    dice, half, unswept = random.Random(5), 0, 0
    for at in range(2 * times):
        before, path = _state(ground), version(ground.folder / "victim.geojson", 9100 + at, 400)
        whole = (9100 + at, 9100 + at, 400)
        accident = threading.Timer(dice.uniform(0.1, 2.0), restart if at % 2 else kill, [ground.cluster])
        accident.start()
        with contextlib.suppress(Exception):
            take(ground.database, path)
        accident.join()
        ground.cluster.ensure()
        half += _state(ground) not in {before, whole}
        sweep(ground.database)
        unswept += len(leftovers(ground.database))
    took = take(ground.database, version(ground.folder / "victim.geojson", 9999, 400))
    case = f"{2 * times} × the database restarted or killed during an import"
    return [
        limited(f"{case}: half-published versions", "", half + (took.published != 400) + two_states(ground.database, LAYER), 0),
        limited(f"{case}: runs or tables left after the sweep", "", unswept, 0),
    ]


def _refused_here(ground: Ground, path: Path, folder: Path) -> int:
    """0 when the import is refused with words of ours, its folders in `folder`; 1 when it is done, or dies of anything else."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        take(ground.database, path)
    except TwinError as refused:
        print(f"refused: {refused.message_zh} / {refused.message_en}", file=sys.stderr)
        return int(not refused.message_zh)
    except Exception as exc:
        print(f"NOT refused but {type(exc).__name__}: {exc}", file=sys.stderr)
        return 1
    finally:
        tempfile.tempdir = before
    return 1


def _refused_in_child(ground: Ground, path: Path, memory: int) -> int:
    """The same in a process, and children, of limited memory."""
    code = "import sys; from tests.drills.import_kills import refused_for_lack_of_memory as run; sys.exit(run(*sys.argv[1:]))"
    command = [sys.executable, "-c", code, ground.database.dsn, str(path), str(memory)]
    return subprocess.run(command, check=False, timeout=300).returncode


def refused_for_lack_of_memory(dsn: str, path: str, memory: str) -> int:
    """0 when the import says that it is refused; its reader gets no more than `memory` bytes."""
    from importers import process

    popen = subprocess.Popen

    def limited_popen(*args: object, **kwargs: object) -> object:
        return popen(*args, **kwargs, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory))))  # type: ignore[call-overload]

    process.subprocess.Popen = limited_popen  # type: ignore[attr-defined, assignment]
    try:
        take(Database(dsn, private=True), Path(path))
    except TwinError as refused:
        print(f"refused: {refused.message_zh} / {refused.message_en}", file=sys.stderr)
        return 0
    return 1


def _cut(port: int, key: str, sent: int) -> None:
    """Send the head and a part of an upload, then hang up."""
    head = (
        f"POST /imports HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Length: 400000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.geojson"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.encode() + b"x" * sent)
        time.sleep(0.2)


def _uploads(home: Path) -> list[Path]:
    return [path for path in (home / "blobs").rglob("*") if path.is_file()]


def _state(ground: Ground) -> tuple[object, ...]:
    return look(ground.database, LAYER)


@contextlib.contextmanager
def _ground() -> Iterator[Ground]:
    home = Path(tempfile.mkdtemp(prefix="yuetu-drill-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home / "home")
    try:
        database = cluster.ensure()
        migrate(database)
        yield Ground(cluster, database, _made(home / "files"))
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size; what a machine without the right to mount can do is nothing."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(_made(folder))], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def _tablespace(ground: Ground, folder: Path) -> Iterator[None]:
    """New tables lie in `folder`, which belongs to the account of the cluster."""
    owner = ground.cluster.data.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    name = psycopg.conninfo.conninfo_to_dict(ground.database.dsn)["dbname"]
    with psycopg.connect(ground.database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL("CREATE TABLESPACE small LOCATION {}").format(psycopg.sql.Literal(str(folder))))
        admin.execute("GRANT CREATE ON TABLESPACE small TO PUBLIC")
        admin.execute(psycopg.sql.SQL("ALTER DATABASE {} SET default_tablespace = small").format(psycopg.sql.Identifier(str(name))))
        try:
            yield
        finally:
            admin.execute(psycopg.sql.SQL("ALTER DATABASE {} RESET default_tablespace").format(psycopg.sql.Identifier(str(name))))
            admin.execute("DROP TABLESPACE small")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
