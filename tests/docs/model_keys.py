"""The keys that a pydantic model reads from YAML, as the tables of pages write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def models(annotation: Any) -> list[type[BaseModel]]:
    """The models inside an annotation: of ``list[X]``, ``X | None`` and so on."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return list(chain.from_iterable(models(part) for part in get_args(annotation)))


def keys(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a model that holds a value, with dots; ``*`` is the name or number of one of several."""
    for name, field in model.model_fields.items():
        inner = models(field.annotation)
        many = "*." if get_origin(field.annotation) in (dict, list) else ""
        if not inner or many or str in get_args(field.annotation):
            yield f"{before}{name}", field
        for one in inner:
            yield from keys(one, f"{before}{name}.{many}")


def written(field: FieldInfo) -> str:
    """A default as YAML writes it; nothing for what may be left out, and then is not there."""
    if field.is_required():
        return "needed"
    default = field.get_default(call_default_factory=True)
    if default is None:
        return ""
    text = default if isinstance(default, str) else json.dumps(default).replace('"', "")
    return f"`{int(default) if isinstance(default, float) and default.is_integer() else text}`"
