"""A table of another PostGIS database as a source: fetched by a process of its own, then imported as any file is.

Only a person at the command line may name an address; nothing that comes by HTTP leads here.
"""

import json
import subprocess
import sys
from pathlib import Path

from importers.options import ImportOptions
from importers.process import private_folder
from importers.report import ImportReport
from importers.run import import_file
from importers.running import Tell, quiet
from postgis.connect import Database
from postgis.foreign import safe_name
from twin.errors import BadFile, BadParameter, OperationError, TooLarge, TwinError
from twin.layer import check_layer_id
from twin.sandbox import LIMITS
from twin.settings import child_environment

_ROOT = Path(__file__).resolve().parents[1]
SCHEMES = ("postgresql://", "postgres://")
_KINDS: dict[str, type[TwinError]] = {kind.code: kind for kind in (BadFile, BadParameter, TooLarge)}


def is_address(text: str) -> bool:
    """Whether an argument is the address of a database and not a path."""
    return text.startswith(SCHEMES)


def import_table(database: Database, url: str, options: ImportOptions, tell: Tell = quiet) -> ImportReport:
    """Import the table `options.table` of the database at `url`; its name is what the report calls the file.

    Raises what `import_file` raises, BadParameter when there is no such table, OperationError when that database does not answer.
    """
    with private_folder() as folder:
        path = folder / f"{options.table.replace('/', '_') or 'table'}.arrow"
        _fetch(url, options.table, path)
        layer = options.layer or check_layer_id(options.table.rpartition(".")[2].lower())
        return import_file(database, path, options.model_copy(update={"layer": layer, "table": ""}), tell)


def _fetch(url: str, table: str, path: Path) -> None:
    """Run the fetching process to its end."""
    request = json.dumps({"url": url, "table": table, "path": str(path)})
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "importers.fetch"],
            input=request,
            capture_output=True,
            text=True,
            timeout=LIMITS.deadline_s,
            check=False,
            cwd=path.parent,
            env=child_environment(PYTHONPATH=str(_ROOT)),
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise TooLarge(f"reading {safe_name(url)} took longer than {LIMITS.deadline_s:.0f} s", "读取对方数据库超时") from None
    if done.returncode == 0:
        return
    lines = done.stdout.strip().splitlines()
    if done.returncode != 2 or not lines:
        raise OperationError(f"fetching from {safe_name(url)} failed (exit code {done.returncode})", "读取对方数据库的进程出错")
    told = json.loads(lines[-1])
    raise _KINDS.get(told["code"], OperationError)(
        told["en"], told["zh"], place=told["place"], mend=told["mend"], choices=tuple(told["choices"])
    )
