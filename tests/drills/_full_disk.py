"""Imports while a disk is full, a real one: a tmpfs of a few megabytes under the private folders, and under the database's tables."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from bench._rows import Result, limited
from importers.run import sweep
from postgis.connect import SUPERUSER
from tests.drills._import_ground import Ground, made
from tests.drills._kills import take, version
from tests.drills._looks import leftovers

_FOLDER_DISK = "2m"
_TABLES_DISK = "8m"


def full_disks(ground: Ground) -> list[Result]:
    """Both disks; nothing where this account may not mount one."""
    if os.geteuid():
        print("full disks: left out, only root may mount a tmpfs", file=sys.stderr)
        return []
    return [*_full_folder(ground), *_full_tablespace(ground)]


def _full_folder(ground: Ground) -> list[Result]:
    """The disk of private folders is full before an archive is unpacked."""
    before = ground.state()
    plain = version(ground.folder / "victim.geojson", 9001, 30_000)
    with _small_disk(ground.folder / "small", _FOLDER_DISK) as small:
        archive = Path(shutil.make_archive(str(ground.folder / "victim"), "zip", ground.folder, plain.name))
        refused = ground.refused(archive, small)
        left = len(list(small.iterdir()))
    wrong = refused + left + (ground.state() != before)
    return [limited("a full disk while unpacking: not refused with a reason, or something left or changed", "", wrong, 0)]


def _full_tablespace(ground: Ground) -> list[Result]:
    """The disk of the database is full while rows are staged; it takes an import again once it is free."""
    before = ground.state()
    path = version(ground.folder / "victim.geojson", 9002, 40_000)
    with _small_disk(ground.folder.parent / "tables", _TABLES_DISK) as small, _tablespace(ground, small):
        refused = ground.refused(path, ground.folder)
        left = len(leftovers(ground.database))
    sweep(ground.database)
    left += len(leftovers(ground.database))
    wrong = refused + left + (ground.state() != before)
    after = take(ground.database, version(path, 9003, 400))
    return [
        limited("a full database disk: not refused with a reason, or something left or changed", "", wrong, 0),
        limited("imports that fail once the disk is free again", "", after.published != 400, 0),
    ]


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(made(folder))], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def _tablespace(ground: Ground, folder: Path) -> Iterator[None]:
    """New tables lie in `folder`, which belongs to the account of the cluster."""
    owner = ground.cluster.data.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(ground.database.dsn)["dbname"]))
    with psycopg.connect(ground.database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(folder))))
        admin.execute("GRANT CREATE ON TABLESPACE small TO PUBLIC")
        admin.execute(sql.SQL("ALTER DATABASE {} SET default_tablespace = small").format(name))
        try:
            yield
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} RESET default_tablespace").format(name))
            admin.execute("DROP TABLESPACE small")
