"""The shipped contract is worth something only if it fails: each test here breaks one promise."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from foretaste import Carried, HistoryModel, Roster, Search, Side, Strategy, StrategyError
from foretaste.testing import StrategyContract, rating_world


class Good(Strategy):
    name: ClassVar[str] = "toy/good"
    portable: ClassVar[bool] = True

    weight: Annotated[float, Field(gt=0), Search(0.5, 1.0)] = 1.0
    """Of the popularity."""

    def pretrain(self, source: Any, context: Any) -> Carried:
        return Carried({"popularity": source.interactions.popularity}, {"rows": len(source.interactions)})

    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        rows, pair = transfer.target.interactions, transfer.pair
        counts = (pair.source_history.T @ rows.preference).toarray()
        side = Side(pair.source.interactions.items, counts, 0.5, pair.source_history)
        bias = (self.weight * rows.popularity).astype(np.float32)
        return HistoryModel(Roster.of(transfer), bias, {pair.source.name: side})


class TestGood(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Good


class Undescribed(Good):
    bare: int = 3


class Unlimited(Good):
    anything: Any = 3
    """Whatever."""


class Meddling(Good):
    def grid(self, facts: Any, n: int) -> Any:
        return [self.model_copy(update={"weight": 0.5 + place}) for place in range(n)]


class PerPerson(Good):
    def pretrain(self, source: Any, context: Any) -> Carried:
        return Carried({"people": source.interactions.history})


class NotJson(Good):
    def pretrain(self, source: Any, context: Any) -> Carried:
        return Carried({}, {"rows": np.int64(3)})


class Remembering(Good):
    def pretrain(self, source: Any, context: Any) -> Carried:
        return Carried({}, {"kept": [1.0, float(source.interactions.popularity[0])], "pair": (1, 2)})


class Drifting(Good):
    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        found = super().adapt(carried, transfer, context)
        noise = np.random.default_rng().random(len(found.item_bias), np.float32)
        return HistoryModel(found.roster, found.item_bias + noise, found.sides)


class Seeding(Good):
    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        np.random.seed(context.seed)  # noqa: NPY002 - the mistake
        random.seed(context.seed)
        os.environ["TOY"] = "changed"
        return super().adapt(carried, transfer, context)


class Writing(Good):
    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        transfer.target.interactions.preference.data *= 2
        return super().adapt(carried, transfer, context)


class WritingRatings(Good):
    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        transfer.pair.source.interactions.ratings.data -= 1
        return super().adapt(carried, transfer, context)


class Infinite(Good):
    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        found = super().adapt(carried, transfer, context)
        return HistoryModel(found.roster, np.full_like(found.item_bias, np.inf))


class Forgetful(Good):
    """Offers what was seen."""

    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        found = super().adapt(carried, transfer, context)
        return HistoryModel(replace(found.roster, seen=None), found.item_bias, found.sides)


BROKEN: list[tuple[type[Strategy], str, str]] = [
    (Undescribed, "test_every_setting_is_described", "bare has no docstring under it"),
    (Unlimited, "test_its_settings_are_validated", "anything takes anything"),
    (Meddling, "test_its_grid_starts_with_itself_and_holds_valid_settings", "the first of the grid is not"),
    (Meddling, "test_its_grid_leaves_alone_what_was_set_by_hand", "the grid varies weight, set by hand"),
    (PerPerson, "test_a_portable_carried_holds_no_row_per_person", "'people' has 110 rows or columns"),
    (Drifting, "test_the_same_seed_gives_the_same_arrays", "two runs with the same seed and one thread differ"),
    (
        Seeding,
        "test_it_changes_nothing_around_it",
        "NumPy's global random state, Python's .* state, environ",
    ),
    (Writing, "test_it_changes_nothing_around_it", "the transfer's data changed"),
    (Remembering, "test_carried_is_plain", "meta is not plain JSON"),
    (Forgetful, "test_everybody_is_served", "is offered what was seen"),
]


def run(strategy: type[Strategy], test: str) -> None:
    case = type("Case", (StrategyContract,), {"strategy": strategy})()
    method: Callable[[], None] = getattr(case, test)
    method()


@pytest.mark.parametrize(("strategy", "test", "words"), BROKEN)
def test_a_broken_promise_is_told(
    strategy: type[Strategy], test: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY", "as it was")
    with pytest.raises(AssertionError, match=words):
        run(strategy, test)


def test_ratings_that_were_written_to_are_told() -> None:
    case = type("Case", (StrategyContract,), {"strategy": WritingRatings, "world": lambda _: rating_world()})()
    with pytest.raises(AssertionError, match="the transfer's data changed"):
        case.test_it_changes_nothing_around_it()


def test_meta_that_json_cannot_hold_is_told() -> None:
    with pytest.raises(TypeError, match="int64 is not JSON serializable"):
        run(NotJson, "test_carried_is_plain")


def test_arrays_that_are_not_finite_are_told() -> None:
    with pytest.raises(StrategyError, match="item_bias holds values that are not finite"):
        run(Infinite, "test_it_makes_a_recommender_with_finite_arrays")


def test_a_package_at_the_top_of_the_module_is_told(tmp_path: Path) -> None:
    heavy = tmp_path / "heavy.py"
    heavy.write_text("import sklearn\n")
    kind = type("Heavy", (Good,), {"requires": ("sklearn",), "__module__": "heavy_toy"})
    module = ModuleType("heavy_toy")
    module.__file__ = str(heavy)
    sys.modules["heavy_toy"] = module
    try:
        with pytest.raises(AssertionError, match="the module of Heavy imports sklearn; do it in methods"):
            run(kind, "test_listing_it_imports_nothing")
    finally:
        del sys.modules["heavy_toy"]
