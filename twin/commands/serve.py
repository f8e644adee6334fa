"""serve: the HTTP server in the foreground."""

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from twin.commands.context import settings
from twin.settings import CHECKOUT

_TARGET = "web.app:application"


def serve() -> None:
    """Run the web processes until SIGTERM; running requests may finish."""
    Granian(
        _TARGET,
        address=settings().host,
        port=settings().port,
        interface=Interfaces.ASGI,
        factory=True,
        loop=Loops.uvloop,
        workers=settings().web_processes,
        websockets=False,
        log_access=False,
        log_level=LogLevels(settings().log_level),
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=max(1, int(settings().drain_s)),
        working_dir=CHECKOUT,
    ).serve()
