"""The long runs in full: every `bench/NAME.py` and `tests/drills/NAME.py`, each writing its rows to `tests/out/NAME.json`.

Usage: ./run drill            all of them, one after the other
       ./run drill NAME …     only these, each with those that begin with its name (`import` is import and import_kills)
       ./run drill --list     their names and what each is for
"""

import ast
import subprocess
import sys
import time
from pathlib import Path

from install import PYTHON, ROOT

_OUT = ROOT / "tests" / "out"


def drills() -> dict[str, Path]:
    """Every drill by name; a file whose name starts with `_` is not one."""
    found = [*sorted((ROOT / "tests" / "drills").glob("[!_]*.py")), *sorted((ROOT / "bench").glob("[!_]*.py"))]
    return {path.stem: path for path in found}


def main(arguments: list[str]) -> int:
    """Run the named drills; 0 when all held, 1 when one failed, 2 for an unknown name."""
    known = drills()
    if arguments == ["--list"]:
        for name, path in known.items():
            print(f"{name:24} {(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}")
        return 0
    chosen = {name: [other for other in known if other == name or other.startswith(f"{name}_")] for name in arguments}
    unknown = [name for name, found in chosen.items() if not found]
    if unknown:
        print(f"No such drill: {', '.join(unknown)}. There are: {', '.join(known) or 'none yet'}.", file=sys.stderr)
        return 2
    names = dict.fromkeys(other for found in chosen.values() for other in found) if arguments else known
    return max([_run(name, known[name]) for name in names], default=0)


def _run(name: str, path: Path) -> int:
    """One drill as a module of its own, from the checkout, so that its imports are ours."""
    _OUT.mkdir(parents=True, exist_ok=True)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    begun = time.monotonic()
    print(f"== {name}", flush=True)
    status = subprocess.run([str(PYTHON), "-m", module, "--json", str(_OUT / f"{name}.json")], cwd=ROOT, check=False).returncode
    print(f"== {name}: {'held' if status == 0 else f'FAILED ({status})'}, {time.monotonic() - begun:.0f} s\n", flush=True)
    return min(status, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
