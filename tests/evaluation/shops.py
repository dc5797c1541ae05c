"""Made-up pairs of shops for tests of hold-outs: random rows, known seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import polars as pl
from hypothesis import assume
from hypothesis import strategies as st

from foretaste.data import Domain, Interactions, Overlap, Transfer
from foretaste.errors import DataError
from foretaste.evaluation import HeldOut, hold_out
from foretaste.experiment import (
    GivenHoldout,
    HoldoutSpec,
    LastItemsHoldout,
    NewcomersHoldout,
    RandomHoldout,
    TimeHoldout,
)

Cells = set[tuple[int, int]]


def shop(rng: np.random.Generator, name: str, people: range, rows: int, **options: Any) -> Domain:
    """Random ratings of ``people`` on a dozen items, with times (many of them equal) and a split."""
    table = pl.DataFrame(
        {
            "user_id": [f"u{user:03}" for user in rng.integers(people.start, people.stop, rows)],
            "item_id": [f"{name}{item:02}" for item in rng.integers(0, 12, rows)],
            "rating": rng.integers(1, 6, rows).astype(float),
            "timestamp": rng.integers(0, 60, rows).astype(float),
            "split": rng.choice(["train", "train", "test", "validation"], rows),
        }
    )
    return Domain.from_frame(table, name, columns={"split": "split"}, **options)


def pair(seed: int = 0, people: int = 16, rows: int = 120, **options: Any) -> Transfer:
    """Two shops that share most of their people; ``options`` are the target's."""
    rng = np.random.default_rng(seed)
    source = shop(rng, "grocery", range(people), rows)
    target = shop(rng, "drugstore", range(people // 4, people + people // 4), rows, **options)
    return Transfer.of(source, target, Overlap("users"))


def table_pair(source: dict[str, list[Any]], target: dict[str, list[Any]], **options: Any) -> Transfer:
    here = Domain.from_frame(pl.DataFrame(source), "grocery")
    there = Domain.from_frame(pl.DataFrame(target), "drugstore", **options)
    return Transfer.of(here, there, Overlap("users"))


fractions = st.sampled_from([0.1, 0.3, 0.5])
specs: st.SearchStrategy[HoldoutSpec] = st.one_of(
    st.builds(
        NewcomersHoldout,
        fraction=fractions,
        visible=st.integers(0, 3),
        levels=st.sampled_from([[], [0, 1], [0, 2, 4]]),
    ),
    st.builds(LastItemsHoldout, kind=st.just("last-items"), n=st.integers(1, 3)),
    st.builds(TimeHoldout, kind=st.just("time"), fraction=fractions),
    st.builds(RandomHoldout, kind=st.just("random"), fraction=fractions),
    st.just(GivenHoldout(kind="given")),
)


@st.composite
def pairs(draw: st.DrawFn, minimum: int = 1) -> Transfer:
    feedback = draw(st.sampled_from(["explicit", "implicit"]))
    item = draw(st.integers(1, minimum))
    return pair(
        draw(st.integers(0, 10_000)),
        people=draw(st.integers(8, 24)),
        rows=draw(st.integers(60, 200)),
        feedback=feedback,
        minimum={"item": item, "user": draw(st.integers(1, minimum))},
    )


@contextmanager
def skipping(words: str) -> Iterator[None]:
    """Leave out examples that are too small for a split, and no others."""
    try:
        yield
    except DataError as error:
        assume(words not in str(error))
        raise


def held_or_skip(transfer: Transfer, spec: HoldoutSpec, seed: int = 5) -> HeldOut:
    with skipping("hold-out leaves"):
        return hold_out(transfer, spec, seed)


def cells(rows: Interactions) -> Cells:
    """The (person, item) places of rows."""
    return set(zip(rows.user_rows.tolist(), rows.item_rows.tolist(), strict=True))


def stored(rows: Interactions) -> Cells:
    """The places of every matrix view of rows together."""
    views = [rows.seen, rows.preference, *([rows.ratings] if rows.feedback.kind == "explicit" else [])]
    found: Cells = set()
    for view in views:
        places = view.tocoo()
        found |= set(zip(places.row.tolist(), places.col.tolist(), strict=True))
    return found
