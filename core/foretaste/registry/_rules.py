"""registry.yaml: its models, and reading it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_args, get_type_hints

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    create_model,
    model_validator,
)

from foretaste.config import Document, StrictModel, parse_yaml, read_yaml, validate
from foretaste.data import PairFacts
from foretaste.errors import ConfigError
from foretaste.registry._auto import AUTO
from foretaste.registry._catalog import STRATEGY_NAME
from foretaste.registry._evidence import Evidence
from foretaste.registry._scalars import Number, Truth, Whole

_COMPARISON: Final = re.compile(r"\s*([<>]=?|=[<>])\s*([-+]?[0-9.]+)\s*")


def _no_comparison(value: Any) -> Any:
    """Refuse what other tools write as text, and say how it is written here."""
    if isinstance(value, str) and (match := _COMPARISON.fullmatch(value)):
        sign, bound = match.groups()
        side = "min" if ">" in sign else "max"
        raise ValueError(f"found {value!r}, expected a number, or bounds as in {{{side}: {bound}}}")
    return value


class Range(StrictModel):
    """Bounds of a numeric fact, both inclusive; at least one is needed."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("found no bound, expected min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min:g} and max is {self.max:g}: nothing lies between")
        return self


Condition: TypeAlias = Range | bool | int | float | str

SHARES: Final = frozenset(
    {"user_overlap", "item_overlap", "source_density", "target_density", "source_skew", "target_skew", "time_overlap"}
)
"""The facts that lie between 0 and 1; of the others that are numbers, none is below 0."""


def _possible(name: str) -> Callable[[Condition], Condition]:
    """Refuse bounds that no fact of this name can have: 20 for a share is meant to be 0.2."""
    limit, expected = (1.0, "a share from 0 to 1") if name in SHARES else (math.inf, "0 or more")

    def check(condition: Condition) -> Condition:
        bounds = [condition.min, condition.max] if isinstance(condition, Range) else [condition]
        for bound in bounds:
            if isinstance(bound, int | float) and not 0 <= bound <= limit:
                raise ValueError(f"found {bound:g}, expected {expected}")
        return condition

    return check


if TYPE_CHECKING:
    When: TypeAlias = StrictModel
else:

    def _or_range(number: Any) -> Any:
        """Let a mapping be a Range and nothing else, so that only one of the two complains."""
        kind = Discriminator(lambda value: "range" if isinstance(value, dict | Range) else "number")
        number = Annotated[number, BeforeValidator(_no_comparison)]
        return Annotated[Annotated[Range, Tag("range")] | Annotated[number, Tag("number")], kind]

    _TESTS = {
        int: _or_range(Whole),
        float: _or_range(Number),
        bool: Truth,
        str: Literal["explicit", "implicit"],  # the facts that are text say which feedback
    }

    def _test(name: str, hint: Any) -> Any:
        test = next(_TESTS[kind] for kind in (hint, *get_args(hint)) if kind in _TESTS)
        return Annotated[test, AfterValidator(_possible(name))]

    When = create_model(
        "When",
        __base__=StrictModel,
        __doc__="What the facts of every pair must be; all conditions must hold.",
        **{name: (_test(name, hint), None) for name, hint in get_type_hints(PairFacts).items()},
    )


def _strategy_name(name: str) -> str:
    if name != AUTO and not STRATEGY_NAME.fullmatch(name):
        raise ValueError(f"found '{name}', expected plugin/strategy, or {AUTO}")
    return name


class Use(StrictModel):
    """One strategy to try, and its settings; settings left out are tuned on the training data."""

    strategy: Annotated[str, AfterValidator(_strategy_name)]
    params: dict[str, Any] = {}


def _glob(text: str) -> str:
    if not text:
        raise ValueError("found nothing between the quotes, expected a name or a glob; leave it out for any name")
    if "[" in re.sub(r"\[!?.[^\]]*\]", "", text):
        raise ValueError(
            f"found '{text}', which has a [ without its ]; expected a glob such as 'movies*' or 'film[st]'"
        )
    return text


Glob: TypeAlias = Annotated[str, AfterValidator(_glob)]


class RuleSpec(StrictModel):
    """One rule: for which pairs, and which strategies to try in which order."""

    source: Glob | None = None
    """A glob for the source's name; left out, any source fits. Of several sources, each must fit."""
    target: Glob | None = None
    """A glob for the target's name; left out, any target fits."""
    when: When = Field(default_factory=lambda: When())
    use: list[Use] = Field(min_length=1)
    evidence: Evidence | None = None
    """What the first of ``use`` was measured to gain; the choice does not go by it."""


class RegistryFile(StrictModel):
    """A whole registry.yaml."""

    version: Literal[1]
    rules: list[RuleSpec]


@dataclass(frozen=True)
class Rule:
    """A rule that knows where it was written."""

    place: str
    """``registry.yaml:12``"""
    number: int
    """Its number within its file, from 1."""
    use: tuple[Use, ...]
    source: str | None = None
    target: str | None = None
    when: Mapping[str, Condition] = field(default_factory=dict)
    evidence: Evidence | None = None

    def __str__(self) -> str:
        return f"{self.place} (rule {self.number})"


@dataclass(frozen=True)
class Registry:
    """Rules in the order in which they are tried."""

    rules: tuple[Rule, ...]
    origin: str


def read_registry(path: Path) -> Registry:
    """Read a registry file; a ConfigError holds everything wrong with it. Loads no plugin."""
    return _registry(read_yaml(path))


def parse_registry(text: str, origin: str) -> Registry:
    """Read a registry from text; ``origin`` names it in messages."""
    return _registry(parse_yaml(text, origin))


def shipped_registry() -> Registry:
    """Return foretaste's own rules, the last of which fits every pair."""
    package = Path(__file__).parents[1]
    for path in (package / "registry.yaml", package.parents[1] / "registry.yaml"):  # a wheel, a checkout
        if path.is_file():
            return parse_registry(path.read_text(encoding="utf-8"), "foretaste's registry.yaml")
    raise ConfigError("foretaste's registry.yaml is missing: install foretaste again")


def joined(first: Registry, second: Registry) -> Registry:
    """Return the rules of both, the first's before the second's: a user's registry, then ours."""
    return Registry(first.rules + second.rules, f"{first.origin}, {second.origin}")


def _registry(document: Document) -> Registry:
    file = validate(RegistryFile, document)
    name = Path(document.origin).name  # short, and the same on every machine, as traces are kept in results
    rules = [
        Rule(
            place=f"{name}:{document.line(('rules', at))}",
            number=at + 1,
            use=tuple(spec.use),
            source=spec.source,
            target=spec.target,
            when={fact: getattr(spec.when, fact) for fact in PairFacts.names() if fact in spec.when.model_fields_set},
            evidence=spec.evidence,
        )
        for at, spec in enumerate(file.rules)
    ]
    return Registry(tuple(rules), document.origin)
