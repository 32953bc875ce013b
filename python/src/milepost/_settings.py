"""Where to report to and as whom: the environment first, then what `milepost login` wrote."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_URL = "http://127.0.0.1:8080"
LARGEST_PORT = 65_535


@dataclass(frozen=True)
class Settings:
    """What the package needs to know.

    Attributes:
        url: The server, without `/api/v1`.
        api_key: The provider's key; without one nothing is reported.
        spool: The folder in which reports wait until the server has them.
        spool_limit: How many bytes of reports of one process may wait there.
        is_disabled: Nothing is reported, and nothing written.
    """

    url: str
    api_key: str | None = field(repr=False)
    spool: Path
    spool_limit: int
    is_disabled: bool


def load_settings(url: str | None = None, api_key: str | None = None) -> Settings:
    """Reads the settings; what is given as an argument goes before all else.

    Raises:
        ValueError: A variable or the file of `milepost login` says something that cannot be understood.
    """
    if os.environ.get("MILEPOST_DISABLED", "").lower() in {"1", "true", "yes"}:
        return Settings(url="", api_key=None, spool=Path(), spool_limit=0, is_disabled=True)
    saved = _load_saved()
    url = address(url or os.environ.get("MILEPOST_URL") or saved.get("url") or DEFAULT_URL)
    # The key that was saved for one server is not shown to another.
    is_saved = address(saved.get("url") or DEFAULT_URL) == url
    api_key = (
        api_key or os.environ.get("MILEPOST_API_KEY") or (saved.get("api_key") if is_saved else None) or ""
    ).strip()
    if not api_key.isascii() or not api_key.isprintable():
        raise ValueError("the key has characters that no key has")
    limit = os.environ.get("MILEPOST_SPOOL_LIMIT", "64")
    if not limit.isdecimal() or int(limit) == 0:
        raise ValueError(f"MILEPOST_SPOOL_LIMIT is a whole number of MiB, not {limit!r}")
    return Settings(
        url=url,
        api_key=api_key or None,
        # Absolute: the script may go elsewhere.
        spool=Path(
            os.environ.get("MILEPOST_SPOOL") or _folder("XDG_STATE_HOME", ".local/state") / "milepost" / "spool"
        ).absolute(),
        spool_limit=int(limit) * 1024 * 1024,
        is_disabled=False,
    )


def address(url: str) -> str:
    """A server's address without `/api/v1`, as the command line writes it.

    Raises:
        ValueError: It is none.

    >>> address("HTTPS://Bücher.example:443/a b/./api/v1/")
    'https://xn--bcher-kva.example/a%20b'
    """
    try:
        parts = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parts = httpx.URL()
    is_address = parts.scheme in {"http", "https"} and parts.host and (parts.port or 0) <= LARGEST_PORT
    if not is_address or "%" in parts.host or "?" in url or "#" in url:
        raise ValueError(f"the server is http:// or https:// and a host, such as {DEFAULT_URL}")
    if parts.userinfo:
        raise ValueError("the server's address must name no user; the key goes into MILEPOST_API_KEY")
    # One server, one name: what another process left behind for it is found by it.
    host = parts.raw_host.decode("ascii")
    host = f"[{host}]" if ":" in host else host
    is_usual = parts.port in {None, {"http": 80, "https": 443}[parts.scheme]}
    base = f"{parts.scheme}://{host}{'' if is_usual else f':{parts.port}'}{parts.raw_path.decode('ascii')}".rstrip("/")
    return base.removesuffix("/api/v1").rstrip("/")


def parse_toml(text: str) -> dict[str, Any]:
    """What a text in TOML says.

    Raises:
        ValueError: It is not TOML.
    """
    content: dict[str, Any] = tomllib.loads(text)
    return content


def _load_saved() -> dict[str, Any]:
    path = _folder("XDG_CONFIG_HOME", ".config") / "milepost" / "credentials.toml"
    try:
        saved = parse_toml(path.read_text(encoding="utf-8"))
        for name in ("url", "api_key"):
            if not isinstance(saved.get(name, ""), str):
                raise ValueError(f"{name} is no text")  # noqa: TRY301, TRY004
    except OSError:
        return {}
    except ValueError as error:
        raise ValueError(f"{path}: {error}; `milepost login` writes it anew") from None
    return saved


def _folder(variable: str, otherwise: str) -> Path:
    named = os.environ.get(variable)
    return Path(named) if named else Path.home() / otherwise
