"""What every metric has: a name, perhaps a cutoff, a value per person and a value for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from foretaste.errors import ConfigError

_DEEPEST = 10_000  # nobody reads further, and a run holds a list of this length for every person


@dataclass(frozen=True)
class Metric(ABC):
    """A measure of quality; a subclass needs ``name`` and ``values``, and is its own factory.

    ``kind`` says what ``values`` is given: a `Ranking` or a `Ratings`. ``per_person = False`` is for measures
    of all lists together: their ``values`` are all NaN and they define ``aggregate``.
    """

    cutoff: int | None = None

    name: ClassVar[str]
    kind: ClassVar[Literal["ranking", "rating"]] = "ranking"
    takes_cutoff: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True
    per_person: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.takes_cutoff:
            if self.cutoff is not None:
                raise ConfigError(f"metric '{self.label}' takes no cutoff")
        elif self.cutoff is None:
            raise ConfigError(f"metric '{self.name}' needs a cutoff, such as {self.name}@10")
        elif self.cutoff < 1:
            raise ConfigError(f"metric '{self.label}': the cutoff must be a positive whole number")
        elif self.cutoff > _DEEPEST:
            raise ConfigError(f"metric '{self.label}': the cutoff must be at most {_DEEPEST}")

    @property
    def label(self) -> str:
        """The name as it is written in a configuration: ``ndcg@10``."""
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"

    @abstractmethod
    def values(self, seen: Any, /) -> NDArray[np.float64]:
        """Return (n_people,) the metric of each person, NaN where it is undefined for that person."""

    def aggregate(self, values: NDArray[np.float64], seen: Any, /) -> float:
        """Return one figure for all: the mean over the people for whom it is defined, NaN for nobody."""
        defined = values[~np.isnan(values)]
        return float(defined.mean()) if len(defined) else float("nan")
