"""One list of everything there is (一张清单): services, products and processes with address, version and limits, read from the tables that serve them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from layers.catalog import Catalog
from postgis.jobs import JOBS
from twin import __version__
from twin.view import Scope
from web import budgets, caching
from web.collections import only_json
from web.deps import CatalogDep, LinksDep, ScopeDep
from web.json import Json
from web.links import Links
from web.params import FORMAT_JSON, documented
from web.products import endpoints
from web.tile_docs import tile_paths

router = APIRouter(tags=["catalogue"])

_METHODS: Final = ("get", "put", "post", "patch", "delete")


@router.get("/capabilities", openapi_extra=documented(FORMAT_JSON))
async def capabilities(request: Request, catalog: CatalogDep, scope: ScopeDep, links: LinksDep) -> Response:
    """Every service, every product the caller may see and every process, with address, version and limits."""
    only_json(request)
    paths: Mapping[str, Any] = request.app.openapi()["paths"] | tile_paths()
    services = list(_services(paths, links))
    products = list(_products(catalog, scope, links))
    processes = [{"id": kind, "version": __version__, "jobs": links.to("jobs")} for kind in sorted(JOBS)]
    document = {
        "title": request.app.title,
        "version": __version__,
        "epoch": catalog.epoch,
        "counts": {"services": len(services), "products": len(products), "processes": len(processes)},
        "limits": _budgets(),
        "services": services,
        "products": products,
        "processes": processes,
    }
    return Json(document, headers=caching.headers(scope))


def _services(paths: Mapping[str, Any], links: Links) -> Iterator[dict[str, Any]]:
    """Each operation of each address, as the running application knows it."""
    for path, operations in paths.items():
        for method in (method for method in _METHODS if method in operations):
            about = operations[method]
            yield {
                "endpoint": links.base + path,
                "method": method.upper(),
                "title": about.get("summary", ""),
                "group": next(iter(about.get("tags", ())), ""),
                "version": __version__,
                "limits": _limits(about),
            }


def _limits(about: Mapping[str, Any]) -> dict[str, Any]:
    """The largest number, or the most items, each parameter takes."""
    found = {}
    for parameter in about.get("parameters", ()):
        schema = parameter.get("schema", {})
        largest = schema.get("maximum", schema.get("maxItems"))
        if largest is not None:
            found[parameter["name"]] = largest
    return found


def _products(catalog: Catalog, scope: Scope, links: Links) -> Iterator[dict[str, Any]]:
    for product in catalog.products(scope):
        yield {
            "code": product.code,
            "title_zh": product.title_zh,
            "title_en": product.title_en,
            "version": product.version,
            "updated_at": catalog.product_updated(product.code),
            "endpoints": endpoints(product, links),
        }


def _budgets() -> dict[str, int]:
    """The budgets every request must keep, by the names that refusals cite."""
    return {name.lower(): value for name, value in sorted(vars(budgets).items()) if name.isupper() and isinstance(value, int)}
