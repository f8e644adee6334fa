"""Every setting of the twin in one class, read once from the environment (`TWIN_…`) and handed down as plain values."""

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from twin.errors import InputError

CHECKOUT = Path(__file__).resolve().parents[1]
_ROOT_STATE = Path("/var/lib/yuetu")


def default_home() -> Path:
    """State is `.twin/` of the checkout; a checkout of root's may be closed to the database account, so root has /var/lib/yuetu/<hash>."""
    if os.geteuid() != 0:
        return CHECKOUT / ".twin"
    return _ROOT_STATE / hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]


def default_processes() -> int:
    """Web processes on this machine: one for each core we may use, at most 4."""
    return max(1, min(4, len(os.sched_getaffinity(0))))


class Settings(BaseSettings):
    """What an operator may decide; each field is the variable TWIN_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="TWIN_", frozen=True, env_ignore_empty=True)

    home: Path = Field(default_factory=default_home, description="Directory of all state: database, blobs, logs")
    host: str = Field(default="127.0.0.1", description="Address to listen on; `::` is every IPv6 and IPv4 address")
    port: int = Field(default=8080, ge=1, le=65535, description="TCP port to listen on")
    public_url: str = Field(default="", description="Address callers use, with a path prefix if there is one; links start with it")
    database_url: str = Field(default="", description="An existing PostGIS database instead of the private cluster")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Addresses or networks, by comma, whose X-Forwarded-* headers are believed"
    )
    web_processes: int = Field(default_factory=default_processes, ge=1, le=64, description="Web processes")
    hot_connections: int = Field(default=2, ge=1, le=64, description="Database connections of one web process for tiles and features")
    tile_memory_mb: int = Field(default=256, ge=0, description="Memory of one web process for finished tiles, in MiB")
    tile_cache_mb: int = Field(default=2048, ge=0, description="Disk below TWIN_HOME/cache for finished tiles of all web processes, in MiB")
    drain_s: float = Field(default=20, ge=0, le=300, description="Seconds that running requests may take when the server stops")
    max_upload_mb: int = Field(default=2048, ge=1, description="Largest uploaded file, in MiB")
    sources: Path | None = Field(default=None, description="Directory of this server whose files import schedules may read")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="Smallest level that is logged")
    test_data: Path | None = Field(default=None, description="Directory of the real data sets that tests read")

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """An absolute path without links: it ends up in PostgreSQL's own settings."""
        return home.expanduser().resolve()

    @field_validator("public_url", mode="after")
    @classmethod
    def _no_trailing_slash(cls, url: str) -> str:
        """Links are made by joining a path, so the base ends without a slash."""
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """A list by comma is what fits into a variable."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @cached_property
    def local_url(self) -> str:
        """Where this machine reaches the server: a wildcard address is reached by loopback."""
        host = {"::": "[::1]", "0.0.0.0": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host.strip('[]') and not host.startswith('[') else host}:{self.port}"

    @property
    def url(self) -> str:
        """The address to tell people."""
        return self.public_url or self.local_url


def read_settings() -> Settings:
    """The settings of this process; InputError names the variable that does not fit."""
    try:
        return Settings()
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "TWIN_" + str(first["loc"][0]).upper()
        raise InputError(f"{name}: {first['msg']}", f"环境变量 {name} 无效：{first['msg']}", place=name) from exc


def child_environment(**extra: str) -> dict[str, str]:
    """The environment of our own child processes: ours, with `extra` on top."""
    return {**os.environ, **extra}
