"""Who teaches a map: people who preferred something on both sides."""

import numpy as np
import polars as pl
import pytest

from foretaste import Domain, Overlap, Strategy, StrategyError, Transfer
from foretaste.testing import fit_once
from foretaste_align import Prior, Procrustes, Ridge

SMALL = {"factors": 4, "source_factors": 4}


def dislikers(n: int, likers: int) -> Transfer:
    """Return a pair whose shared people dislike all that they rated in the target, but for a few."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(n), 5)
    books = pl.DataFrame({"user_id": people, "item_id": rng.integers(0, 20, 5 * n), "weight": 5.0})
    rated = pl.DataFrame({"user_id": people, "item_id": rng.integers(0, 20, 5 * n)})
    films = rated.with_columns(weight=pl.when(pl.col("user_id") < likers).then(5.0).otherwise(1.0))
    strangers = pl.DataFrame({"user_id": np.arange(1000, 1020), "item_id": np.arange(20), "weight": 5.0})
    read = {"duplicates": "last", "feedback": "explicit"}
    tables = {"books": books, "films": pl.concat([films, strangers])}
    return Transfer.of(*[Domain.from_frame(table, name, **read) for name, table in tables.items()], Overlap("users"))


@pytest.mark.parametrize("kind", [Ridge, Procrustes, Prior])
def test_people_who_only_dislike_teach_no_map_and_the_error_says_so(kind: type[Strategy]):
    with pytest.raises(StrategyError, match="books -> films: found 0 people who prefer something on both sides"):
        fit_once(kind(**SMALL), dislikers(100, likers=0))


@pytest.mark.parametrize("kind", [Ridge, Procrustes, Prior])
def test_the_few_who_prefer_something_teach_it(kind: type[Strategy]):
    found = fit_once(kind(**SMALL), dislikers(100, likers=12))
    assert found.recommend([50], 3)[0].path == "known"
