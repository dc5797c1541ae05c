"""A toy experiment: 100 people of two tastes in a grocery and a drugstore, and a plugin of toy strategies.

Taste is visible in the source, so ``toy/taste`` helps newcomers; each other strategy is wrong in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import polars as pl

from foretaste import (
    Carried,
    Context,
    Domain,
    Experiment,
    FactorModel,
    HistoryModel,
    Platform,
    Recommender,
    Roster,
    RunResult,
    Search,
    Side,
    Strategy,
    Transfer,
    hookimpl,
)
from foretaste.data import PairFacts

PEOPLE, ITEMS = 100, 24


def shop(seed: int, prefix: str, rows: int = 6) -> pl.DataFrame:
    """Everybody's rows: five of six are of the person's own taste, items from popular to rare."""
    rng = np.random.default_rng(seed)
    popular = np.linspace(2, 1, ITEMS // 2)
    found = []
    for person in range(PEOPLE):
        weight = np.zeros(ITEMS)
        weight[person % 2 :: 2] = 5 * popular
        weight[1 - person % 2 :: 2] = popular
        items = rng.choice(ITEMS, rows, replace=False, p=weight / weight.sum())
        found += [(f"p{person:03}", f"{prefix}{item:02}", float(rng.integers(1000))) for item in items]
    return pl.DataFrame(found, schema=["user_id", "item_id", "timestamp"], orient="row")


def write_shops(folder: Path) -> None:
    shop(1, "g").write_parquet(folder / "grocery.parquet")
    shop(2, "d").write_parquet(folder / "drugstore.parquet")


def experiment(*transfers: Mapping[str, Any], **changed: Any) -> Experiment:
    """The toy experiment; each transfer's settings are merged into grocery -> drugstore."""
    plain = {"source": "grocery", "target": "drugstore", "shared": "users"}
    data: dict[str, Any] = {
        "domains": {name: {"path": f"{name}.parquet"} for name in ("grocery", "drugstore")},
        "transfers": [plain | dict(one) for one in transfers or ({"strategy": "toy/taste"},)],
        "metrics": ["ndcg@5", "recall@5", "coverage@5"],
        "tries": 2,
        "folds": 2,
    }
    return Experiment.model_validate(data | changed)


class Toy(Strategy):
    """Popularity of the target."""

    name: ClassVar[str] = "toy/plain"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried({"items": np.arange(len(source.interactions.items))})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        return HistoryModel(Roster.of(transfer), popularity(transfer), {})


class Popular(Toy):
    name: ClassVar[str] = "toy/popular"
    baseline: ClassVar[bool] = True

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried()


class Rare(Popular):
    """A baseline that anything beats."""

    name: ClassVar[str] = "toy/rare"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        people = np.ones((len(transfer.target.interactions.users), 1), np.float32)
        return FactorModel(Roster.of(transfer), people, -popularity(transfer)[:, None])


class Taste(Toy):
    """Items that go together with what a person had in the source."""

    name: ClassVar[str] = "toy/taste"
    pretrain_fields: ClassVar[tuple[str, ...] | None] = ()
    sign: ClassVar[float] = 1.0

    weight: Annotated[float, Search(0.5, 1.0)] = 1.0

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        target = transfer.target.interactions.preference
        sides = {}
        for pair in transfer.pairs:
            history = pair.source_history
            together = np.asarray((history.T @ target).toarray(), np.float32) * (self.sign * self.weight)
            sides[pair.source.name] = Side(pair.source.interactions.items, together, 0.0, history)
        return HistoryModel(Roster.of(transfer), popularity(transfer), sides)


class Bad(Taste):
    """The items that go together least."""

    name: ClassVar[str] = "toy/bad"
    sign: ClassVar[float] = -1.0


class Raising(Toy):
    name: ClassVar[str] = "toy/raising"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        raise ZeroDivisionError("nothing to divide by")


class NotFinite(Toy):
    name: ClassVar[str] = "toy/nan"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        users, items = transfer.target.interactions.shape
        return FactorModel(
            Roster.of(transfer), np.full((users, 1), np.nan, np.float32), np.ones((items, 1), np.float32)
        )


class Picky(Toy):
    name: ClassVar[str] = "toy/picky"

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        return f"needs 1000 shared users, there are {facts[0].shared_users}"


class Lacking(Popular):
    name: ClassVar[str] = "toy/lacking"
    requires: ClassVar[tuple[str, ...]] = ("no_such_module",)
    extra: ClassVar[str | None] = "toys"


class Shelf:
    """A plugin in hand that brings strategies."""

    foretaste_api = 1

    def __init__(self, *kinds: type[Strategy]) -> None:
        self.kinds = kinds

    @hookimpl
    def register_strategies(self) -> list[type[Strategy]]:
        return list(self.kinds)


class Watch:
    """A plugin in hand that counts what is fitted and finished."""

    foretaste_api = 1

    def __init__(self) -> None:
        self.pretrained: list[str] = []
        self.adapted: list[str] = []
        self.finished: list[Any] = []

    @hookimpl(wrapper=True)
    def pretrain(self, strategy: Strategy) -> Any:
        self.pretrained.append(strategy.name)
        return (yield)

    @hookimpl(wrapper=True)
    def adapt(self, strategy: Strategy) -> Any:
        self.adapted.append(strategy.name)
        return (yield)

    @hookimpl
    def run_finished(self, result: Any) -> None:
        self.finished.append(result)


KINDS = (Popular, Taste, Toy, Bad, Raising, NotFinite, Picky)


def platform(*plugins: object, kinds: Sequence[type[Strategy]] = KINDS) -> Platform:
    """A platform of toy strategies alone."""
    return Platform([Shelf(*kinds), *plugins], entry_points=False)


def run(folder: Path, *transfers: Mapping[str, Any], plugins: Sequence[object] = (), **changed: Any) -> RunResult:
    return platform(*plugins).run(experiment(*transfers, **changed), folder=folder)


def popularity(transfer: Transfer) -> Any:
    return np.log1p(transfer.target.interactions.popularity).astype(np.float32)
