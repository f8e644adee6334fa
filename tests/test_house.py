"""The law of the house: who may import whom, where SQL and the environment may be read, how long a file may be."""

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from importers import CONTAINERS, FORMATS
from importers import load as load_reader
from postgis.jobs import JOBS, job_function
from twin.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
BELOW = {
    "twin": set(),
    "postgis": {"twin"},
    "layers": {"postgis", "twin"},
    "tiles": {"layers", "postgis", "twin"},
    "importers": {"layers", "postgis", "twin"},
    "web": {"tiles", "importers", "layers", "postgis", "twin"},
}
FRONT_DOOR = [ROOT / "twin" / "__main__.py", *(ROOT / "twin" / "commands").glob("*.py")]
LAZY = {"twin/registry.py", "importers/child.py", "importers/__init__.py"}
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc"}
MAX_LINES = 400
SQL = re.compile(
    r"^\s*(SELECT\s.+|INSERT\s+INTO\s.+|UPDATE\s.+\sSET\s.+|DELETE\s+FROM\s.+|WITH\s.+\sAS\s*\(.+"
    r"|(CREATE|ALTER|DROP)\s+(OR\s+REPLACE\s+)?(TABLE|VIEW|INDEX|FUNCTION|SCHEMA|ROLE|EXTENSION|TYPE)\b.+|TRUNCATE\s.+|COPY\s.+\s(FROM|TO)\s.+)",
    re.IGNORECASE | re.DOTALL,
)


def sources() -> list[Path]:
    return [path for room in BELOW for path in sorted((ROOT / room).rglob("*.py")) if "node_modules" not in path.parts]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(node: ast.AST) -> Iterator[str]:
    """Full names of the modules imported anywhere below `node`."""
    for found in ast.walk(node):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.ImportFrom):
            assert found.level == 0, "relative import"
            yield found.module or ""


@pytest.fixture(scope="module", params=sources(), ids=lambda path: str(path.relative_to(ROOT)))
def source(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_imports_go_down_the_stairs(source: Path) -> None:
    room = source.relative_to(ROOT).parts[0]
    own = {name.split(".")[0] for name in imports(tree_of(source))} & BELOW.keys()
    if source not in FRONT_DOOR:
        assert own <= BELOW[room] | {room}
        assert not any(name.startswith(("twin.commands", "twin.__main__")) for name in imports(tree_of(source))), (
            "nothing imports the front door"
        )


def test_no_own_import_inside_a_function(source: Path) -> None:
    if source in FRONT_DOOR or str(source.relative_to(ROOT)) in LAZY:
        return
    functions = [node for node in ast.walk(tree_of(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [name for node in functions for name in imports(node) if name.split(".")[0] in BELOW] == []


def test_the_environment_is_read_in_one_place(source: Path) -> None:
    if source == ROOT / "twin" / "settings.py":
        return
    text = source.read_text(encoding="utf-8")
    assert not re.search(r"\bos\.(environ|getenv|environb)\b|from os import .*(environ|getenv)", text)


def test_sql_is_only_under_postgis(source: Path) -> None:
    if source.relative_to(ROOT).parts[0] == "postgis":
        return
    tree = tree_of(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    texts = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]
    assert [node.value for node in texts if SQL.match(node.value)] == []


def test_no_sql_is_made_by_formatting(source: Path) -> None:
    joined = [node for node in ast.walk(tree_of(source)) if isinstance(node, ast.JoinedStr)]
    starts = [node.values[0].value for node in joined if node.values and isinstance(node.values[0], ast.Constant)]
    assert [text for text in starts if re.match(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP)\s", text)] == []


def test_files_are_short_and_well_named(source: Path) -> None:
    assert len(source.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert source.stem not in FORBIDDEN
    assert ast.get_docstring(tree_of(source)), "a module says why it exists"


def test_the_sql_pattern_knows_sql_from_prose() -> None:
    assert all(map(SQL.match, ["SELECT 1", "select * from t", "WITH a AS (SELECT 1) SELECT", "UPDATE t SET a = 1", "CREATE TABLE x ()"]))
    assert not any(map(SQL.match, ["with a name", "Create a thing", "update", "selected", "Delete the file", "Copy to clipboard"]))


@pytest.mark.parametrize("reference", [reference for entry in FORMATS for reference in (entry.sniff, entry.reader)])
def test_every_format_can_be_loaded(reference: str) -> None:
    assert callable(load_reader(reference))
    assert load_reader(reference).__doc__


def test_formats_do_not_share_a_suffix() -> None:
    suffixes = [suffix for entry in FORMATS for suffix in entry.suffixes] + list(CONTAINERS)
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("kind", sorted(JOBS))
def test_every_job_can_be_loaded(kind: str) -> None:
    assert callable(job_function(kind))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_loaded(name: str) -> None:
    assert COMMANDS[name].load() is not None
    assert importlib.import_module(COMMANDS[name].reference.split(":")[0]).__doc__


def test_no_lock_says_where_packages_come_from() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = listed.stdout.splitlines()
    for path in (ROOT / name for name in names if name.endswith((".lock", "package-lock.json", ".npmrc", "pip.conf", "uv.toml"))):
        assert '"resolved"' not in path.read_text(), path
        assert path.suffix == ".json" or "://" not in path.read_text(), path


def test_the_runtime_lock_is_part_of_the_test_lock() -> None:
    pins = [
        set(re.findall(r"^[\w.\[\]-]+==\S+", (ROOT / "setup" / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock")
    ]
    assert pins[0] <= pins[1]
