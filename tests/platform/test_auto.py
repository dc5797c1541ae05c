"""``auto`` in place of a strategy: a run races for it."""

from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from evaluation.toy_experiment import KINDS, Bad, Popular, Taste, Watch, experiment, platform
from foretaste import ConfigError, Platform, load_bundle
from foretaste.registry import check_registry, parse_registry

RACERS = Path(__file__).parent / "racers.py"
AUTO = {"strategy": "auto"}


def ours():
    return platform(kinds=[kind for kind in KINDS if kind.name not in ("toy/raising", "toy/nan")])


def test_a_run_takes_what_wins_its_race_and_hands_it_on(shops):
    (found,) = ours().run(experiment(AUTO), folder=shops).transfers
    assert (found.rule_choice, found.chosen) == ("toy/taste", "toy/taste")
    assert found.trace[0] == "auto named by the experiment"
    assert found.trace[1].startswith("race: repeat 1: toy/taste chosen")
    assert found.entry("toy/taste").verdict == "helps"
    assert any(note.startswith("toy/bad stopped: cannot win") for note in found.notes)
    assert any(note.startswith("toy/picky passed over: needs 1000") for note in found.notes)
    assert load_bundle(shops / "out" / found.bundle).recommend(["p000"], 3)


def test_its_figures_are_those_of_a_run_that_names_the_strategy(shops):
    (raced,) = ours().run(experiment(AUTO), folder=shops, output=shops / "a").transfers
    (named,) = ours().run(experiment({"strategy": "toy/taste"}), folder=shops, output=shops / "b").transfers
    assert raced.entry("toy/taste").metrics == named.entry("toy/taste").metrics
    assert raced.handed_on == named.handed_on


def test_what_is_handed_on_is_measured_by_the_choice_of_each_repeat(shops, monkeypatch):
    chosen = iter([("toy/taste", "taste"), ("toy/popular", "popular")])
    monkeypatch.setattr("foretaste.platform._repeat._choice", lambda *_: next(chosen))
    asked = experiment(AUTO, holdout={"repeats": 2})
    (found,) = platform(kinds=(Popular, Taste)).run(asked, folder=shops).transfers
    assert found.chosen == "toy/taste"
    (table,) = [pl.read_parquet(one) for one in (shops / "out/transfers").glob("*.parquet")]

    def values(strategy, repeat):
        return table.filter(strategy=strategy, repeat=repeat)["ndcg@5"].to_list()

    assert values("handed on", 0) == values("toy/taste", 0) != values("toy/popular", 0)
    assert values("handed on", 1) == values("toy/popular", 1) != values("toy/taste", 1)


def test_what_was_stopped_is_not_tuned_again_for_what_uses_it(shops):
    class Mixing(Taste):
        name: ClassVar[str] = "toy/mixing"
        uses_others: ClassVar[bool] = True

        def adapt(self, carried, transfer, context):
            context.tune("toy/bad", {})
            return super().adapt(carried, transfer, context)

    watch = Watch()
    (found,) = platform(watch, kinds=(Popular, Bad, Mixing)).run(experiment(AUTO), folder=shops).transfers
    assert found.chosen == "toy/mixing"
    # two settings on the first fold, and for the mix on both folds
    assert watch.adapted.count("toy/bad") == 2 + 4


def test_where_nothing_surely_helps_it_is_a_baseline(shops):
    (found,) = (
        platform(kinds=[k for k in KINDS if k.name in ("toy/popular", "toy/bad")])
        .run(experiment(AUTO), folder=shops)
        .transfers
    )
    assert found.chosen == "toy/popular"


def test_a_rule_may_race_within_its_seconds_and_leaves_no_trials(shops, monkeypatch):
    monkeypatch.setenv("RACERS_LOG", str(shops / "log"))
    rule = "[{strategy: auto, params: {seconds: 40}}, {strategy: race/taste}]"  # what rules name races first
    (shops / "registry.yaml").write_text(f"version: 1\nrules: [{{use: {rule}}}]\n")
    made = Platform([RACERS], registry=shops / "registry.yaml", entry_points=False)
    (found,) = made.run(experiment({"strategy": None}), folder=shops).transfers
    assert found.trace[0] == "registry.yaml:2 (rule 1): auto chosen"
    assert found.chosen == "race/taste"
    assert any(note.startswith("race/bad stopped: cannot win") for note in found.notes)
    assert not (shops / "out/races").exists()


def test_with_a_control_what_wins_has_one(shops):
    (found,) = ours().run(experiment(AUTO), folder=shops, control="permuted").transfers
    assert found.entry("toy/taste").control.verdict != "helps"


def test_what_is_handed_on_knows_the_training_rows_where_it_is_not_fitted_again(shops):
    (found,) = ours().run(experiment(AUTO, refit=False), folder=shops).transfers
    assert load_bundle(shops / "out" / found.bundle).recommend(["p000"], 3)


def test_settings_of_a_race_are_checked_before_any_fit(shops):
    with pytest.raises(ConfigError, match=r"strategy: auto: seconds"):
        ours().run(experiment({"strategy": "auto", "params": {"seconds": -1}}), folder=shops)
    rules = parse_registry("version: 1\nrules: [{use: [{strategy: auto, params: {second: 1}}]}]\n", "r.yaml")
    (problem,) = check_registry(rules, platform(kinds=(Popular, Taste)).catalog)
    assert "second" in problem


def test_what_is_explained_is_that_a_race_will_choose(shops):
    (found,) = ours().explain(experiment(AUTO), folder=shops)
    assert found.decision.strategy == "auto"
