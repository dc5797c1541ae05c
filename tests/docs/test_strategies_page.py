"""docs/strategies.md lists what foretaste brings: every strategy, its extra, and whom it places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from docs.page import Page
from foretaste import Context, PairFacts, Platform, Recommender, Roster, Strategy, Transfer, save_bundle
from foretaste.testing import fit_once, item_world, rating_world, taste_world
from strategies.test_align_transport import described_world
from strategies.test_linear_svm import told

PAGE = Page("strategies.md")
ROWS = {row[0].strip("`"): dict(zip(("does", "needs", "places", "extra", "source"), row[1:], strict=True))
        for row in PAGE.table("strategy | what it does")}  # fmt: skip


def built_in() -> dict[str, type[Strategy]]:
    """The strategies of foretaste's own distribution: others may be installed as well."""
    platform = Platform()
    ours = {report.name for report in platform.reports if report.distribution == "foretaste"}
    catalog = platform.catalog
    return {name: kind for name, kind in catalog.strategies.items() if catalog.origins[name] in ours}


BUILT_IN = built_in()


def test_every_strategy_has_a_row():
    missing = sorted(set(BUILT_IN) - set(ROWS))
    assert not missing, f"docs/strategies.md: the table lacks a row for {', '.join(missing)}"


def test_no_row_is_of_a_strategy_that_is_not_there():
    assert sorted(set(ROWS) - set(BUILT_IN)) == []


def test_every_strategy_is_explained_in_the_section_of_its_family():
    for name in BUILT_IN:
        family, _, short = name.partition("/")
        section = PAGE.text.partition(f"\n## {family}/\n")[2].partition("\n## ")[0]
        assert f"**{short}**" in section or (short.startswith("rating-") and "**rating-...**" in section), (
            f"docs/strategies.md: the section {family}/ does not say what {short} does"
        )


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(BUILT_IN)))
def test_the_extra_is_what_the_error_says_to_install(name: str) -> None:
    assert ROWS[name]["extra"].strip("`") == (BUILT_IN[name].extra or "")


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(BUILT_IN)))
def test_a_number_of_people_that_is_needed_is_that_of_the_objection(name: str) -> None:
    said = re.search(r"(\d+) shared people", ROWS[name]["needs"])
    objection = objected(BUILT_IN[name](), rating_world(60), shared_users=0)
    found = re.search(r"needs (?:\d+ shared items or )?(\d+) shared users", objection or "")
    assert (said and said[1]) == (found and found[1])


@pytest.mark.parametrize("name", ["baseline/ease", "align/transport"])
def test_a_catalogue_of_the_size_on_the_page_is_served_and_a_larger_one_is_not(name: str) -> None:
    (said,) = re.findall(r"up to ([\d,]+)", ROWS[name]["needs"])
    most = int(said.replace(",", ""))
    for size, refused in ((most, False), (round(1.1 * most), True)):
        sizes = {"target_users": 10**6, "target_items": size, "source_items": size}
        assert bool(objected(BUILT_IN[name](), described_world(), **sizes)) == refused


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(BUILT_IN)))
def test_whom_it_places_is_what_the_table_says(name: str) -> None:
    strategy = BUILT_IN[name]()
    worlds = (taste_world(), rating_world(), item_world(), described_world(), told(taste_world()))
    world = next((world for world in worlds if objected(strategy, world) is None), None)
    assert world is not None, f"no toy world for {name}"
    roster, model = Roster.of(world), fit_once(strategy, world, Context(device="cpu", fit=fitted))
    said, placed = ROWS[name]["places"], model.places(everybody(world))
    if said.startswith("nobody"):
        popular = fit_once(BUILT_IN["baseline/popular"](), world)
        one, other = (each.rank(everybody(world), 5, exclude_seen=False)[0] for each in (model, popular))
        assert (one == other).all()
        return
    assert bool(placed[world.target.interactions.history > 0].all()) == ("few-shot, warm" in said)
    if roster.newcomers.any():
        assert bool(placed[roster.newcomers].all()) == ("newcomer" in said)


def fitted(name: str, params: Mapping[str, Any], transfer: Transfer) -> Recommender:
    return fit_once(Platform().catalog.make(name, params), transfer)


def objected(strategy: Strategy, world: Transfer, **changed: Any) -> str | None:
    facts = [PairFacts(**{**PairFacts.of(pair).as_dict(), **changed}) for pair in world.pairs]
    return strategy.refusal(facts)


def everybody(world: Transfer) -> NDArray[np.int64]:
    return np.arange(len(world.target.interactions.users))


def test_the_picture_is_drawn_as_shown(tmp_path, monkeypatch):
    (code,) = PAGE.blocks("python")
    model = fit_once(Platform().catalog.make("align/ridge", {"factors": 8, "source_factors": 8}), taste_world())
    save_bundle(model, tmp_path / "out/grocery/bundles/grocery__drugstore", strategy="align/ridge", params={})
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert (tmp_path / "alignment.png").stat().st_size > 10_000
