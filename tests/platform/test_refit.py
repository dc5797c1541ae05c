"""What is handed on is fitted again on all rows, once everything was measured."""

from importlib.metadata import version
from typing import Any

import polars as pl
import pytest

from evaluation.toy_experiment import Watch, experiment, run, shop
from foretaste import Platform, load_bundle
from foretaste.bundle import read_manifest
from foretaste.data import PairFacts
from foretaste.hookspecs import hookimpl

BUNDLE = "out/bundles/grocery__drugstore"


class Rows:
    """A plugin in hand that notes how many rows each fit was given, of the target and of the source."""

    foretaste_api = 1

    def __init__(self) -> None:
        self.given: list[tuple[str, int, int]] = []

    @hookimpl(wrapper=True)
    def adapt(self, strategy: Any, transfer: Any) -> Any:
        facts = PairFacts.of(transfer.pair)
        self.given.append((strategy.name, facts.target_interactions, facts.source_interactions))
        return (yield)


def paths(folder) -> set[str]:
    served = load_bundle(folder / BUNDLE)
    return {one.path for one in served.recommend([f"p{person:03}" for person in range(100)], 3)}


def figures(result) -> list[Any]:
    (one,) = result.transfers
    return [
        one.trace,
        one.facts,
        one.populations,
        *(entry.model_copy(update={"cpu_seconds": 0}) for entry in one.leaderboard),
    ]


def test_who_was_hidden_is_served_by_their_own_rows(shops):
    run(shops)
    assert paths(shops) == {"known"}


def test_without_a_refit_who_was_hidden_is_served_through_the_source(shops):
    run(shops, refit=False)
    assert paths(shops) == {"known", "newcomer"}


@pytest.mark.parametrize(("refit", "words"), [(True, "all rows"), (False, "training rows")])
def test_the_manifest_says_what_it_was_fitted_on_and_what_it_came_to(shops, refit, words):
    (result,) = run(shops, refit=refit).transfers
    manifest = read_manifest(shops / BUNDLE)
    assert manifest.metadata["fitted_on"] == words
    assert manifest.metadata["metrics"] == result.entry("toy/taste").metrics
    assert manifest.params == result.entry("toy/taste").params


def test_the_manifest_names_the_plugin_of_the_strategy_with_its_version(shops):
    run(shops)
    toys = {"name": "Shelf", "distribution": None, "version": None}
    assert read_manifest(shops / BUNDLE).metadata["plugin"] == toys
    (result,) = Platform().run(experiment({"strategy": "linear/naive-bayes"}, output="other"), folder=shops).transfers
    assert read_manifest(shops / "other" / result.bundle).metadata["plugin"] == {
        "name": "linear",
        "distribution": "foretaste",
        "version": version("foretaste"),
    }


def test_over_repeats_the_manifest_has_the_figures_of_all(shops):
    (result,) = run(shops, holdout={"kind": "newcomers", "repeats": 2}).transfers
    assert read_manifest(shops / BUNDLE).metadata["metrics"] == result.entry("toy/taste").metrics


def test_only_the_last_fit_is_given_all_rows(shops):
    """No fit that is measured has seen the test: the others have fewer rows, and equal figures without it."""
    rows = Rows()
    measured = run(shops, plugins=[rows], output="a")
    assert [given for given in rows.given if given[1] == 600] == rows.given[-1:] == [("toy/taste", 600, 600)]
    rows.given.clear()
    assert figures(run(shops, refit=False, output="b", plugins=[rows])) == figures(measured)
    assert max(given[1] for given in rows.given) < 600


def test_the_baseline_that_the_guard_chose_is_fitted_again(shops):
    run(shops, {"strategy": "toy/bad"})
    assert read_manifest(shops / BUNDLE).strategy == "toy/popular"
    assert paths(shops) == {"known"}


def test_one_more_fit_is_all_that_it_costs(shops):
    counts = []
    for refit in (True, False):
        watch = Watch()
        run(shops, {"strategy": "toy/taste", "beside": ["toy/plain"]}, plugins=[watch], refit=refit, output=str(refit))
        counts.append(len(watch.adapted))
    assert counts[0] == counts[1] + 1


@pytest.mark.parametrize(("policy", "sold"), [("report", True), ("drop", False)])
def test_twins_are_remedied_before_the_refit_too(shops, policy, sold):
    twins = shop(2, "d").filter(pl.col("item_id").is_in(["d00", "d01"]))
    copies = twins.with_columns(pl.concat_str(pl.lit("g-"), "item_id").alias("item_id"))
    pl.concat([shop(1, "g"), copies]).write_parquet(shops / "grocery.parquet")
    rows = Rows()
    run(shops, {"strategy": "toy/taste", "twins": policy}, plugins=[rows])
    assert rows.given[-1] == ("toy/taste", 600, 600 + sold * len(twins))


def test_rows_after_the_instant_are_learnt_from_in_the_end(shops):
    rows = Rows()
    run(shops, plugins=[rows], holdout={"kind": "time", "fraction": 0.2})
    assert rows.given[-1] == ("toy/taste", 600, 600)
    assert max(source for *_, source in rows.given[:-1]) < 600
