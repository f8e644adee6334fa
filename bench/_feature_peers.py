"""The servers of the features benchmark, one worker each: ours, tipg and pygeoapi over the same rows, and how each is asked for a page."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from bench._feature_data import HOUSES, PLAIN
from bench._http import free_port
from bench._peers import Contender, Path_of, Place, run_tipg, start_ours, uvicorn
from postgis.connect import SUPERUSER

MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Servers:
    """Those that run; None: its environment is not here."""

    ours: Contender
    tipg: Contender | None
    pygeoapi: Contender | None


def _items(collection: str) -> Path_of:
    return lambda **query: f"/collections/{collection}/items?{urlencode(query, safe=',/:')}"


def start_our_items(place: Place) -> contextlib.AbstractContextManager[Contender]:
    """`twin serve` with one web process and its two connections."""
    return start_ours(place, "yuetu", 0, _items(HOUSES.id))


def start_tipg_items(place: Place, most_rows: int = MOST_ROWS) -> contextlib.AbstractContextManager[Contender] | None:
    """tipg with one worker, its pool of up to ten connections, and as many rows a page as asked for."""
    return run_tipg(place, "tipg", _items(f"bench.{PLAIN}"), {"TIPG_MAX_FEATURES_PER_QUERY": str(most_rows)})


def start_pygeoapi(place: Place) -> contextlib.AbstractContextManager[Contender] | None:
    """pygeoapi as Starlette under uvicorn, one worker with its pool of threads and connections, gzip on, no indented JSON."""
    python = place.python("pygeoapi", "TWIN_BENCH_PYGEOAPI")
    if python is None:
        return None
    return _run_pygeoapi(place, free_port(), python)


@contextlib.contextmanager
def _run_pygeoapi(place: Place, port: int, python: Path) -> Iterator[Contender]:
    config, document = place.home / "pygeoapi.json", place.home / "pygeoapi-openapi.json"
    config.write_text(json.dumps(_configuration(place, port)))
    variables = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(document)}
    tell = [str(python), "-c", "from pygeoapi import cli; cli()", "openapi", "generate", str(config), "--format", "json"]
    with document.open("wb") as output:
        subprocess.run(tell, env=os.environ | variables, stdout=output, check=True)
    command = uvicorn(python, "pygeoapi.starlette_app:APP", port)
    with place.start("pygeoapi", "/conformance?f=json", _items(PLAIN), command, variables, port) as contender:
        yield contender


def _configuration(place: Place, port: int) -> Mapping[str, object]:
    """What pygeoapi reads (JSON is YAML): one collection over the plain table."""
    data = {"host": place.socket_dir, "port": 5432, "dbname": "twin", "user": SUPERUSER, "password": "", "search_path": ["bench"]}
    provider = {"type": "feature", "name": "PostgreSQL", "data": data, "id_field": "oid", "table": PLAIN, "geom_field": "geom"}
    crs = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": True,
            "language": "en-US",
            "pretty_print": False,
            "limits": {"default_items": 10, "max_items": MOST_ROWS},
            "map": {"url": "https://example.invalid/{z}/{x}/{y}.png", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "bench",
                "description": "bench",
                "keywords": ["bench"],
                "keywords_type": "theme",
                "terms_of_service": "none",
                "url": "https://example.invalid",
            },
            "license": {"name": "none", "url": "https://example.invalid"},
            "provider": {"name": "bench", "url": "https://example.invalid"},
            "contact": {"name": "bench", "email": "bench@example.invalid"},
        },
        "resources": {
            PLAIN: {
                "type": "collection",
                "title": PLAIN,
                "description": PLAIN,
                "keywords": ["bench"],
                "extents": {"spatial": {"bbox": [109, 20, 118, 26], "crs": crs}},
                "providers": [provider | {"storage_crs": crs}],
            }
        },
    }
