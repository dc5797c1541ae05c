"""Plain data that remembers where each key was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Plain: TypeAlias = str | int | float | bool | list["Plain"] | dict[str, "Plain"] | None
KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """What a YAML text says, and where it says it."""

    data: dict[str, Plain]
    origin: str
    """The name that messages give to the text: a file, usually."""
    places: Mapping[KeyPath, int | str] = field(default_factory=dict, repr=False)
    """The line of each key and item, counted from 1; or, for what an override set, the override itself."""

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a key or item, or of the nearest one around it; None if it is in no line."""
        place = self._place(path)
        return place if isinstance(place, int) else None

    def where(self, path: KeyPath) -> str:
        """Return the head of a message: ``experiment.yaml:12``, or the override that set it."""
        place = self._place(path)
        if isinstance(place, str):
            return place
        return self.origin if place is None else f"{self.origin}:{place}"

    def _place(self, path: KeyPath) -> int | str | None:
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return None


def dotted(path: KeyPath) -> str:
    """Return a path as messages write it: ``transfers[0].strategy``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w\-/*@]+", step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text
