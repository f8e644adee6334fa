"""Who is calling, what they may do, and the Scope that says what they may see; the one place where a person becomes a Scope."""

from dataclasses import dataclass
from typing import Literal

from twin.errors import Forbidden, Unauthorized
from twin.view import EVERYTHING, PUBLIC, Scope

Kind = Literal["anonymous", "session", "key"]

#: What each role may do beyond reading.
ROLE_ACTIONS: dict[str, frozenset[str]] = {
    "": frozenset(),
    "admin": frozenset({"import", "publish", "edit", "jobs"}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The person or program behind one request."""

    name: str | None
    kind: Kind
    role: str = ""
    must_change: bool = False
    """A first password: nothing may be done before it is changed."""
    csrf: str = ""
    """What the header X-CSRF-Token must repeat on every write of a session."""

    @property
    def may(self) -> frozenset[str]:
        """Actions open to the caller: import, publish, edit, jobs."""
        return frozenset() if self.must_change else ROLE_ACTIONS.get(self.role, frozenset())


ANONYMOUS = Caller(name=None, kind="anonymous")


def scope_of(caller: Caller) -> Scope:
    """What the caller may see: the public scope, or everything for an administrator whose password is their own."""
    return EVERYTHING if caller.role == "admin" and not caller.must_change else PUBLIC


def require(caller: Caller, action: str) -> None:
    """Unauthorized when nobody is signed in, Forbidden when the caller may not do `action`."""
    if caller.kind == "anonymous":
        raise Unauthorized("sign in, or send an API key", "请先登录，或提供 API 密钥", place="Authorization")
    if caller.must_change:
        raise Forbidden("change the first password before anything else", "请先修改初始密码", place="password", mend="POST /password")
    if action not in caller.may:
        raise Forbidden(f"{caller.name} may not {action}", f"{caller.name} 无权执行该操作（{action}）")
