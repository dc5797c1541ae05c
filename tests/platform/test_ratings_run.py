"""Runs about predicted ratings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from foretaste import (
    Carried,
    ConfigError,
    Context,
    DataError,
    Domain,
    FactorModel,
    Platform,
    RatingScale,
    Roster,
    Strategy,
    Transfer,
    hookimpl,
    load_bundle,
)
from foretaste.experiment import Experiment
from foretaste.solvers import rating_biases
from foretaste.testing import rating_world, save_world, taste_of, taste_world


class Generous(Strategy):
    """mu + b_i + b_u from the source, and own taste rated higher: more than any trivial prediction knows."""

    name: ClassVar[str] = "toy/generous"
    predicts_ratings: ClassVar[bool] = True

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried({"user": rating_biases(source.interactions.ratings, user_damping=1).user})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        rows = transfer.target.interactions
        found = rating_biases(rows.ratings, item_damping=2)
        offset = (transfer.pair.user_links.T @ carried["books"].arrays["user"]).astype(np.float32)
        people, items = (
            np.array([0.63 if taste_of(one) == "a" else -0.63 for one in ids], np.float32)[:, None]
            for ids in (rows.users.ids, rows.items.ids)
        )
        scale = RatingScale(found.mean, offset, found.item.astype(np.float32), 1, 5)
        bias = found.item.astype(np.float32)
        return FactorModel(Roster.of(transfer).rating(scale), people, items, item_bias=bias)


class ToyRatings:
    foretaste_api = 1

    @hookimpl
    def register_strategies(self) -> list[type[Strategy]]:
        return [Generous]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    save_world(rating_world(), tmp_path)
    return tmp_path


def experiment(strategy: str | None = "toy/generous", **changed: Any) -> Experiment:
    data: dict[str, Any] = {
        "domains": {name: {"path": f"{name}.parquet", "feedback": "explicit"} for name in ("books", "films")},
        "transfers": [{"source": "books", "target": "films", "shared": "users", "strategy": strategy}],
        "metrics": ["rmse", "mae", "ndcg@5"],
        "tries": 2,
        "folds": 2,
    }
    return Experiment.model_validate(data | changed)


def test_a_strategy_is_measured_beside_the_four_trivial_predictions(films: Path) -> None:
    (result,) = Platform([ToyRatings()]).run(experiment(), folder=films).transfers
    names = ["mean", "item", "user", "item-user"]
    assert {e.strategy for e in result.leaderboard} == {"toy/generous", *(f"baseline/rating-{name}" for name in names)}
    mine = result.entry("toy/generous")
    assert mine.lift is not None
    assert mine.lift.over == "baseline/rating-item-user"
    assert mine.verdict == "helps"
    assert mine.lift.value > 0  # a gain, though less is better
    figures = [entry.metrics["rmse"] for entry in result.leaderboard]
    assert figures == sorted(figures)


def test_what_is_handed_on_predicts_from_its_bundle(films: Path) -> None:
    (result,) = Platform([ToyRatings()]).run(experiment(), folder=films).transfers
    loaded = load_bundle(films / "out" / str(result.bundle))
    ratings = loaded.predict(["a0", "nobody"], ["film-a0", "film-a0"])
    assert ((ratings >= 1) & (ratings <= 5)).all()


def test_everybody_with_a_hidden_rating_is_counted(films: Path) -> None:
    (rated,) = Platform([ToyRatings()]).run(experiment(), folder=films).transfers
    (ranked,) = Platform().run(experiment("linear/naive-bayes", metrics=["ndcg@5"]), folder=films, new=True).transfers
    assert rated.people > ranked.people
    assert sum(one.people for one in rated.populations) == rated.people


def test_the_registry_passes_over_what_predicts_no_ratings(films: Path) -> None:
    (result,) = Platform().run(experiment(None), folder=films).transfers
    assert result.rule_choice == "align/ratings"
    assert any(
        "linear/naive-bayes passed over: predicts no ratings, which the first metric is about" in line
        for line in result.trace
    )


def test_a_strategy_that_predicts_none_cannot_be_named(films: Path) -> None:
    with pytest.raises(ConfigError, match=r"linear/naive-bayes predicts no ratings, and the first metric is rmse"):
        Platform().run(experiment("linear/naive-bayes"), folder=films)
    assert not (films / "out").exists()


def test_lists_may_be_measured_with_ratings_beside(films: Path) -> None:
    changed = experiment("linear/naive-bayes", metrics=["ndcg@5", "rmse"])
    (result,) = Platform().run(changed, folder=films).transfers
    assert result.entry("linear/naive-bayes").metrics["rmse"] is None
    assert result.entry("baseline/rating-item").metrics["rmse"] is not None


def test_trivial_predictions_stay_away_where_nobody_asks_for_ratings(films: Path) -> None:
    (result,) = Platform().run(experiment("linear/naive-bayes", metrics=["ndcg@5"]), folder=films).transfers
    assert not [e.strategy for e in result.leaderboard if e.strategy.startswith("baseline/rating-")]


def test_implicit_feedback_has_no_ratings_to_predict(tmp_path: Path) -> None:
    save_world(taste_world(), tmp_path)
    domains = {name: {"path": f"{name}.parquet"} for name in ("books", "films")}
    with pytest.raises(DataError, match=r"the first metric is rmse, which needs ratings; films has implicit feedback"):
        Platform().run(experiment(None, domains=domains), folder=tmp_path)


class Forgetful(Generous):
    """Says that it predicts ratings, and does not."""

    name: ClassVar[str] = "toy/forgetful"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        made = super().adapt(carried, transfer, context)
        return FactorModel(Roster.of(transfer), made.user_factors, made.item_factors)


def test_a_strategy_that_forgets_its_scale_is_told(films: Path) -> None:
    from foretaste.errors import StrategyError
    from foretaste.testing import fit_once

    with pytest.raises(StrategyError, match=r"toy/forgetful: predicts_ratings is true, but its recommender has no"):
        fit_once(Forgetful(), rating_world())
