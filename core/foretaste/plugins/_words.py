"""How messages show what a plugin did."""

from __future__ import annotations

import inspect
from typing import Final

LONGEST: Final = 300
"""Letters of a plugin's own message that are shown; the whole of it is in the traceback."""


def said(error: BaseException) -> str:
    """Return an exception as one reads it at the end of a traceback, folded to one line."""
    text = " ".join(str(error).split())
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} ..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def type_of(value: object) -> str:
    """Return what kind of thing was found."""
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
