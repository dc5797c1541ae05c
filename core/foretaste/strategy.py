"""The contract of a strategy: one way to carry taste from source to target.

A strategy is a frozen, validated model of its hyper-parameters. Nothing fitted ever lives in it: what pretraining
learns is a Carried, what adapting learns is a Recommender.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, TypeVar

import numpy as np
import pydantic
from numpy.typing import NDArray

from foretaste.checkpoint import Checkpoint
from foretaste.config import StrictModel, validation_lines
from foretaste.data import Domain, PairFacts, Transfer
from foretaste.errors import ConfigError, StrategyError
from foretaste.metrics import Metric
from foretaste.recommender import Recommender

if TYPE_CHECKING:
    from foretaste.evaluation import ValidationPlan

T = TypeVar("T")
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Search:
    """Values worth trying for a field: ``factors: Annotated[int, Search(16, 32, 64)] = 32``."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", values)


@dataclass(frozen=True, eq=False)
class Carried:
    """What pretraining on one source hands on: named arrays and JSON-ready facts, of a numbered layout.

    ``personal`` names the arrays that have one row per person of the source, in the order of its users: when what is
    carried is saved they are left out, unless people are asked for.
    """

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    personal: tuple[str, ...] = ()


@dataclass(frozen=True)
class Budget:
    """What one pretraining, or one adapting, may cost: ``seconds`` of wall time, ``memory`` in bytes.

    None is no limit, but for what a strategy knows that it takes: of memory, that is ``USUAL_MEMORY`` then.
    """

    seconds: float | None = None
    memory: int | None = None


UNLIMITED: Final = Budget()


@dataclass(frozen=True)
class Memory:
    """What fitting takes at its largest."""

    bytes: int
    of: str
    """What it is of: ``90000 people and 110000 items``."""
    instead: str = ""
    """What takes less, in words."""

    def beyond(self, budget: Budget) -> str | None:
        """Say that this is more than a budget has, or None."""
        limit = USUAL_MEMORY if budget.memory is None else budget.memory
        if self.bytes <= limit:
            return None
        whose = "limit" if budget.memory is None else "budget"
        instead = f"; {self.instead}" if self.instead else ""
        return f"needs {self}, the {whose} is {_size(limit)}{instead}"

    def __str__(self) -> str:
        return f"{_size(self.bytes)} for {self.of}"


USUAL_MEMORY: Final = 2 * 2**30
"""Bytes that a strategy may take where no budget says otherwise, if it knows how many it takes."""


def _size(n: float) -> str:
    """Return bytes in the largest unit of which there is one."""
    unit = next((unit for unit in _UNITS if n >= _UNITS[unit]), "bytes")
    return f"{n / _UNITS[unit]:.1f} {unit}".replace(".0 ", " ")


_UNITS: Final = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "bytes": 1}


class Step(str):
    """A line of progress that begins a step of a transfer: ``done`` of its ``total`` steps are behind it."""

    done: int
    total: int

    def __new__(cls, line: str, done: int, total: int) -> Self:
        """Return the line; to whoever takes text it is text."""
        step = super().__new__(cls, line)
        step.done, step.total = done, total
        return step


def silent(message: str) -> None:
    """Take a line of progress and do nothing with it."""


def never() -> bool:
    """Return False: nobody asked to stop."""
    return False


@dataclass(frozen=True, eq=False)
class Context:
    """How to run, as opposed to what: never a global seed, an environment variable or a logging set-up.

    ``device`` is ``cpu``, ``cuda`` or ``auto``, which is up to the strategy; ``progress`` takes a line of text,
    which is a ``Step`` where the next strategy or repeat begins; ``cancel`` says whether to stop: a strategy that
    does raises a StrategyError, and the run ends as cancelled.
    ``validation`` is the one plan that strategies may tune on, None inside its own folds; ``metric`` is the first of
    the experiment, which settings and strategies are judged by, None where there is no experiment. ``fit(name, params,
    transfer)`` fits another strategy of the catalog through the same hooks and cache, and ``transfers(name)`` says
    whether one is a transfer strategy, and no baseline (ConfigError for a name that is not known).

    A strategy that ``uses_others`` is handed two calls more, which are None for others. ``obstacle(name, params)`` says
    why another cannot serve this transfer, None where it can; ``tune(name, params)`` returns its settings that are best
    on the run's validation plan, those in ``params`` left as they are, and is None where nothing is measured. What is
    tuned and fitted for it on the run's data and the folds of its plan is kept, and shared with the run. In place of
    no ``validation`` it is handed the plan's other folds, or where there is one fold what it says of other people.

    ``checkpoint`` is the place where
    this one pretraining or adapting may keep its state, None where none is kept: it holds nothing, or what the same
    work with the same data, settings, seed, device, threads and code saved before its process was killed.
    """

    seed: int = 0
    device: Device = "auto"
    threads: int = 1
    progress: Callable[[str], None] = silent
    cancel: Callable[[], bool] = never
    budget: Budget = Budget()
    validation: ValidationPlan | None = None
    metric: Metric | None = None
    fit: Callable[[str, Mapping[str, Any], Transfer], Recommender] | None = None
    transfers: Callable[[str], bool] | None = None
    tune: Callable[[str, Mapping[str, Any]], dict[str, Any]] | None = None
    obstacle: Callable[[str, Mapping[str, Any]], str | None] | None = None
    checkpoint: Checkpoint | None = None
    _memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def rng(self, *stream: int) -> np.random.Generator:
        """Return a generator that depends on the seed and the stream's numbers only."""
        return np.random.default_rng([self.seed, *stream])

    def memo(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """Return what ``make`` makes, made once per transfer: settings that differ elsewhere share the work."""
        if key not in self._memo:
            self._memo[key] = make()
        found: T = self._memo[key]
        return found


class Strategy(StrictModel, ABC):
    """One way to carry taste; fields are documented hyper-parameters with defaults that work on small data."""

    name: ClassVar[str]
    """``plugin/strategy``, as registry.yaml writes it."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Modules that fitting imports; asked for with find_spec, so listing a catalog imports nothing."""
    extra: ClassVar[str | None] = None
    """The extra of foretaste that brings ``requires``; named in the error when they are missing."""
    portable: ClassVar[bool] = False
    """Carried alone suffices: it can be saved and sent without any interaction in it."""
    carried_version: ClassVar[int] = 1
    """The ``version`` of what ``pretrain`` makes and ``adapt`` reads: what was saved in another one is refused."""
    baseline: ClassVar[bool] = False
    """Part of what transfer must beat: uses the target alone (for ratings, at most a person's average elsewhere)."""
    predicts_ratings: ClassVar[bool] = False
    """Its recommenders have a ``predict``: a rating_scale in their roster."""
    needs_control: ClassVar[bool] = False
    """Whether a gain is evidence beside the permuted control only: where little speaks for such transfer beforehand."""
    uses_others: ClassVar[bool] = False
    """Mixes or chooses among other strategies, which it fits through the context: what it learns, it learns from what
    these come to on validation people."""
    ends_in_time: ClassVar[bool] = False
    """Ends pretraining and adapting by itself when the seconds of ``context.budget`` are up. What does not is timed
    with a part of the people where a budget has seconds, and passed over where it would take more."""
    pretrain_fields: ClassVar[tuple[str, ...] | None] = None
    """The fields that pretraining depends on; None is all. Settings that agree on them share one Carried."""

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        """Say why this cannot serve pairs with these facts ("needs 64 shared users, there are 12"), or None."""
        return None

    def memory(self, facts: Sequence[PairFacts]) -> Memory | None:
        """Say what fitting takes with these facts at its largest, or None where that is not known beforehand."""
        return None

    def unsupported(self, device: Device) -> str | None:
        """Say why this cannot be fitted on a device (``torch sees no cuda here``), or None.

        Asked before a run takes anything away; it may import what it ``requires``.
        """
        return None

    def refusal(self, facts: Sequence[PairFacts], budget: Budget = UNLIMITED) -> str | None:
        """Say why this is not to be fitted: its objection, or what it takes where a budget has less; None if it is."""
        if objection := self.objection(facts):
            return objection
        need = self.memory(facts)
        return None if need is None else need.beyond(budget)

    def grid(self, facts: Sequence[PairFacts], n: int) -> list[Self]:
        """Return at most ``n`` settings worth trying, this one first.

        The default is the product of the fields' Search values, thinned evenly; fields that were set by hand stay.
        """
        ranges = {
            name: _search(info).values
            for name, info in type(self).model_fields.items()
            if name not in self.model_fields_set and _search(info).values
        }
        every = [dict(zip(ranges, values, strict=True)) for values in itertools.product(*ranges.values())]
        _, *others = self.varied(every)
        if len(others) > n - 1:
            places = np.linspace(0, len(others) - 1, max(n - 1, 0)).round().astype(int)
            others = [others[place] for place in dict.fromkeys(places.tolist())]
        return [self, *others]

    def varied(self, settings: Iterable[Mapping[str, object]]) -> list[Self]:
        """Return this one and those with other settings, for a ``grid``; fields that were set by hand stay, and none
        comes twice.
        """
        free = [{k: v for k, v in one.items() if k not in self.model_fields_set} for one in settings]
        every = [self, *(self.model_copy(update=one) for one in free)]
        return [one for place, one in enumerate(every) if one not in every[:place]]

    @abstractmethod
    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Learn from one source alone. Called once per source, settings of ``pretrain_fields``, and seed."""

    @abstractmethod
    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        """Make the target's recommender from what each source (by name) handed on, and the training data."""

    def params(self) -> dict[str, Any]:
        """Return the settings, JSON-ready."""
        return self.model_dump(mode="json")


def _search(info: pydantic.fields.FieldInfo) -> Search:
    return next((m for m in info.metadata if isinstance(m, Search)), Search())


def make_strategy(kind: type[Strategy], params: Mapping[str, Any]) -> Strategy:
    """Return a strategy with these settings; ConfigError lists every wrong one."""
    try:
        return kind.model_validate(dict(params))
    except pydantic.ValidationError as error:
        raise ConfigError("\n".join(validation_lines(error, kind, kind.name))) from error


def pretraining_settings(strategy: Strategy) -> dict[str, Any]:
    """Return the settings that pretraining depends on, JSON-ready."""
    fields = strategy.pretrain_fields
    return {name: value for name, value in strategy.params().items() if fields is None or name in fields}


def missing_packages(kind: type[Strategy]) -> list[str]:
    """Return the modules that a strategy needs and that are not installed. Imports nothing."""
    return [module for module in kind.requires if not _installed(module)]


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def check_recommender(found: object, strategy: Strategy) -> Recommender:
    """Return ``found`` if it is a Recommender with finite arrays; StrategyError otherwise."""
    if not isinstance(found, Recommender):
        raise StrategyError(f"{strategy.name}: adapt returned {type(found).__name__}, expected a Recommender")
    if strategy.predicts_ratings and not found.predicts_ratings:
        raise StrategyError(f"{strategy.name}: predicts_ratings is true, but its recommender has no rating_scale")
    for name, array in _arrays(found).items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise StrategyError(f"{strategy.name}: {name} holds values that are not finite")
    return found


def _arrays(recommender: Recommender) -> dict[str, NDArray[Any]]:
    scale = recommender.roster.rating_scale
    ratings = {} if scale is None else {"user_offset": scale.user_offset, "item_offset": scale.item_offset}
    return recommender.arrays()[0] | ratings
