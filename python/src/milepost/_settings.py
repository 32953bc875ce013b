"""Where to report to and as whom: the environment first, then what `milepost login` wrote."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_URL = "http://127.0.0.1:8080"


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
    url = _address(url or os.environ.get("MILEPOST_URL") or saved.get("url") or DEFAULT_URL)
    # The key that was saved for one server is not shown to another.
    is_saved = _address(saved.get("url") or DEFAULT_URL) == url
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


def _address(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"the server is http:// or https:// and a host, such as {DEFAULT_URL}")
    if "@" in parts.netloc:
        raise ValueError("the server's address must name no user; the key goes into MILEPOST_API_KEY")
    # One server, one name: what another process left behind for it is found by it.
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_usual = parts.port in {None, {"http": 80, "https": 443}[parts.scheme]}
    base = f"{parts.scheme}://{host}{'' if is_usual else f':{parts.port}'}{parts.path}".rstrip("/")
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
        return parse_toml(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise ValueError(f"{path}: {error}; `milepost login` writes it anew") from None


def _folder(variable: str, otherwise: str) -> Path:
    named = os.environ.get(variable)
    return Path(named) if named else Path.home() / otherwise
