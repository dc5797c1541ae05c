"""Settings worth trying, as a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from foretaste import PairFacts, Strategy


class Listed(Strategy):
    """A strategy whose settings are tried from a short list: a product of their ranges would cost ten times as much."""

    settings: ClassVar[tuple[Mapping[str, object], ...]] = ()
    """Settings worth trying beside the defaults."""

    def grid(self, facts: Sequence[PairFacts], n: int) -> list[Self]:
        """Return this setting and those of the list, fields that were set by hand left alone."""
        return self.varied(self.settings)[:n]
