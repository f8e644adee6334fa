"""The map page, its files and the OpenAPI reader, all from our own disk."""

import gzip
import mimetypes
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from twin.errors import NotFound
from web.caching import unchanged, weak_etag

STATIC: Final = Path(__file__).parent / "static"
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
_MAX_NAME = 200
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".pbf": "application/x-protobuf",
}
_NOT_BUILT = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>粤图</title>
<h1>页面尚未构建</h1><p>地图页面还没有构建；接口可以照常使用。在代码目录执行 <code>./run</code> 即可构建。</p>
<h1 lang="en">The page is not built</h1><p lang="en">The interfaces work; <code>./run</code> builds the map page.</p>"""
_DOCS = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>粤图接口 · API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>"""
_DOCS_START = """window.ui = SwaggerUIBundle({url: "api", dom_id: "#swagger-ui", validatorUrl: null, deepLinking: true,
  requestInterceptor: (request) => { request.headers["Accept"] = request.headers["Accept"] || "application/json"; return request; }});
"""

router = APIRouter(include_in_schema=False)


async def map_page(request: Request) -> Response:
    """The built page, or a clear word that it is not built."""
    if _inside(STATIC, "index.html") is None:
        return HTMLResponse(_NOT_BUILT, 503, {"cache-control": "no-store"})
    return await static_file(request, STATIC, "index.html", _REVALIDATE)


@router.get("/docs")
async def docs() -> Response:
    """The OpenAPI reader."""
    if _inside(STATIC / "docs", "swagger-ui-bundle.js") is None:
        return HTMLResponse(_NOT_BUILT, 503, {"cache-control": "no-store"})
    return HTMLResponse(_DOCS, headers={"cache-control": _REVALIDATE})


@router.get("/docs/start.js")
async def docs_start() -> Response:
    """What starts the reader, as a file because the page may run nothing inline."""
    return Response(_DOCS_START, media_type="text/javascript", headers={"cache-control": _REVALIDATE})


@router.get("/docs/{name}")
async def docs_file(name: str, request: Request) -> Response:
    """A file of the reader."""
    return await static_file(request, STATIC / "docs", name, _REVALIDATE)


@router.get("/assets/{name:path}")
async def asset(name: str, request: Request) -> Response:
    """A file of the page; its name carries its hash, so it never changes."""
    return await static_file(request, STATIC / "assets", name, _IMMUTABLE)


@router.get("/embed/{name}")
async def embedded(name: str, request: Request) -> Response:
    """The web component that pages of other systems load; its address stays, so it is asked for anew each time."""
    return await static_file(request, STATIC / "embed", name, _REVALIDATE)


@router.get("/{name}")
async def top_file(name: str, request: Request) -> Response:
    """A file beside index.html (icon, worker); everything unknown ends here."""
    return await static_file(request, STATIC, name, _REVALIDATE)


async def static_file(request: Request, root: Path, name: str, caching: str) -> Response:
    """Answer one file below `root`, compressed for those who take it; NotFound otherwise."""
    gzipped = "gzip" in request.headers.get("accept-encoding", "").lower()
    path = _inside(root, name)
    if path is None:
        raise NotFound("there is nothing at this address", "此地址没有内容", place="path")
    version = path.stat().st_mtime_ns
    etag = await run_in_threadpool(_tag, path, version)
    headers = {"cache-control": caching, "vary": "Accept-Encoding", "etag": etag}
    if unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    body = await run_in_threadpool(_packed if gzipped else _plain, path, version)
    headers |= {"content-encoding": "gzip"} if gzipped else {}
    return Response(body, media_type=_media_type(name), headers=headers)


@lru_cache(maxsize=256)
def _packed(path: Path, _mtime_ns: int) -> bytes:
    """A file compressed as small as gzip can, once per process and version."""
    return gzip.compress(path.read_bytes(), 9, mtime=0)


@lru_cache(maxsize=256)
def _plain(path: Path, _mtime_ns: int) -> bytes:
    """A file as it is, read once per process and version."""
    return path.read_bytes()


@lru_cache(maxsize=256)
def _tag(path: Path, mtime_ns: int) -> str:
    """The entity tag of a file's bytes: the same on every host that serves them."""
    return weak_etag(blake2b(_plain(path, mtime_ns)).hexdigest())


def _inside(root: Path, name: str) -> Path | None:
    """The regular file `name` below `root`; None when there is none, or when the name leads out."""
    path = (root / name).resolve()
    return path if len(name) <= _MAX_NAME and path.is_relative_to(root.resolve()) and path.is_file() else None


def _media_type(name: str) -> str:
    """Media type by suffix, the same on every machine for what we ship."""
    suffix = Path(name).suffix
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
