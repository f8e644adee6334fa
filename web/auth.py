"""Signing in and out: the session lives in the database, the cookie only names it, and every write repeats its CSRF token."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from layers.access import Caller
from twin.errors import Forbidden
from web.callers import COOKIE, credentials_of
from web.deps import CallerDep, HouseDep, LinksDep, SignedInDep
from web.json import Json, read_model

router = APIRouter(tags=["account"])

_NO_STORE = {"cache-control": "no-store"}
Secret = Annotated[str, StringConstraints(max_length=1000)]


class Login(BaseModel):
    """What a person types."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Secret
    password: Secret


class NewPassword(BaseModel):
    """The old password and the one to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    old: Secret
    new: Secret


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads `model` as its JSON body."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


def describe(caller: Caller) -> dict[str, Any]:
    """A caller as the page sees itself."""
    return {
        "name": caller.name,
        "role": caller.role or None,
        "must_change": caller.must_change,
        "csrf": caller.csrf or None,
        "may": sorted(caller.may),
    }


@router.post("/login", openapi_extra=body_of(Login))
async def login(request: Request, house: HouseDep, links: LinksDep) -> Response:
    """Sign in; the cookie is HttpOnly, the CSRF token is in the answer."""
    typed = await read_model(request, Login)
    session = await house.accounts.login(typed.name, typed.password, house.links.client_address(request.scope))
    house.callers.forget()
    response = Json(describe(session.caller), headers=_NO_STORE)
    lifetime_s = int((session.expires - datetime.now(UTC)).total_seconds())
    response.set_cookie(
        COOKIE, session.token, max_age=lifetime_s, path=links.prefix or "/", secure=links.secure, httponly=True, samesite="lax"
    )
    return response


@router.post("/logout", status_code=204)
async def logout(request: Request, house: HouseDep, links: LinksDep, caller: SignedInDep) -> Response:
    """End this session; its token is worth nothing from now on."""
    if caller.kind == "session":
        await house.accounts.logout(credentials_of(request.scope).token)
        house.callers.forget()
    response = Response(status_code=204, headers=_NO_STORE)
    response.delete_cookie(COOKIE, path=links.prefix or "/", secure=links.secure, httponly=True, samesite="lax")
    return response


@router.get("/me")
async def me(caller: CallerDep) -> Response:
    """Who I am and what I may do; name is null for nobody."""
    return Json(describe(caller), headers=_NO_STORE)


@router.post("/password", status_code=204, openapi_extra=body_of(NewPassword))
async def change_password(request: Request, house: HouseDep, caller: SignedInDep) -> Response:
    """Change my own password; all my other sessions end."""
    if caller.kind != "session":
        raise Forbidden("an API key has no password", "API 密钥没有密码", place="Authorization")
    typed = await read_model(request, NewPassword)
    await house.accounts.change_password(caller, typed.old, typed.new, credentials_of(request.scope).token)
    house.callers.forget()
    return Response(status_code=204, headers=_NO_STORE)
