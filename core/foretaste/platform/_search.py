"""Which setting to try next: Optuna's sampler over the values that a strategy's grid has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Final, Literal

import numpy as np

from foretaste.errors import ConfigError, MissingPackageError
from foretaste.platform._settings import Room, settings_of
from foretaste.strategy import Strategy, make_strategy

SearchKind = Literal["grid", "optuna"]

_MANY: Final = 1000
"""Settings of a grid that are looked at for their values."""
_ASKED: Final = 30
"""How often the sampler is asked for a setting that was not tried yet."""


def expect_search(search: str) -> None:
    """Raise ConfigError for a search that there is not, MissingPackageError for one that lacks its package."""
    if search not in ("grid", "optuna"):
        raise ConfigError(f"search: found {search!r}, expected grid or optuna")
    if search == "optuna" and find_spec("optuna") is None:
        raise MissingPackageError("search: optuna needs optuna: pip install 'foretaste[tune]'")


class Sampler:
    """Proposes settings by a tree of Parzen estimators (Bergstra et al., NeurIPS 2011) over the values of a grid.

    The grid's values are combined freely, so that it also finds what a grid of few settings leaves out. Settings that
    take more than a budget has are not proposed.
    """

    def __init__(self, strategy: Strategy, room: Room, seed: int) -> None:
        import optuna

        self._strategy, self._room = strategy, room
        self._refused: dict[str, str] = {}
        # nothing is timed for its values alone
        self._values = _values(settings_of(strategy, replace(room, seconds=None, tries=_MANY)))
        self._spaces: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.CategoricalDistribution(list(range(len(values))))
            for name, values in self._values.items()
        }
        with _quiet():
            self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    @property
    def refused(self) -> list[str]:
        """Why settings were not proposed that take more than the budget has, one line of each."""
        return [*self._refused.values()]

    def propose(self, tried: Sequence[tuple[Strategy, float]]) -> Strategy | None:
        """Return a setting that was not tried, None where there is none; ``tried`` are settings and what each is worth.

        A setting that failed is worth -inf.
        """
        import optuna

        self._learn(tried)
        known = {_said(one) for one, _ in tried}
        for _ in range(_ASKED if self._spaces else 0):
            with _quiet():
                trial = self._study.ask(self._spaces)
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)  # told anew with what it came to
            chosen = {name: self._values[name][place] for name, place in trial.params.items()}
            try:
                made = make_strategy(type(self._strategy), self._strategy.params() | chosen)
            except ConfigError:
                continue  # values that do not go together
            if _said(made) in known or _said(made) in self._refused:
                continue
            if (need := self._room.beyond(made)) is None:
                return made
            self._refused[_said(made)] = need
        return None

    def _learn(self, tried: Sequence[tuple[Strategy, float]]) -> None:
        import optuna

        told = {trial.user_attrs.get("setting") for trial in self._study.trials}
        for one, worth in tried:
            if _said(one) in told or not np.isfinite(worth):
                continue
            params = one.params()
            places = {
                name: values.index(params[name]) for name, values in self._values.items() if params[name] in values
            }
            if len(places) == len(self._values):
                found = optuna.trial.create_trial(
                    params=places, distributions=self._spaces, value=worth, user_attrs={"setting": _said(one)}
                )
                self._study.add_trial(found)


def _values(settings: Sequence[Strategy]) -> dict[str, list[Any]]:
    """Return the values of each field that has several."""
    found: dict[str, list[Any]] = {}
    for one in settings:
        for name, value in one.params().items():
            if value not in (mine := found.setdefault(name, [])):
                mine.append(value)
    return {name: values for name, values in found.items() if len(values) > 1}


def _said(strategy: Strategy) -> str:
    return json.dumps(strategy.params(), sort_keys=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling each study on stderr, and leave its logging as it was."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
