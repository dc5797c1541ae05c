"""Numbers and truth values as a registry writes them: true is not 1, nor is '1'."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator


def written_as(kinds: tuple[type, ...], noun: str) -> BeforeValidator:
    """Refuse a scalar of another type: true is not 1, nor is '1'. ``validate`` sets pydantic's own strictness aside."""

    def check(value: Any) -> Any:
        if isinstance(value, bool | int | float | str) and type(value) not in kinds:
            raise ValueError(f"found {value!r}, expected {noun}")
        return value

    return BeforeValidator(check)


Whole: TypeAlias = Annotated[int, written_as((int, float), "a whole number")]
Number: TypeAlias = Annotated[float, written_as((int, float), "a number")]
Truth: TypeAlias = Annotated[bool, written_as((bool,), "true or false")]
