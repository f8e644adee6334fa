"""The one place that says where packages come from: the machine's own package sources, or a directory `TWIN_BUNDLE` without any network.

A bundle holds `debs/*.deb`, `wheels/*.whl` and `npm/` (an npm cache); whoever makes one needs to touch nothing else.
"""

import os
from pathlib import Path

_BUNDLE = os.environ.get("TWIN_BUNDLE", "")


def apt_names(names: list[str]) -> list[str]:
    """What to hand to `apt-get install` for these packages: their names, or every file of the bundle."""
    return [str(path) for path in sorted((Path(_BUNDLE).resolve() / "debs").glob("*.deb"))] if _BUNDLE else names


def apt_may_update() -> bool:
    """Whether package lists may be fetched."""
    return not _BUNDLE


def pip_arguments() -> list[str]:
    """What `pip install` needs to find its wheels; empty means the machine's own configuration."""
    return ["--no-index", "--find-links", str(Path(_BUNDLE).resolve() / "wheels")] if _BUNDLE else []


def npm_arguments() -> list[str]:
    """What `npm ci` needs to find its packages; a package already in npm's own cache is not fetched again."""
    return ["--offline", "--cache", str(Path(_BUNDLE).resolve() / "npm")] if _BUNDLE else ["--prefer-offline"]
