"""Named SQL lives in a `.sql` file beside its module; this loads the `-- name --` blocks, so a statement is found by its name."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_HEADER = re.compile(r"^-- ([a-z][a-z0-9_]*) --[ \t]*$", re.MULTILINE)
_COMMENTS = re.compile(r"\A(?:[ \t]*(?:--[^\n]*)?\n)*")


def split_queries(text: str) -> Mapping[str, str]:
    """Cut `text` into its named blocks; comment lines right below a name are for the reader and are dropped."""
    parts = _HEADER.split(text)[1:]
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a query name occurs twice among {sorted(names)}")
    return MappingProxyType({name: _COMMENTS.sub("", body).strip() for name, body in zip(names, bodies, strict=True)})


def load_queries(module_file: str) -> Mapping[str, str]:
    """The queries of the `.sql` file that has the same stem as `module_file` (pass `__file__`)."""
    return split_queries(Path(module_file).with_suffix(".sql").read_text(encoding="utf-8"))
