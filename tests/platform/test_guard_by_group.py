"""Where a choice loses for an activity group, that group is served by the baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest

from evaluation.toy_experiment import Popular, Rare, Taste, experiment, platform, popularity
from foretaste import Blend, HistoryModel, LinearGate, Roster, Search, Side, load_bundle
from foretaste.bundle import read_manifest
from foretaste.evaluation import POPULATIONS, Scores
from foretaste.experiment import NewcomersHoldout
from foretaste.metrics import Ndcg
from foretaste.platform._bench import Tuned
from foretaste.platform._compare import Measure, Measured
from foretaste.platform._guard import guarded, handed_on

HOW = Measure(NewcomersHoldout(), [Ndcg(10)], seed=7, tries=1, folds=2)


def scores(*groups: tuple[int, float]) -> Scores:
    """So many people of each group, all with one value."""
    counts, values = [count for count, _ in groups], [value for _, value in groups]
    every = np.repeat(np.array(values, float), counts)
    populations = np.repeat(np.arange(len(groups)), counts)
    overall = {"ndcg@10": float(every.mean())}
    return Scores(np.arange(len(every)), populations, {"ndcg@10": every}, overall)


def measured(kind: Any, *validation: tuple[int, float], test: Any = ((1, 0.0), (1, 0.0), (1, 0.0))) -> Measured:
    return Measured(kind.baseline, [Tuned(kind(), scores(*validation), 0.0, False)], [scores(*test)])


def served(choice: Any, *baselines: Any) -> tuple[dict[str, str], list[str]]:
    found = {kind.name: measured(kind, *groups) for kind, groups in ((Taste, choice), *baselines)}
    who, lines = guarded("toy/taste", found, HOW)
    return who.as_dict(), lines


def test_a_group_where_the_choice_loses_goes_to_its_best_baseline_and_the_others_stay():
    who, lines = served(
        [(100, 0.5), (100, 0.2), (100, 0.4)],
        (Popular, [(100, 0.1), (100, 0.3), (100, 0.1)]),
        (Rare, [(100, 0.2), (100, 0.2), (100, 0.3)]),
    )
    assert who == {"newcomer": "toy/taste", "few-shot": "toy/popular", "warm": "toy/taste"}
    assert lines == [
        "guard: toy/taste has ndcg@10 0.3667 on validation, toy/rare has 0.2333: kept",
        "guard: toy/taste has ndcg@10 0.5000 on the 100 newcomers of validation, toy/rare has 0.2000: kept",
        "guard: toy/taste has ndcg@10 0.2000 on the 100 few-shot people of validation, toy/popular has 0.3000:"
        " replaced by toy/popular",
        "guard: toy/taste has ndcg@10 0.4000 on the 100 warm people of validation, toy/rare has 0.3000: kept",
    ]


def test_groups_of_few_people_and_of_nobody_are_not_asked_apart():
    who, lines = served([(100, 0.5), (63, 0.1), (0, 0)], (Popular, [(100, 0.1), (63, 0.3), (0, 0)]))
    assert set(who.values()) == {"toy/taste"}
    assert lines[2:] == [
        "guard: few-shot people: 63 on validation, expected 64: not guarded apart",
        "guard: warm people: nobody on validation: not guarded apart",
    ]


def test_where_every_group_falls_back_to_one_baseline_it_serves_everybody():
    who, _ = served([(64, 0.1), (64, 0.1), (10, 0.9)], (Popular, [(64, 0.2), (64, 0.2), (10, 0.1)]))
    assert set(who.values()) == {"toy/popular"}


def test_a_choice_that_loses_on_the_whole_keeps_the_group_that_it_serves_better():
    who, lines = served([(100, 0.5), (500, 0.1), (0, 0)], (Popular, [(100, 0.2), (500, 0.3), (0, 0)]))
    assert lines[0].endswith("toy/popular has 0.2833: replaced by toy/popular")
    assert who == {"newcomer": "toy/taste", "few-shot": "toy/popular", "warm": "toy/popular"}


def test_the_guard_goes_by_settings_that_were_chosen_on_other_folds():
    lucky = measured(Taste, (100, 0.4), (100, 0.4), (0, 0))
    lucky.tuned[0] = replace(lucky.tuned[0], crossed=scores((100, 0.2), (100, 0.4), (0, 0)))
    found = {"toy/taste": lucky, "toy/popular": measured(Popular, (100, 0.3), (100, 0.3), (0, 0))}
    who, lines = guarded("toy/taste", found, HOW)
    assert who.as_dict() == {"newcomer": "toy/popular", "few-shot": "toy/taste", "warm": "toy/taste"}
    assert lines[0] == "guard: toy/taste has ndcg@10 0.3000 on validation, toy/popular has 0.3000: kept"


class Lot(Taste):
    """Eight settings that differ by chance alone."""

    name: ClassVar[str] = "toy/lot"
    draw: Annotated[int, Search(*range(1, 8))] = 0

    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        noise = np.random.default_rng(self.draw).normal(size=len(transfer.target.interactions.items))
        return HistoryModel(Roster.of(transfer), noise.astype(np.float32))


def test_the_best_of_many_settings_that_differ_by_chance_looks_better_than_it_is(shops):
    asked = experiment({"strategy": "toy/lot"}, tries=8, folds=3, refit=False)
    (result,) = platform(kinds=[Popular, Lot]).run(asked, folder=shops, output=shops / "out").transfers
    (line,) = [line for line in result.trace if " on validation, " in line]
    said = float(line.partition("ndcg@5 ")[2].partition(" ")[0])
    assert said < result.entry("toy/lot").validation


def test_a_tie_is_kept():
    who, _ = served([(64, 0.2), (64, 0.2), (64, 0.2)], (Popular, [(64, 0.2)] * 3))
    assert set(who.values()) == {"toy/taste"}


def test_everybody_takes_the_values_of_who_serves_them():
    found = {
        "toy/taste": measured(Taste, (64, 0.5), (64, 0.1), test=((40, 0.6), (10, 0.2))),
        "toy/popular": measured(Popular, (64, 0.2), (64, 0.3), test=((40, 0.1), (10, 0.3))),
    }
    who, _ = guarded("toy/taste", found, HOW)
    figures, (mine,) = handed_on([who], found, HOW)
    assert mine.values["ndcg@10"].tolist() == [0.6] * 40 + [0.3] * 10
    assert figures.served_by == {"newcomer": "toy/taste", "few-shot": "toy/popular", "warm": "toy/taste"}
    assert figures.metrics["ndcg@10"] == pytest.approx(0.54)
    assert figures.lift is not None
    assert figures.lift.value == pytest.approx(0.54 - (0.1 * 40 + 0.3 * 10) / 50)
    assert figures.lift.over == "toy/popular"


def test_each_repeat_is_guarded_by_its_own_validation_people():
    parts = {
        "toy/taste": [measured(Taste, (64, value), test=((10, 0.6),)) for value in (0.5, 0.1)],
        "toy/popular": [measured(Popular, (64, 0.2), test=((10, 0.4),)) for _ in range(2)],
    }
    found = {
        name: replace(one[0], tuned=[*one[0].tuned, *one[1].tuned], scores=[*one[0].scores, *one[1].scores])
        for name, one in parts.items()
    }
    both = [guarded("toy/taste", found, HOW, repeat)[0] for repeat in range(2)]
    figures, _ = handed_on(both, found, HOW)
    assert [one.main for one in both] == ["toy/taste", "toy/popular"]
    assert figures.metrics["ndcg@10"] == pytest.approx(0.5)


class Fickle(Taste):
    """Taste for newcomers; who has target rows is told the least popular."""

    name: ClassVar[str] = "toy/fickle"

    def adapt(self, carried: Any, transfer: Any, context: Any) -> HistoryModel:
        made = super().adapt(carried, transfer, context)
        assert isinstance(made, HistoryModel)
        rows = transfer.target.interactions
        worst = np.tile(-1000 * popularity(transfer), (len(rows.items), 1))
        sides = {**made.sides, transfer.target.name: Side(rows.items, worst, 0.0, rows.preference)}
        return HistoryModel(made.roster, made.item_bias, sides)


HIDDEN = {"kind": "random", "fraction": 0.6}  # of six rows each, so that many people keep none


@pytest.mark.parametrize("refit", [True, False])
def test_what_is_handed_on_serves_each_group_by_its_own_strategy(shops, monkeypatch, refit):
    monkeypatch.setattr("foretaste.platform._guard.ENOUGH", 20)
    host = platform(kinds=[Popular, Fickle])
    asked = experiment({"strategy": "toy/fickle"}, holdout=HIDDEN, refit=refit)
    (result,) = host.run(asked, folder=shops, output=shops / "out").transfers
    who = {"newcomer": "toy/fickle", "few-shot": "toy/popular", "warm": "toy/fickle"}
    assert result.handed_on.served_by == who
    assert result.chosen == "toy/fickle"
    assert result.handed_on.metrics["ndcg@5"] > result.entry("toy/fickle").metrics["ndcg@5"]
    assert result.handed_on.metrics["coverage@5"] is None
    by_group = {one.population: one for one in result.populations}
    mean = sum(one.people * one.metrics[who[group]]["ndcg@5"] for group, one in by_group.items()) / result.people
    assert result.handed_on.metrics["ndcg@5"] == pytest.approx(mean)

    folder = shops / "out" / result.bundle
    model, manifest = load_bundle(folder), read_manifest(folder)
    assert isinstance(model, Blend)
    assert manifest.metadata["served_by"] == who
    known = {k: v for k, v in result.handed_on.metrics.items() if v is not None}
    assert manifest.metadata["metrics"] == pytest.approx(known)
    few = model.roster.users.take(np.flatnonzero((model.target_history > 0) & (model.target_history <= 20)))
    assert model.recommend(few) == model.members["toy/popular"].recommend(few)
    assert model.recommend_for({"grocery": ["g00"]}).path == "folded-in"
    assert model.explain(few[0], "d00").weights == {"toy/fickle": 0.0, "toy/popular": 1.0}


class Mixed(Fickle):
    """A blend, half popularity."""

    name: ClassVar[str] = "toy/mixed"

    def adapt(self, carried: Any, transfer: Any, context: Any) -> Any:
        parts = {
            "toy/popular": Popular().adapt({}, transfer, context),
            "toy/taste": super().adapt({}, transfer, context),
        }
        return Blend.of(transfer, parts, LinearGate(("agreement",), [0, 3], np.zeros((2, 1)), [0], [1]))


def test_a_choice_that_is_a_blend_itself_keeps_its_weights_where_it_serves(shops, monkeypatch):
    monkeypatch.setattr("foretaste.platform._guard.ENOUGH", 20)
    host = platform(kinds=[Popular, Mixed])
    asked = experiment({"strategy": "toy/mixed"}, holdout=HIDDEN, refit=False)
    (result,) = host.run(asked, folder=shops, output=shops / "out").transfers
    assert result.handed_on.served_by["few-shot"] == "toy/popular"
    assert result.handed_on.served_by["newcomer"] == "toy/mixed"
    model = load_bundle(shops / "out" / result.bundle)
    assert list(model.members) == ["toy/popular", "toy/taste", "toy/popular (guard)"]
    weights = model.weights(np.arange(len(model.roster.users)))
    new = model.target_history == 0
    assert (weights[~new] == [0, 0, 1]).all()
    assert np.allclose(weights[new], [1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3)), 0])


def test_a_baseline_is_not_guarded_and_its_figures_are_its_own(shops):
    (result,) = platform(kinds=[Popular, Taste]).run(experiment({"strategy": "toy/popular"}), folder=shops).transfers
    assert set(result.handed_on.served_by.values()) == {"toy/popular"}
    assert result.handed_on.metrics == result.entry("toy/popular").metrics
    assert result.handed_on.lift is None
    assert list(result.handed_on.served_by) == list(POPULATIONS)
