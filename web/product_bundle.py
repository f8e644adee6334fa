"""Products as one signed file, for another house: cards, styles, sums and a signature."""

from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from layers.bundle import MAX_PRODUCTS, write_bundle
from layers.catalog import Catalog
from layers.signing import house_key
from layers.styles import product_style
from twin.errors import TooLarge
from twin.view import Scope
from web.deps import CatalogDep, House, HouseDep, PublishReaderDep, ScopeDep
from web.params import Parameter, Query, documented, text_value

router = APIRouter(tags=["catalogue"])

CODES: Final = Parameter(
    "codes",
    text_value,
    {"type": "array", "items": {"type": "string"}, "maxItems": MAX_PRODUCTS},
    "Codes of published products, comma between them.",
)
_HEADERS: Final = {"cache-control": "private, no-store", "content-disposition": 'attachment; filename="products.zip"'}


@router.get("/products/bundle", openapi_extra=documented(CODES), summary="Products as one signed file")
async def bundle(request: Request, house: HouseDep, catalog: CatalogDep, scope: ScopeDep, _caller: PublishReaderDep) -> Response:
    """A zip of cards and styles with a manifest of SHA-256 sums, signed by this house; `twin publish` takes it in."""
    text = Query(request.scope["query_string"], [CODES.name]).need(CODES)
    codes = tuple(dict.fromkeys(code.strip() for code in text.split(",")))
    if len(codes) > MAX_PRODUCTS:
        raise TooLarge(f"over bundle_products = {MAX_PRODUCTS}", f"超过限额 bundle_products = {MAX_PRODUCTS}", place=CODES.name)
    packed = await run_in_threadpool(_pack, codes, house, catalog, scope)
    return Response(packed, media_type="application/zip", headers=_HEADERS)


def _pack(codes: tuple[str, ...], house: House, catalog: Catalog, scope: Scope) -> bytes:
    products = [catalog.product(code, scope) for code in codes]
    styles = {product.code: product_style(product, catalog, "", scope) for product in products}
    return write_bundle(products, styles, house_key(house.settings.home))
