"""The official test suites of the OGC (TEAM Engine's, without a screen) against a running server: no test may fail.

The suites are `ets-ogcapi-features10` and `ets-ogcapi-tiles10` as all-in-one jars, in the versions below: from the folder given by `--jars`
(`tests/out/cite`), else from Maven's registry. Where neither has them the drill says so and ends well; docs/operations.md tells how to build them.

The features suite transforms boxes by a table of its own (`proj4/nad/epsg`) that knows which axis comes first for a few European systems only, and
sends easting first for all others. It is run with that one word, `+axis=neu`, added where PROJ says that a system of ours has the northing first.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import pyproj

from bench._rows import Result, limited, report, scratch_database
from bench._tile_data import tile_of
from tests.tile_scene import BUILDING_FIELDS, put_layer, square
from tests.web.conftest import house
from tests.web_server import ROOT, Server, start_server
from twin.layer import Layer
from web.crs import SERVED

JARS = ROOT / "tests" / "out" / "cite"
_SUITE_S = 540
_TABLE = "proj4/nad/epsg"
TILE_LEVEL = 14


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite: its Maven name, its version, and the commit its version was made from."""

    name: str
    version: str
    commit: str

    @property
    def jar(self) -> str:
        return f"{self.name}-{self.version}-aio.jar"


SUITES = (
    Suite("ets-ogcapi-features10", "1.9", "e7c8a96deff936f7ae9c4cbbafb900ce65371d2c"),
    Suite("ets-ogcapi-tiles10", "1.2", "452abef1b9bf71ad24474895a04e1c45fc6c02b7"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite said."""

    passed: int
    failed: tuple[str, ...]
    skipped: tuple[str, ...]


def jar_of(suite: Suite, folder: Path) -> Path | None:
    """The suite's jar; None, with the reason told, where it cannot be had."""
    found = folder / suite.jar
    if found.exists():
        return found
    if shutil.which("mvn") is None:
        print(f"skipped: {suite.jar} is not in {folder}, and there is no mvn to fetch it", file=sys.stderr)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    artifact = f"org.opengis.cite:{suite.name}:{suite.version}:jar:aio"
    asked = ["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=False, cwd=tempfile.gettempdir())
    if done.returncode == 0 and found.exists():
        return found
    reason = next(
        (line for line in done.stdout.splitlines() if "Could not find" in line or "Unable to find" in line or "transfer" in line),
        "mvn failed",
    )
    print(
        f"skipped: {artifact} is not in {folder}, nor in Maven's registry as seen from here ({reason.removeprefix('[ERROR] ')[:200]})",
        file=sys.stderr,
    )
    return None


@contextmanager
def served() -> Iterator[Server]:
    """A server with points and houses, with every type of field, spread over two degrees; fewer than the suite's pages of ten, for it compares first pages."""
    with scratch_database() as database, tempfile.TemporaryDirectory() as home:
        for layer, kind, shape in (("houses", "Polygon", square), ("things", "Point", _point)):
            about = Layer(number=0, id=layer, title_zh="现状", title_en=layer.title(), fields=BUILDING_FIELDS, geometry_type=kind)
            put_layer(database, about, [replace(house(number), wkt=shape(113 + number / 5, 22 + number / 5)) for number in range(1, 10)])
        with start_server(database, Path(home)) as server:
            yield server


def _point(lon: float, lat: float) -> str:
    return f"POINT({lon} {lat})"


def asked_of(server: Server) -> dict[str, str]:
    """What the suites want to know: the landing page, how many collections to look at (all), and a tile that is not empty."""
    x, y = tile_of(114.0005, 23.0005, TILE_LEVEL)
    return {
        "iut": f"{server.url}/ogc",
        "noofcollections": "-1",
        "tilematrixsetdefinitionuri": "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad",
        "urltemplatefortiles": f"{server.url}/collections/houses/tiles/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}",
        "tilematrix": str(TILE_LEVEL),
        **{name: str(y) for name in ("mintilerow", "maxtilerow")},
        **{name: str(x) for name in ("mintilecol", "maxtilecol")},
    }


def judge(jar: Path, entries: Mapping[str, str], work: Path) -> Verdict:
    """Run a suite; its own report is read and left in `work`."""
    text = "".join(f'<entry key="{key}">{value}</entry>' for key, value in entries.items())
    asked = work / "asked.xml"
    asked.write_text(f'<?xml version="1.0" encoding="UTF-8"?><properties version="1.0">{text}</properties>')
    write_axes(jar, work / "table")
    words = ["java", "-cp", f"{work / 'table'}:{jar}", main_of(jar), "-o", str(work), str(asked)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_SUITE_S, check=False, cwd=work)
    (work / "told.txt").write_text(done.stdout + done.stderr)
    reports = sorted(work.rglob("testng-results.xml"))
    if not reports:
        sys.exit(f"{jar.name} made no report: {(done.stdout + done.stderr)[-2000:]}")
    return read_report(reports[-1])


def main_of(jar: Path) -> str:
    """The class that the jar starts."""
    with zipfile.ZipFile(jar) as packed:
        manifest = packed.read("META-INF/MANIFEST.MF").decode()
    return next(line.split(":", 1)[1].strip() for line in manifest.splitlines() if line.startswith("Main-Class:"))


def write_axes(jar: Path, folder: Path) -> None:
    """The jar's table of systems, if it has one, with the order of axes of ours; it is found before the jar's own."""
    with zipfile.ZipFile(jar) as packed:
        if _TABLE not in packed.namelist():
            return
        table = packed.read(_TABLE).decode("latin-1")
    north_first = {str(served.epsg) for served in SERVED if pyproj.CRS(served.uri).axis_info[0].direction == "north"}
    lines = [_turned(line) if line[1:].partition(">")[0] in north_first else line for line in table.splitlines()]
    (folder / _TABLE).parent.mkdir(parents=True)
    (folder / _TABLE).write_text("\n".join(lines) + "\n", "latin-1")


def _turned(line: str) -> str:
    return line if "+axis=" in line else line.replace("+no_defs", "+no_defs +axis=neu")


def read_report(path: Path) -> Verdict:
    """Counts of a TestNG report, and the tests that failed or were skipped, each once with its first reason."""
    found: dict[str, list[str]] = {"PASS": [], "FAIL": [], "SKIP": []}
    for method in ElementTree.parse(path).iter("test-method"):
        if method.get("is-config") != "true":
            message = (method.findtext("exception/message") or "").strip().split("\n")[0]
            found[method.get("status", "FAIL")].append(f"{method.get('name')}: {message[:300]}")
    return Verdict(len(found["PASS"]), tuple(found["FAIL"]), tuple(found["SKIP"]))


def row(suite: Suite, verdict: Verdict) -> Result:
    """The suite's line: failures against none."""
    for name in dict.fromkeys(verdict.failed):
        print(f"FAILED {suite.name} {name}", file=sys.stderr)
    for name in dict.fromkeys(verdict.skipped):
        print(f"skipped by the suite: {name}", file=sys.stderr)
    case = f"{suite.name} {suite.version}: failures, of {verdict.passed} passed and {len(verdict.skipped)} skipped"
    return limited(case, "tests", len(verdict.failed), 0)


def run(jars: Path, out: Path) -> list[Result]:
    """Every suite that can be had."""
    found = [(suite, jar) for suite in SUITES if (jar := jar_of(suite, jars)) is not None]
    if not found or shutil.which("java") is None:
        print("skipped: no suite, or no java to run it", file=sys.stderr)
        return []
    rows = []
    with served() as server:
        for suite, jar in found:
            work = out / suite.name
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            print(f"{suite.jar} SHA-256 {hashlib.sha256(jar.read_bytes()).hexdigest()}, of commit {suite.commit}", file=sys.stderr)
            rows.append(row(suite, judge(jar, asked_of(server), work)))
    return rows


def main() -> int:
    """0 when no test failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same; there is no smaller round")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--jars", type=Path, default=JARS, help="folder of the suites' all-in-one jars")
    arguments = parser.parse_args()
    rows = run(arguments.jars, ROOT / "tests" / "out" / "cite-reports")
    report(rows, arguments.json)
    return 0 if all(each.holds for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
