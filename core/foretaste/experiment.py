"""What experiment.yaml says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ByteSize,
    Field,
    PrivateAttr,
    ValidationError,
    WrapValidator,
    field_validator,
    model_validator,
)

from foretaste.config import Document, PlacedError, StrictModel, override, read_yaml, validate
from foretaste.data import DomainSpec, Shared, said_twice
from foretaste.globs import has_glob, is_glob, pairs

MOST_THREADS = 256
Twins = Literal["report", "drop", "merge"]

_PLAIN = re.compile(r"(?![.\s])[^/\\+\x00-\x1f\x7f]+(?<!\s)")  # "+" joins the names of several sources
_LONGEST = 200  # bytes; a file name has 255, and we add a number and an ending


class LinksSpec(StrictModel):
    """Files with columns from_id, to_id[, weight] that join source ids to target ids, many to many."""

    users: str | None = None
    items: str | None = None


class TransferSpec(StrictModel):
    """One target and the source or sources that end in it."""

    source: str | list[str]
    """A domain, or several. A glob for one stands for a transfer from each, a glob in a list for all it matches."""
    target: str
    """A domain; a glob stands for a transfer to each."""
    shared: Shared = "none"
    """What equal ids mean: the same ``users``, ``items``, ``both`` or ``none``."""
    links: LinksSpec = LinksSpec()
    strategy: str | None = None
    """``plugin/strategy``; left out, the registry chooses."""
    params: dict[str, Any] = {}
    """Settings of ``strategy``; those left out are tuned on the training data."""
    beside: list[str] = []
    """Further strategies to evaluate on the same people."""
    twins: Twins = "report"
    """What to do with products that stand in both domains under different ids."""

    _place: int | None = PrivateAttr(None)
    _by_glob: bool = PrivateAttr(False)

    @property
    def place(self) -> str:
        """What messages call the transfer: by its place in the file, which may stand for several."""
        return f"transfers[{self._place}]"

    @property
    def by_glob(self) -> bool:
        """Whether a glob found it, and nobody wrote it out."""
        return self._by_glob

    @property
    def name(self) -> str:
        """What files of this transfer are called."""
        return f"{'+'.join(self.sources)}__{self.target}"

    @property
    def sources(self) -> list[str]:
        """The names of the sources."""
        return [self.source] if isinstance(self.source, str) else list(self.source)

    @model_validator(mode="after")
    def _sensible(self) -> "TransferSpec":
        if not self.sources:
            raise ValueError("no source is named")
        if self.target in self.sources and not is_glob(self.target, ()):
            raise ValueError(f"'{self.target}' is both source and target")
        if words := said_twice(self.shared, users=self.links.users is not None, items=self.links.items is not None):
            raise ValueError(words)
        if twice := [name for name in self.beside if [self.strategy, *self.beside].count(name) > 1]:
            where = "is the strategy already" if twice[0] == self.strategy else "is named twice"
            raise ValueError(f"beside: '{twice[0]}' {where}")
        if self.params and not self.strategy:
            raise ValueError("params are settings of a strategy, and none is named")
        return self


class NewcomersHoldout(StrictModel):
    """Hide a share of the shared people in the target, but for their earliest ``visible`` rows."""

    kind: Literal["newcomers"] = "newcomers"
    fraction: float = Field(default=0.3, gt=0, lt=1)
    visible: int = Field(default=0, ge=0)
    levels: list[Annotated[int, Field(ge=0)]] = []
    """All the numbers of visible rows that are to be compared; the test rows are those visible at none of them."""
    repeats: int = Field(default=1, ge=1, le=100)
    """How many times people are drawn anew (seed, seed + 1, ...); results are pooled."""


class LastItemsHoldout(StrictModel):
    """Hide each person's last ``n`` rows; needs timestamps."""

    kind: Literal["last-items"]
    n: int = Field(default=1, ge=1)
    repeats: Literal[1] = 1


class TimeHoldout(StrictModel):
    """Hide every row of all domains after one instant: ``at`` (seconds), or the last ``fraction`` of target rows."""

    kind: Literal["time"]
    at: float | None = None
    fraction: float = Field(default=0.2, gt=0, lt=1)
    repeats: Literal[1] = 1


class RandomHoldout(StrictModel):
    """Hide a random share of the target rows."""

    kind: Literal["random"]
    fraction: float = Field(default=0.2, gt=0, lt=1)
    repeats: int = Field(default=1, ge=1, le=100)


class GivenFiles(StrictModel):
    """Rows of the target that stand in files of their own, in its formats and with its columns."""

    test: str
    """The file of the hidden rows."""
    validation: str | None = None
    """The file of the rows that serve tuning, and training after it."""


class GivenHoldout(StrictModel):
    """Hide the rows that the target's split column calls ``test``; ``validation`` rows serve tuning, then training.

    Rows of ``files`` are joined to the target's table under these two names.
    """

    kind: Literal["given"]
    test: str = "test"
    """What the split column calls a hidden row."""
    validation: str = "validation"
    """What the split column calls a row for tuning."""
    files: GivenFiles | None = None
    candidates: str | None = None
    """A table of user_id and item_id: the only items that are ranked for each person who is tested."""
    repeats: Literal[1] = 1

    @model_validator(mode="after")
    def _told_apart(self) -> "GivenHoldout":
        if self.test == self.validation:
            raise ValueError(f"test and validation are both called '{self.test}'")
        return self


HoldoutSpec = Annotated[
    NewcomersHoldout | LastItemsHoldout | TimeHoldout | RandomHoldout | GivenHoldout, Field(discriminator="kind")
]


def _newcomers_unless_said(found: Any) -> Any:
    return {"kind": "newcomers", **found} if isinstance(found, dict) and "kind" not in found else found


def _bytes(found: Any, read: Callable[[Any], ByteSize]) -> int:
    """Read a size as it is written; true is none, and nothing fits into 0 bytes."""
    try:
        if not isinstance(found, bool) and (size := int(read(found))) > 0:
            return size
    except ValidationError:
        pass
    raise ValueError(f"found {found!r}, expected a size such as 2GB, 512MiB, or a number of bytes")


class BudgetSpec(StrictModel):
    """What each fit may cost. A strategy does with it what it can: see the page on strategies."""

    seconds: float | None = Field(default=None, gt=0)
    """Wall time of one pretraining, or one adapting."""
    memory: Annotated[ByteSize, WrapValidator(_bytes)] | None = None
    """A size such as 2GB or 512MiB, or a number of bytes."""


class Experiment(StrictModel):
    """One run: domains, transfers, how to measure, where to write. Paths are relative to the file."""

    domains: dict[str, DomainSpec] = Field(min_length=1)
    transfers: list[TransferSpec] = Field(min_length=1)
    holdout: Annotated[HoldoutSpec, BeforeValidator(_newcomers_unless_said)] = NewcomersHoldout()
    metrics: list[str] = Field(default=["ndcg@10", "recall@10", "coverage@10"], min_length=1)
    """The first is the one that settings are tuned on and lifts are measured in."""
    seed: int = Field(default=7, ge=0)
    threads: int = Field(default=1, ge=1, le=MOST_THREADS)
    tries: int = Field(default=8, ge=1)
    """The most settings of a strategy that are tried on the validation folds."""
    folds: int = Field(default=3, ge=2)
    """How many validation folds of people there are."""
    budget: BudgetSpec = BudgetSpec()
    refit: bool = True
    """Fit what is handed on once more, on all rows, after everything was measured; else it knows the training rows."""
    plugins: list[str] = []
    """Python files, folders or modules that bring hooks. Running an experiment runs them."""
    block: list[str] = []
    """Plugins that are not to be used."""
    registry: str | None = None
    """A registry that is read before the shipped one."""
    output: str = "out"

    @field_validator("metrics")
    @classmethod
    def _distinct(cls, metrics: list[str]) -> list[str]:
        if repeated := [name for name in metrics if metrics.count(name) > 1]:
            raise ValueError(f"'{repeated[0]}' is named twice")
        return metrics

    @model_validator(mode="after")
    def _names(self) -> "Experiment":
        for name in self.domains:
            if not _PLAIN.fullmatch(name):
                raise ValueError(
                    f"domains give files and folders their names: found {name!r}, expected one without / \\ + and"
                    " control characters, with no dot or space at its start and no space at its end"
                )
        return self

    @model_validator(mode="after")
    def _pairs(self) -> "Experiment":
        """Put in the place of a transfer with globs one for each pair; what was written out is not made again."""
        globs = [has_glob(spec.source, spec.target, self.domains) for spec in self.transfers]
        named = [(set(one.sources), one.target) for one, glob in zip(self.transfers, globs, strict=True) if not glob]
        found: list[TransferSpec] = []
        for place, (spec, glob) in enumerate(zip(self.transfers, globs, strict=True)):
            try:
                meant = list(pairs(spec.source, spec.target, self.domains))
            except PlacedError as error:
                raise PlacedError(("transfers", place, *error.path), str(error)) from None
            made = [spec.model_copy(update={"source": one, "target": two}) for one, two in meant] if glob else [spec]
            before = [one.model_dump() for one in found]
            for one in made:
                if glob and ((set(one.sources), one.target) in named or one.model_dump() in before):
                    continue
                if len(one.name.encode()) > _LONGEST:
                    raise ValueError(
                        f"the domains of a transfer have names of {len(one.name)} letters, which are too many"
                    )
                one._place, one._by_glob = place, glob
                found.append(one)
        self.__dict__["transfers"] = found  # frozen, but not handed out yet
        return self

    @model_validator(mode="after")
    def _one_target(self) -> "Experiment":
        targets = list(dict.fromkeys(spec.target for spec in self.transfers))
        if len(targets) > 1 and isinstance(self.holdout, GivenHoldout):
            for name in ("files", "candidates"):
                if getattr(self.holdout, name) is not None:
                    raise ValueError(
                        f"holdout.{name} is about one target, found {', '.join(targets)}; make an experiment of each"
                    )
        return self


def read_experiment(path: Path, assignments: list[str] | None = None) -> tuple[Experiment, Document]:
    """Read and validate experiment.yaml, with ``a.b=c`` overrides; ConfigError lists every mistake."""
    document = override(read_yaml(path), assignments or [])
    return validate(Experiment, document), document
