"""The everyday suite: style, types, the page's own checks, then pytest, whose counts are the last line."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from install import PYTHON, ROOT, UI, Node
from steps import Log

_BIN = PYTHON.parent


@dataclass(frozen=True)
class Check:
    """One check and where it runs; without an environment it gets ours."""

    title: str
    command: list[str]
    cwd: Path = ROOT
    environment: dict[str, str] | None = None


def main(arguments: list[str]) -> int:
    """Run every check even after one has failed; the status tells whether all of them passed."""
    node = Node(Log())
    npm, environment = [*node.npm, "run", "--silent"], node.environment
    checks = (
        Check("eslint", [*npm, "lint"], UI, environment),
        Check("mypy", [str(_BIN / "mypy")]),
        Check("tsc", [*npm, "check"], UI, environment),
        Check("vitest", [*npm, "test"], UI, environment),
        Check("ruff check", [str(_BIN / "ruff"), "check", "--quiet"]),
        Check("ruff format", [str(_BIN / "ruff"), "format", "--check", "--quiet"]),
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = list(pool.map(_holds, checks))
    if not all(passed):
        print("A check above has failed; the tests run all the same.\n", flush=True)
    # The whole suite on every core, a file at a time; each worker has a cluster of its own.
    spread = [] if arguments else ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile"]
    status = subprocess.run([str(PYTHON), "-m", "pytest", *spread, *arguments], cwd=ROOT, check=False).returncode
    return status or (0 if all(passed) else 1)


def _holds(check: Check) -> bool:
    """Run one check: a line when it holds, its whole output when it does not."""
    begun = time.monotonic()
    done = subprocess.run(
        check.command, cwd=check.cwd, env=check.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    lines = [f"{'FAILED' if done.returncode else 'ok    '} {check.title} ({time.monotonic() - begun:.1f} s)"]
    if done.returncode:
        lines.append(done.stdout + done.stderr)
    print("\n".join(lines), flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
