from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from foretaste.data import Domain, Overlap, PairFacts, Transfer
from foretaste.recommender import Recommender
from foretaste.registry import Catalog
from foretaste.strategy import Carried, Context, Strategy


class Toy(Strategy):
    factors: int = 8

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried({"x": np.zeros(1)})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        raise NotImplementedError


class Ridge(Toy):
    name: ClassVar[str] = "align/ridge"

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        shared = min(one.shared_users for one in facts)
        return None if shared >= 64 else f"needs 64 shared users, there are {shared}"


class Bayes(Toy):
    name: ClassVar[str] = "linear/naive-bayes"
    ends_in_time: ClassVar[bool] = True


class Popular(Toy):
    name: ClassVar[str] = "baseline/popular"
    baseline: ClassVar[bool] = True


class Ghost(Toy):
    name: ClassVar[str] = "baseline/ghost"
    baseline: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("no_such_module",)
    extra: ClassVar[str | None] = "ghosts"


@pytest.fixture
def catalog() -> Catalog:
    kinds: list[type[Strategy]] = [Ridge, Bayes, Popular, Ghost]
    return Catalog(
        {kind.name: kind for kind in kinds},
        {kind.name: kind.name.partition("/")[0] for kind in kinds},
        {"deep": "plugin 'deep' is blocked"},
    )


def _domain(name: str, users: Sequence[str]) -> Domain:
    rows = {"user_id": list(users), "item_id": [f"{name}{at % 3}" for at in range(len(users))]}
    return Domain.from_frame(pl.DataFrame(rows), name)


@pytest.fixture
def transfer() -> Transfer:
    return Transfer.of(_domain("books", "abcde"), _domain("films", "cdefghij"), Overlap("users"))


@pytest.fixture
def two_sources() -> Transfer:
    sources = [_domain("books", "abcde"), _domain("music", "jk")]
    return Transfer.of(sources, _domain("films", "cdefghij"), Overlap("users"))


def facts_of(transfer: Transfer) -> list[PairFacts]:
    return [PairFacts.of(pair) for pair in transfer.pairs]


@pytest.fixture
def facts(transfer: Transfer) -> Any:
    return facts_of(transfer)
