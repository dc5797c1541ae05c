"""Plain data into models, and pydantic's errors into lines: where, what was found, what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from foretaste.config._document import Document, KeyPath, Plain, dotted
from foretaste.config._place import Place, field_names, listed, locate, plain_words, tags
from foretaste.errors import ConfigError, did_you_mean

M = TypeVar("M", bound=BaseModel)


class PlacedError(ValueError):
    """What a validator finds wrong deeper in its model: the path leads there."""

    def __init__(self, path: KeyPath, words: str) -> None:
        super().__init__(words)
        self.path = path


def validate(model: type[M], document: Document, *, at: KeyPath = ()) -> M:
    """Return the document, or the part of it at a path, as a model.

    A ConfigError holds everything that is wrong, a line each, in the order of the file.
    """
    try:
        return model.model_validate(_part(document, at), strict=False)
    except ValidationError as error:
        findings = [replace(finding, path=(*at, *finding.path)) for finding in _findings(error, model)]
        findings.sort(key=lambda finding: document.line(finding.path) or float("inf"))
        lines = [f"{document.where(finding.path)}: {finding}" for finding in findings]
        raise ConfigError("\n".join(lines)) from error


def validation_lines(error: ValidationError, model: type[Any], prefix: str) -> list[str]:
    """Return a line for each thing wrong with parameters that no file holds.

    ``prefix`` says whose they are: ``align/ridge: factors: found -3, expected a whole number``.
    """
    return [f"{prefix}: {finding}" for finding in _findings(error, model)]


def _part(document: Document, at: KeyPath) -> Plain:
    here: Any = document.data
    for step in at:
        inside = step in here if isinstance(here, dict) else isinstance(here, list) and step in range(len(here))
        if not inside:
            raise ConfigError(f"{document.where(at)}: {dotted(at)}: missing, expected a mapping")
        here = here[step]
    return here  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Finding:
    """One thing that is wrong: what was found and expected, or ``words`` where that does not say it."""

    path: KeyPath
    found: str = ""
    expected: str = ""
    hint: str = ""
    words: str = ""
    union: KeyPath | None = None

    @property
    def at_union(self) -> bool:
        """Whether this is one member's complaint about the very value that a union describes."""
        return self.union == self.path and bool(self.expected)

    def __str__(self) -> str:
        text = self.words or f"found {self.found}, expected {self.expected}"
        head = f"{dotted(self.path)}: " if self.path else ""
        return f"{head}{text}{self.hint}"


def _findings(error: ValidationError, model: type[Any]) -> list[_Finding]:
    details = error.errors(include_url=False)
    return list(_readable([_finding(detail, locate(detail["loc"], model)) for detail in details]))


def _readable(findings: list[_Finding]) -> Iterator[_Finding]:
    """Say once what a union expected: every member of it complains, also those that were never meant."""
    outer = {finding.path[:end] for finding in findings for end in range(len(finding.path))}
    at_union: dict[KeyPath, list[_Finding]] = {}
    for finding in findings:
        if finding.at_union:
            at_union.setdefault(finding.path, []).append(finding)
    said: set[str] = set()
    for finding in findings:
        if finding.at_union and finding.path in outer:  # another member was meant, and complains further inside
            continue
        merged = _merged(at_union[finding.path]) if finding.at_union else finding
        if str(merged) not in said:
            said.add(str(merged))
            yield merged


def _merged(same: list[_Finding]) -> _Finding:
    expected = listed(dict.fromkeys(finding.expected for finding in same))
    return replace(same[0], expected=expected, hint=max(finding.hint for finding in same))


def _finding(detail: Any, place: Place) -> _Finding:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    blank = _Finding(place.path, found=_shown(value), union=place.union)
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return replace(blank, words="unknown key", hint=_nearest_key(str(place.path[-1]), field_names(place.owner)))
    if kind in ("missing", "missing_argument"):
        return replace(blank, words=f"missing, expected {plain_words(place.annotation)}")
    if kind in ("value_error", "assertion_error"):
        error = context["error"]
        path = (*blank.path, *error.path) if isinstance(error, PlacedError) else blank.path
        return replace(blank, path=path, words=" ".join(str(error).split()))
    if kind in ("literal_error", "enum"):
        return replace(blank, expected=context["expected"], hint=_nearest(value, context["expected"]))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(blank, value, context, place)
    if kind in _EXPECTED:
        return replace(blank, expected=_EXPECTED[kind])
    if kind in _BOUNDS:
        if kind in ("too_short", "too_long") and isinstance(value, Sized):
            blank = replace(blank, found=_counted(len(value), "item"))
        noun = plain_words(place.annotation)
        return replace(blank, expected=_BOUNDS[kind](context, "a number" if noun == "a value" else noun))
    return _as_pydantic_says(blank, detail["msg"])


def _nearest_key(found: str, known: list[str]) -> str:
    name, colon, value = found.partition(":")
    if colon and name in known:
        return f"; did you mean '{name}: {value}', with a space after the colon?"
    return did_you_mean(found, known)


def _wrong_tag(blank: _Finding, value: Any, context: Mapping[str, Any], place: Place) -> _Finding:
    """Speak of the key that tells the members of a union apart, not of the union."""
    key = str(context["discriminator"]).strip("'")
    path = (*blank.path, key) if key.isidentifier() else blank.path
    if "tag" not in context:
        return replace(blank, path=path, words=f"missing, expected {listed(tags(place.annotation, key)) or 'a value'}")
    expected = listed(context["expected_tags"].split(", "))
    return replace(
        blank,
        path=path,
        found=_shown(context["tag"]),
        expected=expected,
        hint=_nearest(context["tag"], expected),
    )


def _as_pydantic_says(blank: _Finding, message: str) -> _Finding:
    if match := re.fullmatch(r"Input should be (.+)", message, re.DOTALL):
        return replace(blank, expected=match[1])
    return replace(blank, words=f"found {blank.found}: {message[:1].lower()}{message[1:]}")


def _nearest(value: Any, expected: str) -> str:
    return did_you_mean(value, re.findall(r"'([^']*)'", expected)) if isinstance(value, str) else ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}...{text[-10:]}"


_EXPECTED: Final = {
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping"),
    **dict.fromkeys(("dataclass_type", "dataclass_exact_type"), "a mapping"),
    "finite_number": "a finite number",
    "none_required": "nothing",
    "path_type": "a path",
    "string_type": "text",
}

_Context = Mapping[str, Any]
_BOUNDS: Final[dict[str, Callable[[_Context, str], str]]] = {
    "greater_than": lambda context, noun: f"{noun} greater than {_number(context['gt'])}",
    "greater_than_equal": lambda context, noun: f"{noun} of at least {_number(context['ge'])}",
    "less_than": lambda context, noun: f"{noun} less than {_number(context['lt'])}",
    "less_than_equal": lambda context, noun: f"{noun} of at most {_number(context['le'])}",
    "multiple_of": lambda context, noun: f"{noun} that is a multiple of {_number(context['multiple_of'])}",
    "string_too_short": lambda context, _: f"text of at least {_counted(context['min_length'], 'character')}",
    "string_too_long": lambda context, _: f"text of at most {_counted(context['max_length'], 'character')}",
    "string_pattern_mismatch": lambda context, _: f"text like {context['pattern']}",
    "too_short": lambda context, noun: f"{noun} of at least {_counted(context['min_length'], 'item')}",
    "too_long": lambda context, noun: f"{noun} of at most {_counted(context['max_length'], 'item')}",
}


def _number(bound: Any) -> str:
    """Return a bound as one would write it: pydantic makes 1.0 of a float's ``lt=1``."""
    return str(int(bound)) if isinstance(bound, float) and bound.is_integer() else str(bound)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
