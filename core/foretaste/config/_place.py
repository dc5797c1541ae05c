"""From the ``loc`` of a pydantic error to a place in the user's data, and to what the model expects there.

A ``loc`` names keys and indexes, but also the member of each union that was tried; those are no part of the
user's text. Walking the annotations along tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import AliasChoices, RootModel, Tag
from pydantic.fields import FieldInfo

from foretaste.config._document import KeyPath


class Place(NamedTuple):
    """Where an error is."""

    path: KeyPath
    annotation: Any
    """What is expected at the path; Any if that cannot be told."""
    owner: Any
    """The annotation of what holds the last key."""
    union: KeyPath | None
    """The path of the innermost union on the way."""


def locate(loc: KeyPath, annotation: Any) -> Place:
    """Follow a pydantic ``loc`` from the model it began at."""
    path: KeyPath = ()
    owner: Any = Any
    union: KeyPath | None = None
    for step in loc:
        members = list(_members(annotation))
        if len(members) > 1:  # pydantic then names the member that it tried
            annotation, union = _member(members, str(step)), path
        elif step != "[key]":
            owner = members[0] if members else Any
            annotation = _child(owner, step)
            path = (*path, step)
    return Place(path, annotation, owner, union)


def field_names(annotation: Any) -> list[str]:
    """Return the keys that a model accepts, as the user writes them; nothing if it is no model."""
    return [_written(name, field) for name, field in _fields(annotation).items()]


def plain_words(annotation: Any) -> str:
    """Return what an annotation expects: ``a whole number``, ``'users' or 'items'``."""
    return listed(dict.fromkeys(_words(member) for member in _members(annotation))) or "a value"


def tags(annotation: Any, key: str) -> list[str]:
    """Return the values of ``key`` that tell the members of a union apart."""
    fields = [_find(_fields(_bare(member)), key) for member in _members(annotation)]
    return [repr(value) for field in fields if field for value in _literals(field.annotation)]


def listed(words: Mapping[str, Any] | list[str]) -> str:
    """Return ``a, b or c``."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} or {last}" if first else last


def _members(annotation: Any) -> Iterator[Any]:
    """Yield what a value may be besides None; more than one member for a union."""
    bare = _bare(annotation)
    if get_origin(bare) not in (Union, UnionType):
        yield annotation if bare is not annotation and _tag(annotation) else bare
        return
    members = [member for member in get_args(bare) if member is not type(None)]
    yield from members if len(members) > 1 else _members(members[0])


def _bare(annotation: Any) -> Any:
    """Take off Annotated, ``type X = ...`` and the shell of a root model."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        elif isinstance(annotation, type) and issubclass(annotation, RootModel) and annotation.model_fields:
            annotation = annotation.model_fields["root"].annotation
        else:
            return annotation


def _member(members: list[Any], label: str) -> Any:
    """Return the member of a union that pydantic means by a discriminator's value or by a type's name."""
    for member in members:
        if label == _tag(member) or label in _discriminators(_bare(member)) or label == _name(_bare(member)):
            return member
    inside = set(re.findall(r"\w+", label))  # "list[int]", "tagged-union[...]"
    return next((member for member in members if inside & set(_names(member))), Any)


def _tag(member: Any) -> str | None:
    metadata = get_args(member)[1:] if get_origin(member) is Annotated else ()
    return next((extra.tag for extra in metadata if isinstance(extra, Tag)), None)


def _discriminators(model: Any) -> set[str]:
    return {str(value) for field in _fields(model).values() for value in _literals(field.annotation)}


def _literals(annotation: Any) -> list[Any]:
    if get_origin(_bare(annotation)) is not Literal:
        return []
    return [value.value if isinstance(value, Enum) else value for value in get_args(_bare(annotation))]


def _name(annotation: Any) -> str:
    return str(getattr(get_origin(annotation) or annotation, "__name__", ""))


def _names(annotation: Any) -> Iterator[str]:
    """Yield the words by which pydantic may label a union's member; it shortens the labels of unions."""
    members = list(_members(annotation))
    if len(members) > 1:
        yield "union"
        for member in members:
            yield from _names(member)
    elif members:
        yield _name(_bare(members[0]))


def _child(owner: Any, step: str | int) -> Any:
    owner = _bare(owner)
    if fields := _fields(owner):
        field = _find(fields, str(step))
        return field.annotation if field else Any
    arguments = get_args(owner)
    origin = get_origin(owner)
    if not arguments or not isinstance(origin, type):
        return Any
    if issubclass(origin, Mapping):
        return arguments[1]
    if origin is tuple and arguments[-1] is not Ellipsis:
        return arguments[step] if isinstance(step, int) and step < len(arguments) else Any
    return arguments[0]


def _fields(model: Any) -> dict[str, FieldInfo]:
    """Return the fields of a pydantic model or dataclass."""
    return getattr(model, "__pydantic_fields__", {})


def _find(fields: dict[str, FieldInfo], key: str) -> FieldInfo | None:
    return next((field for name, field in fields.items() if key in (name, _written(name, field))), None)


def _written(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
    return first if isinstance(first, str) else name


def _words(annotation: Any) -> str:
    bare = _bare(annotation)
    if literals := _literals(bare):
        return listed([repr(value) for value in literals])
    kind = get_origin(bare) or bare
    if not isinstance(kind, type):
        return "a value"
    if issubclass(kind, Enum):
        return listed([repr(member.value) for member in kind])
    if _fields(bare) or issubclass(kind, Mapping):
        return "a mapping"
    return next((words for known, words in _WORDS if issubclass(kind, known)), "a value")


_WORDS: list[tuple[type | tuple[type, ...], str]] = [
    (bool, "true or false"),  # before int, of which it is a kind
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (PurePath, "a path"),
    ((list, tuple, set, frozenset), "a list"),
]
