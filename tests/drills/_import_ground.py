"""A cluster of the import drills' own, and how an import that must be refused is tried in it."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postgis.cluster import Cluster
from postgis.connect import Database
from postgis.migrate import migrate
from tests.drills._kills import LAYER, take
from tests.drills._looks import look
from twin.errors import TwinError


@dataclass(frozen=True, slots=True)
class Ground:
    """A cluster of the drill's own, and a place for files."""

    cluster: Cluster
    database: Database
    folder: Path

    def state(self) -> tuple[object, ...]:
        """What the drill's layer is now."""
        return look(self.database, LAYER)

    def refused(self, path: Path, folder: Path) -> int:
        """0 when the import is refused with words of ours, its folders in `folder`; 1 when it is done, or dies of anything else."""
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            take(self.database, path)
        except TwinError as refused:
            print(f"refused: {refused.message_zh} / {refused.message_en}", file=sys.stderr)
            return int(refused.message_zh in ("", refused.message_en))
        except Exception as exc:
            print(f"NOT refused but {type(exc).__name__}: {exc}", file=sys.stderr)
            return 1
        finally:
            tempfile.tempdir = before
        return 1


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """A migrated cluster, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="yuetu-drill-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(home / "home")
    try:
        database = cluster.ensure()
        migrate(database)
        yield Ground(cluster, database, made(home / "files"))
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def made(folder: Path) -> Path:
    """The folder, there now."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
