"""Tells what the script raises from what we do: its signal handlers may interrupt us anywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: The modules that our calls run through, the standard library's among them.
_OURS = {"milepost", "certifi", "h11", "httpcore", "httpx", "idna", "socksio", "tomli"} | (
    set(sys.stdlib_module_names)
    if sys.version_info >= (3, 10)
    else {path.stem for path in Path(os.__file__).parent.iterdir()} | set(sys.builtin_module_names)
)


def is_from_script(error: BaseException) -> bool:
    """Whether it was raised by code that is neither ours nor of the libraries that we use."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and str(at.tb_frame.f_globals.get("__name__")).partition(".")[0] not in _OURS
