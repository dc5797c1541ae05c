"""YAML 1.2 to plain data, with the line of every key, and nothing that a hostile file could abuse.

ruamel.yaml only splits the text into events. Plain data is built here: its own constructors make dates
of text, know tags, and expand aliases without a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.reader import ReaderError

from foretaste.config._document import KeyPath, Plain

MAX_BYTES: Final = 2**20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000  # after aliases are expanded
MAX_DIGITS: Final = 300  # of a whole number; int() and float() give up on thousands

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class YamlProblemError(Exception):
    """Something wrong at a place of the text; the place is counted from 1."""

    def __init__(self, words: str, line: int, column: int) -> None:
        super().__init__(words)
        self.line = line
        self.column = column


def load(text: str) -> tuple[Plain, dict[KeyPath, int | str]]:
    """Return what one document says, and the line of each key and item; None for an empty text."""
    if len(text) > MAX_BYTES:
        raise YamlProblemError("found a text longer than 1 MiB, expected a shorter one", 1, 1)
    nodes = _Nodes(text)
    data = nodes.build() if nodes.events else None
    return data, nodes.places


class _Nodes:
    """The nodes of one document as a flat list of events, and plain data built from it."""

    def __init__(self, text: str) -> None:
        self.events: list[Any] = []
        self.targets: dict[int, int] = {}  # the event of an alias: the event that it stands for
        self.places: dict[KeyPath, int | str] = {}
        self.count = 0
        self._collect(text)

    def _collect(self, text: str) -> None:
        """Keep the events of nodes, refuse what we do not allow, and resolve each alias where it stands.

        An anchor may be given twice, and an alias means the one before it.
        """
        anchors: dict[str, int] = {}
        open_nodes: list[int] = []
        documents = 0
        for event in _events(text):
            if isinstance(event, DocumentStartEvent):
                documents += 1
                _check_document(event, documents)
            if isinstance(event, CollectionEndEvent):
                open_nodes.pop()
                self.events.append(event)
            if not isinstance(event, NodeEvent):
                continue
            at = len(self.events)
            self.events.append(event)
            if at > 2 * MAX_NODES:
                raise _too_many(event)
            if isinstance(event, AliasEvent):
                self.targets[at] = _target(event, anchors, open_nodes)
                continue
            if (tag := getattr(event, "tag", None)) is not None:
                raise _problem(event, f"found the tag {tag}, expected none{_quote('!')}")
            if event.anchor is not None:
                anchors[event.anchor] = at
            if isinstance(event, CollectionStartEvent):
                open_nodes.append(at)
                if len(open_nodes) > MAX_DEPTH:
                    raise _too_deep(event)

    def build(self) -> Plain:
        self.places[()] = self.events[0].start_mark.line + 1
        return self._node(0, ())[0]

    def _node(self, at: int, path: KeyPath) -> tuple[Plain, int]:
        """Return the data of the node that begins at an event, and the event after that node."""
        event = self.events[at]
        self.count += 1
        if self.count > MAX_NODES:
            raise _too_many(event)
        if isinstance(event, AliasEvent):
            return self._node(self.targets[at], path)[0], at + 1
        if isinstance(event, ScalarEvent):
            return _scalar(event), at + 1
        if len(path) >= MAX_DEPTH:  # only an alias can bring us here
            raise _too_deep(event)
        return self._mapping(at, path) if isinstance(event, MappingStartEvent) else self._sequence(at, path)

    def _sequence(self, at: int, path: KeyPath) -> tuple[Plain, int]:
        items: list[Plain] = []
        at += 1
        while not isinstance(self.events[at], SequenceEndEvent):
            inner = (*path, len(items))
            self.places[inner] = self.events[at].start_mark.line + 1
            item, at = self._node(at, inner)
            items.append(item)
        return items, at + 1

    def _mapping(self, at: int, path: KeyPath) -> tuple[Plain, int]:
        entries: dict[str, Plain] = {}
        at += 1
        while not isinstance(self.events[at], MappingEndEvent):
            key = self._key(at)
            inner = (*path, key)
            if key in entries:
                first = self.places[inner]
                raise _problem(self.events[at], f"found the key {key!r} twice, first in line {first}")
            self.places[inner] = self.events[at].start_mark.line + 1
            entries[key], at = self._node(at + 1, inner)
        return entries, at + 1

    def _key(self, at: int) -> str:
        event = self.events[self.targets.get(at, at)]
        if not isinstance(event, ScalarEvent):
            raise _problem(self.events[at], "found a list or a mapping as a key, expected text")
        key = _scalar(event)
        if not isinstance(key, str):
            shown = event.value or "nothing"
            raise _problem(event, f"found the key {shown}, expected text; put it in quotes")
        if key == "<<" and event.style is None:
            raise _problem(event, "found the merge key <<, which YAML 1.2 does not have; write its keys out")
        return key


def _events(text: str) -> Iterator[Any]:
    line = 1
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.end_mark.line + 1
            yield event
    except MarkedYAMLError as error:
        raise _syntax_problem(text, error) from error
    except ReaderError as error:
        found = f"found the character {chr(error.character)!a}, expected printable text"
        raise YamlProblemError(found, *position(text[: error.position])) from error
    except Exception as error:  # ruamel lets some slip: OverflowError for "\U99999999", AssertionError for %YAML 1.9
        raise YamlProblemError(f"cannot be read as YAML: {error}", line, 1) from error


def _syntax_problem(text: str, error: MarkedYAMLError) -> YamlProblemError:
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark or error.problem_mark
    character = text[begun.index : begun.index + 1]
    hint = _quote(character) if character in set("*&!|>%@`") else ""
    if text[mark.index : mark.index + 1] == "\t":
        hint = "; indent with spaces, not with tabs"
    if "escape" in str(error.problem):
        hint = "; in double quotes \\ begins an escape: write / or use single quotes"
    words = " ".join(str(error.problem or error.context).replace("\0", "the end").split())
    return YamlProblemError(f"{words}{hint}", mark.line + 1, mark.column + 1)


def _check_document(event: Any, number: int) -> None:
    if number > 1:
        raise _problem(event, "found a second document (---), expected one")
    if event.version is not None and tuple(event.version) != (1, 2):
        major, minor = event.version
        raise _problem(event, f"found %YAML {major}.{minor}, expected YAML 1.2")


def _target(event: Any, anchors: dict[str, int], open_nodes: list[int]) -> int:
    if event.anchor not in anchors:
        raise _problem(event, f"found the alias *{event.anchor}, expected a known anchor{_quote('*')}")
    if anchors[event.anchor] in open_nodes:
        raise _problem(event, f"found the alias *{event.anchor} inside what it stands for")
    return anchors[event.anchor]


def _scalar(event: Any) -> str | int | float | bool | None:
    """Resolve by YAML 1.2's core schema: ``no``, ``2024-01-01`` are text; ``012`` is 12, ``1e-3`` 0.001."""
    text: str = event.value
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _problem(event, "found half a surrogate pair, expected whole characters")
    if "\0" in text:  # no name, path or setting has one, and the system's own calls choke on it
        raise _problem(event, "found the character '\\x00', expected printable text")
    if not event.implicit[0]:  # quoted, or a block
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise _problem(event, f"found a number of {len(text):,} digits, expected at most {MAX_DIGITS}")
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan")) if text[-1].isdigit() else _special(text)
    return text


def _special(text: str) -> float:
    return float(text if text[-1] == "." else text.replace(".", ""))


def _problem(event: Any, words: str) -> YamlProblemError:
    return YamlProblemError(words, event.start_mark.line + 1, event.start_mark.column + 1)


def _too_many(event: Any) -> YamlProblemError:
    return _problem(event, f"found more than {MAX_NODES:,} values once aliases are expanded, expected fewer")


def _too_deep(event: Any) -> YamlProblemError:
    return _problem(event, f"found values nested deeper than {MAX_DEPTH}, expected fewer levels")


def _quote(character: str) -> str:
    return f"; put text that begins with {character} in quotes"


def position(before: str) -> tuple[int, int]:
    """Return the line and column, from 1, of what follows a text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
