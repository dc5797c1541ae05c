"""``--set a.b=c``: values from the command line, laid over a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy

from foretaste.config._document import Document, KeyPath, Plain, dotted
from foretaste.config._nodes import MAX_DEPTH
from foretaste.config._yaml import parse_value
from foretaste.errors import ConfigError


def override(document: Document, assignments: Sequence[str], option: str = "--set") -> Document:
    """Return the document with each ``key=value`` set, in order.

    A key is written ``a.b``, ``transfers.0.strategy`` or ``transfers[0].strategy``; a value as in YAML.
    Mappings that are missing are made; a list's item must be there, and is counted from 0. Later messages about what
    was set name the assignment, after the ``option`` that it was given with.
    """
    data = deepcopy(document.data)
    places = dict(document.places)
    for assignment in assignments:
        origin = f"{option} {assignment}"
        keys, text = _split(assignment, origin)
        path, made = _put(data, keys, parse_value(text, origin), origin)
        for known in [known for known in places if known[: len(path)] == path]:
            del places[known]
        places.update(dict.fromkeys([*made, path], origin))
    return Document(data, document.origin, places)


def _split(assignment: str, origin: str) -> tuple[list[str | int], str]:
    """Return the keys, those in square brackets as numbers, and the text of the value."""
    key, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"{origin}: found no '=', expected key=value")
    steps = [step.strip() for step in re.sub(r"\[(-?\d{1,300})\]", r".[\1]", key).split(".")]
    keys = [int(step[1:-1]) if re.fullmatch(r"\[-?\d{1,300}\]", step) else step for step in steps]
    if "" in keys:
        raise ConfigError(f"{origin}: found an empty key, expected key=value, as in holdout.fraction=0.2")
    if len(keys) > MAX_DEPTH:
        raise ConfigError(f"{origin}: found values nested deeper than {MAX_DEPTH}, expected fewer levels")
    return keys, text


def _put(data: Plain, keys: list[str | int], value: Plain, origin: str) -> tuple[KeyPath, list[KeyPath]]:
    """Set a value inside ``data``; return its path, and the paths of the mappings made on the way."""
    path: KeyPath = ()
    made: list[KeyPath] = []
    here = data
    for key, after in zip(keys, [*keys[1:], None], strict=True):
        if isinstance(here, list):
            step = _index(here, key, path, origin)
            path = (*path, step)
            if after is None:
                here[step] = value
            elif here[step] is None:
                here[step] = {}
                made.append(path)
            here = here[step]
        elif isinstance(here, dict) and isinstance(key, str):
            path = (*path, key)
            if after is None:
                here[key] = value
            elif here.get(key) is None:
                if isinstance(after, int):
                    whole = dotted(path)
                    raise ConfigError(
                        f"{origin}: {whole}: found no list to set [{after}] in; set all of it: {whole}=[...]"
                    )
                here[key] = {}
                made.append(path)
            here = here[key]
        else:
            raise _no_place(here, key, path, origin)
    return path, made


def _no_place(here: Plain, key: str | int, path: KeyPath, origin: str) -> ConfigError:
    wanted = f"a list to set [{key}] in" if isinstance(key, int) else f"a mapping to set {key!r} in"
    found = "a mapping" if isinstance(here, dict) else repr(here)
    return ConfigError(f"{origin}: {dotted(path)}: found {found}, expected {wanted}")


def _index(items: list[Plain], key: str | int, path: KeyPath, origin: str) -> int:
    if re.fullmatch("[0-9]{1,9}", str(key)) and int(key) < len(items):
        return int(key)
    if not items:
        raise ConfigError(f"{origin}: {dotted(path)}: found the index {key}, expected none: the list is empty")
    raise ConfigError(f"{origin}: {dotted(path)}: found the index {key}, expected one from 0 to {len(items) - 1}")
