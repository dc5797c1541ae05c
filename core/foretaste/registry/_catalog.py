"""The catalog: every strategy that the loaded plugins bring, and why others are not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foretaste.data import PairFacts
from foretaste.errors import ConfigError, MissingPackageError, did_you_mean
from foretaste.strategy import Strategy, make_strategy, missing_packages

STRATEGY_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*/[a-z0-9][a-z0-9_.-]*")
"""What a strategy may be called: ``plugin/strategy``, in small letters."""


@dataclass(frozen=True)
class Catalog:
    """Strategy classes by name. A listed strategy may still miss the packages that it needs."""

    strategies: Mapping[str, type[Strategy]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    """Strategy name to the plugin that brought it."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Plugin or strategy name to the reason why it was kept out."""
    for_ratings: bool = False
    """The first metric is one of predicted ratings: only strategies that predict some can serve."""
    refusal: Callable[[Strategy, Sequence[PairFacts]], str | None] = Strategy.refusal
    """Why a strategy is not to be fitted on pairs with these facts, by what it objects to and what it would cost."""

    def get(self, name: str) -> type[Strategy]:
        """Return a strategy class; ConfigError names what is known, or says why its plugin is not there."""
        if name in self.strategies:
            return self.strategies[name]
        head = f"unknown strategy '{name}'"
        if (reason := self._kept_out(name)) is not None:
            raise ConfigError(f"{head}: {reason}")
        known = ", ".join(sorted(self.strategies)) or "none"
        absent = f"; not loaded: {', '.join(sorted(self.unavailable))}" if self.unavailable else ""
        raise ConfigError(f"{head}; known: {known}{absent}{did_you_mean(name, self.strategies)}")

    def unfit(self, name: str) -> str | None:
        """Return why a strategy cannot serve this run, whatever the data, or None."""
        if self.for_ratings and not self.get(name).predicts_ratings:
            return "predicts no ratings, which the first metric is about"
        return self.missing(name)

    def make(self, name: str, params: Mapping[str, Any]) -> Strategy:
        """Return a strategy that is ready to fit.

        ConfigError for an unknown name or wrong params; MissingPackageError names the extra to install.
        """
        if need := self.missing(name):
            raise MissingPackageError(f"{name} {need}")
        return make_strategy(self.get(name), params)

    def missing(self, name: str) -> str | None:
        """Return which packages a strategy lacks and how to get them ("needs implicit: pip install ..."), or None."""
        kind = self.get(name)
        packages = missing_packages(kind)
        if not packages:
            return None
        remedy = f": pip install 'foretaste[{kind.extra}]'" if kind.extra else ", which cannot be imported here"
        return f"needs {', '.join(packages)}{remedy}"

    def _kept_out(self, name: str) -> str | None:
        return self.unavailable.get(name, self.unavailable.get(name.partition("/")[0]))
