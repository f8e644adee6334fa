"""The everyday suite: style, types, the page's own checks, then pytest, whose counts are the last line."""

import os
import subprocess
import sys
import time
from pathlib import Path

from install import PYTHON, ROOT, UI, Node
from steps import Log

_BIN = PYTHON.parent


def main(arguments: list[str]) -> int:
    """Run every check even after one has failed; the status tells whether all of them passed."""
    node = Node(Log())
    npm = [*node.npm, "run", "--silent"]
    passed = [
        _check("ruff check", [str(_BIN / "ruff"), "check", "--quiet"]),
        _check("ruff format", [str(_BIN / "ruff"), "format", "--check", "--quiet"]),
        _check("mypy", [str(_BIN / "mypy")]),
        _check("eslint", [*npm, "lint"], UI, node.environment),
        _check("tsc", [*npm, "check"], UI, node.environment),
        _check("vitest", [*npm, "test"], UI, node.environment),
    ]
    if not all(passed):
        print("A check above has failed; the tests run all the same.\n", flush=True)
    status = subprocess.run([str(PYTHON), "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode
    return status or (0 if all(passed) else 1)


def _check(title: str, command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None) -> bool:
    """One check: a line when it holds, its whole output when it does not."""
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=cwd, env=env or dict(os.environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {title} ({time.monotonic() - begun:.1f} s)", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
