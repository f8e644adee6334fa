"""Icons of the styles as MapLibre sprites: four files that the page's build drew from Maki."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from twin.errors import NotFound
from web.pages import STATIC, static_file

SPRITES: Final = STATIC / "sprites"
_NAMES: Final = frozenset({"icons.json", "icons.png", "icons@2x.json", "icons@2x.png"})
_CACHING: Final = "public, max-age=86400"


def found() -> Path | None:
    """The set as a path without suffixes; None while the page is not built."""
    return SPRITES / "icons" if all((SPRITES / name).is_file() for name in _NAMES) else None


router = APIRouter(prefix="/sprites", tags=["catalogue"])


@router.get("/{name}", include_in_schema=False)
async def sprite(name: str, request: Request) -> Response:
    """One file of the one set there is: nothing in the address makes work."""
    if name not in _NAMES:
        raise NotFound(
            "sprites are at /sprites/icons.json, icons.png, icons@2x.json and icons@2x.png",
            "图标文件为 /sprites/icons.json、icons.png、icons@2x.json 与 icons@2x.png",
            place="path",
        )
    return await static_file(request, SPRITES, name, _CACHING)
