"""Pairs of ten million rows, and pairs with few people: who refuses, with what words, and who changes form."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from foretaste import PairFacts, Platform
from foretaste.testing import taste_world
from foretaste_linear import Ease, Neighbours, Ridge

SMALL = PairFacts.of(taste_world().pair)
LARGE = replace(
    SMALL,
    shared_users=180_000,
    source_users=200_000,
    target_users=190_000,
    source_items=40_000,
    target_items=40_000,
    source_interactions=8_000_000,
    target_interactions=2_000_000,
)


@pytest.mark.parametrize("kind", [Ease, Ridge])
def test_ten_million_rows_are_refused_with_the_memory_that_they_need(kind: type[Ease] | type[Ridge]) -> None:
    said = kind().refusal([LARGE])
    assert said is not None
    needed, limit = (float(one) for one in re.findall(r"([\d.]+) GiB", said))
    assert needed > 20
    assert limit == 2


@pytest.mark.parametrize("kind", [Ease, Ridge])
def test_what_is_named_instead_serves_ten_million_rows(kind: type[Ease] | type[Ridge]) -> None:
    catalog = Platform().catalog
    instead = re.findall(r"\w+/[\w-]+", (kind().refusal([LARGE]) or "").partition(";")[2])
    assert len(instead) >= 2
    assert [catalog.make(name, {}).refusal([LARGE]) for name in instead] == [None] * len(instead)


def test_neighbours_serve_ten_million_rows() -> None:
    assert Neighbours().objection([LARGE]) is None


@pytest.mark.parametrize("kind", [Ease, Ridge])
def test_few_people_with_many_items_and_many_people_with_few_items_are_both_served(
    kind: type[Ease] | type[Ridge],
) -> None:
    few_people = replace(LARGE, shared_users=3_000, target_users=3_000, target_items=4_000)
    few_items = replace(LARGE, source_items=1_000, target_items=1_000)
    assert kind().refusal([few_people]) is None
    assert kind().refusal([few_items]) is None
