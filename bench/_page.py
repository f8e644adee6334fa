"""Writes the table of the tile benchmark into docs/performance.md, between its two marks."""

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench._rows import Result

BEGIN, END = "<!-- bench/tiles.py writes below -->", "<!-- bench/tiles.py writes above -->"


def machine() -> str:
    """The machine in words."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    models = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text()) or [platform.machine()]
    postgres = subprocess.run(["pg_config", "--version"], capture_output=True, text=True, check=False).stdout.strip() or "PostgreSQL"
    return f"{os.cpu_count()} cores ({models[0].strip()}), {memory:.0f} GB memory, {postgres}, Python {platform.python_version()}"


def write(page: Path, results: Sequence[Result], data: str, command: str, notes: Sequence[str]) -> None:
    """Replace what lies between the marks; AssertionError when the page lost them."""
    text = page.read_text("utf-8")
    assert BEGIN in text and END in text, f"{page} has not both marks"
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [f"{machine()}. {data} Date: {day}. Command: `{command}`. A ratio above 1 means that we are better.", ""]
    lines += ["| case | ours | peer or limit | ratio | at least | |", "|---|---|---|---|---|---|", *map(_line, results), ""]
    lines += [f"- {note}" for note in notes]
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", "utf-8")


def _line(row: Result) -> str:
    verdict = "for information" if not row.target else "holds" if row.holds else "**missed**"
    unit = f" {row.unit}" if row.unit else ""
    target = f"{row.target:g}" if row.target else "–"
    return f"| {row.case} | {row.ours:g}{unit} | {row.peer_name} {row.peer:g}{unit} | {row.ratio:g} | {target} | {verdict} |"
