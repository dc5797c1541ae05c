from dataclasses import replace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from evaluation.toy_experiment import Popular, Rare, Taste, Toy, experiment, platform, run
from foretaste import HistoryModel
from foretaste.evaluation import Scores, bootstrap_plan, holm, paired_lifts
from foretaste.experiment import NewcomersHoldout
from foretaste.metrics import builtin_metrics, parse_metric
from foretaste.platform._bench import Tuned
from foretaste.platform._compare import Measure, Measured, best_baseline, leaderboard, lifts, populations

FIELD = {"strategy": "toy/taste", "beside": ["toy/plain", "toy/bad"]}


def people_of(folder, place="0-grocery__drugstore"):
    return pl.read_parquet(folder / "out" / "transfers" / f"{place}.people.parquet")


def values(table, strategy, metric="ndcg@5"):
    return table.filter(pl.col("strategy") == strategy)[metric].to_numpy()


def test_a_lift_is_the_difference_of_two_figures_on_the_same_people(shops):
    (result,) = run(shops, FIELD).transfers
    baseline = result.entry("toy/popular")
    for entry in result.leaderboard:
        if entry.verdict == "baseline":
            assert (entry.lift, entry.lifts) == (None, [])
            continue
        assert entry.lift.over == "toy/popular"
        assert entry.lift.value == pytest.approx(entry.metrics["ndcg@5"] - baseline.metrics["ndcg@5"])
        assert entry.lift.low <= entry.lift.value <= entry.lift.high


def test_the_leaderboard_is_sorted_by_the_first_metric(shops):
    (result,) = run(shops, FIELD).transfers
    figures = [entry.metrics["ndcg@5"] for entry in result.leaderboard]
    assert figures == sorted(figures, reverse=True)
    assert result.leaderboard[0].strategy == "toy/taste"


def test_p_is_adjusted_over_the_transfer_strategies(shops):
    (result,) = run(shops, FIELD).transfers
    table = people_of(shops)
    names = ["toy/taste", "toy/plain", "toy/bad"]
    differences = np.stack([values(table, name) - values(table, "toy/popular") for name in names])
    people = table.filter(pl.col("strategy") == "toy/popular")["user_id"]
    raw = [one.p for one in paired_lifts(differences, bootstrap_plan(people.rank().to_numpy(), seed=7))]
    found = [result.entry(name).lift.p for name in names]
    assert found == pytest.approx(holm(raw).tolist())
    assert found[0] > raw[0]


def test_each_persons_values_are_told_by_their_id(shops):
    run(shops, holdout={"kind": "newcomers", "repeats": 2})
    table = people_of(shops)
    assert table.columns == ["strategy", "repeat", "user_id", "population", "ndcg@5", "recall@5", "coverage@5"]
    assert set(table["repeat"]) == {0, 1}
    assert set(table["user_id"]) <= {f"p{person:03}" for person in range(100)}
    assert table.select("strategy", "repeat", "user_id").is_unique().all()


def test_ids_that_are_numbers_stay_numbers(shops):
    number = pl.col("user_id").str.strip_prefix("p").cast(pl.Int64) + 1000
    for name in ("grocery", "drugstore"):
        pl.read_parquet(shops / f"{name}.parquet").with_columns(number).write_parquet(shops / f"{name}.parquet")
    run(shops)
    ids = people_of(shops)["user_id"]
    assert (ids.dtype, ids.min() >= 1000) == (pl.Int64, True)


def test_verdicts(shops):
    (result,) = run(shops, FIELD).transfers
    assert {entry.strategy: entry.verdict for entry in result.leaderboard} == {
        "toy/taste": "helps",
        "toy/popular": "baseline",
        "toy/plain": "no evidence",
        "toy/bad": "hurts",
    }


def test_people_are_summed_over_repeats(shops):
    (result,) = run(shops, holdout={"kind": "newcomers", "repeats": 3}).transfers
    table = people_of(shops)
    assert (result.people, result.repeats) == (90, 3)
    assert len(values(table, "toy/taste")) == 90
    assert table["repeat"].unique().sort().to_list() == [0, 1, 2]


def test_populations_are_apart_and_add_up(shops):
    (result,) = run(shops, holdout={"kind": "random", "fraction": 0.7}).transfers
    assert [one.population for one in result.populations] == ["newcomer", "few-shot"]
    assert sum(one.people for one in result.populations) == result.people
    for name in ("toy/taste", "toy/popular"):
        whole = sum(one.people * one.metrics[name]["ndcg@5"] for one in result.populations) / result.people
        assert whole == pytest.approx(result.entry(name).metrics["ndcg@5"])
    for one in result.populations:
        figures = one.metrics
        assert one.lifts["toy/taste"].value == pytest.approx(
            figures["toy/taste"]["ndcg@5"] - figures[one.over]["ndcg@5"]
        )


def test_visible_rows_make_few_shot_people(shops):
    (result,) = run(shops, holdout={"kind": "newcomers", "visible": 2}).transfers
    assert [one.population for one in result.populations] == ["few-shot"]


def test_every_lift_over_every_baseline_is_listed(shops):
    made = platform(kinds=[Popular, Rare, Taste]).run(experiment(), folder=shops)
    entry = made.transfers[0].entry("toy/taste")
    assert sorted(lift.over for lift in entry.lifts) == ["toy/popular", "toy/rare"]
    assert entry.lift.over == "toy/popular"  # better on validation


def test_a_rating_metric_without_ratings_is_noted(shops):
    (result,) = run(shops, metrics=["ndcg@5", "rmse"]).transfers
    assert "rmse not measured: drugstore has implicit feedback" in result.notes
    assert result.entry("toy/taste").metrics["rmse"] is None


def test_a_figure_that_is_not_defined_is_null_in_the_document(shops):
    run(shops, metrics=["ndcg@5", "rmse"])
    text = (shops / "out" / "result.json").read_text()
    assert "NaN" not in text
    assert '"rmse": null' in text


# Parts of a comparison, by hand --------------------------------------------------------------------------------

NDCG = parse_metric("ndcg@5", builtin_metrics())
FIVE = np.arange(5)


def scores(figures, groups=(0, 0, 0, 1, 1)):
    array = np.asarray(figures, float)
    overall = float(np.nanmean(array)) if np.isfinite(array).any() else float("nan")
    return Scores(FIVE[: len(array)], np.asarray(groups)[: len(array)], {"ndcg@5": array}, {"ndcg@5": overall})


def measured(strategy, test, validation=None, groups=(0, 0, 0, 1, 1)):
    tuned = Tuned(strategy, scores(test if validation is None else validation, groups), 0.0, False)
    return Measured(strategy.baseline, [tuned], [scores(test)])


def how(metric=NDCG):
    return Measure(NewcomersHoldout(), [metric], 0, 1, 2)


class Lower(type(NDCG)):
    higher_is_better = False


LOWER = Lower(5)


def test_each_population_has_its_own_best_baseline():
    found = {"a": measured(Popular(), [1, 1, 1, 0, 0]), "b": measured(Rare(), [0, 0, 0, 1, 1])}
    assert [best_baseline(found, NDCG, code) for code in (None, 0, 1)] == ["a", "a", "b"]


def test_a_population_that_validation_lacks_goes_by_everybody():
    found = {
        "a": measured(Popular(), [1, 1, 1, 0, 0], groups=[0] * 5),
        "b": measured(Rare(), [0, 0, 0, 1, 1], groups=[0] * 5),
    }
    assert best_baseline(found, NDCG, 1) == "a"
    found["c"] = measured(Toy(), [1, 1, 1, 1, 1])
    assert [(one.population, one.over) for one in populations(found, how())] == [("newcomer", "a"), ("few-shot", "a")]


def test_of_equal_baselines_the_first_is_taken():
    found = {"a": measured(Popular(), [1, 0, 1, 0, 1]), "b": measured(Rare(), [1, 0, 1, 0, 1])}
    assert best_baseline(found, NDCG) == "a"


def test_a_baseline_without_a_figure_is_never_best():
    found = {"a": measured(Popular(), [np.nan] * 5), "b": measured(Rare(), [0.1] * 5)}
    assert best_baseline(found, NDCG) == "b"


def test_where_less_is_better_the_smallest_is_best_and_a_fall_is_a_gain():
    found = {
        "a": measured(Popular(), [2.0] * 5),
        "b": measured(Rare(), [3.0] * 5),
        "c": measured(Toy(), [1.0] * 5),
    }
    assert best_baseline(found, LOWER) == "a"
    assert lifts(found, "a", LOWER, 0)["c"].value == 1
    assert [entry.strategy for entry in leaderboard(found, how(LOWER), None)] == ["c", "a", "b"]


def test_people_without_a_value_leave_the_lift():
    found = {"a": measured(Popular(), [0.0, 0, 0, 0, 0]), "c": measured(Toy(), [1, 1, np.nan, 1, 0])}
    assert lifts(found, "a", NDCG, 0)["c"].value == 0.75


def test_a_strategy_without_a_figure_stands_last():
    found = {"a": measured(Popular(), [0.0] * 5), "c": measured(Toy(), [np.nan] * 5)}
    board = leaderboard(found, how(), None)
    assert board[-1].metrics["ndcg@5"] is None
    assert board[-1].lift is None


def test_figures_of_a_population_pass_over_people_without_a_value():
    found = {"a": measured(Popular(), [0.5, np.nan, 1.0, 0, 0])}
    newcomers, few = populations(found, how())
    assert (newcomers.metrics["a"]["ndcg@5"], few.metrics["a"]["ndcg@5"]) == (0.75, 0)


def test_a_repeat_adds_rows_of_the_same_people():
    one = measured(Toy(), [1, 1, 0, 1, 1])
    twice = replace(one, scores=[*one.scores, scores([0, 0, 1, 0, 0])])
    assert len(twice.pooled.people) == 10
    assert twice.pooled.overall["ndcg@5"] == pytest.approx(0.5)


class Losing(Taste):
    """Keeps a note of what it left out."""

    name: ClassVar[str] = "toy/losing"

    def adapt(self, carried, transfer, context):
        made = super().adapt(carried, transfer, context)
        return HistoryModel(made.roster, made.item_bias, made.sides, notes=["the map lost 3 %"])


def test_what_a_minimum_drops_is_in_the_result(shops):
    alone = pl.DataFrame({"user_id": ["alone"], "item_id": ["rare"], "timestamp": [1.0]})  # and so never hidden
    pl.concat([pl.read_parquet(shops / "drugstore.parquet"), alone]).write_parquet(shops / "drugstore.parquet")
    domains = {"grocery": {"path": "grocery.parquet"}, "drugstore": {"path": "drugstore.parquet"}}
    domains["drugstore"]["minimum"] = {"item": 2}
    (result,) = run(shops, domains=domains).transfers
    rows = result.facts[0]["target_interactions"]
    assert result.notes == [
        f"drugstore: 1 of {rows + 1} training rows dropped (minimum), and with them all of 1 users and 1 items"
    ]


def test_what_a_recommender_notes_is_in_the_result(shops):
    made = platform(kinds=[Popular, Losing]).run(experiment({"strategy": "toy/losing"}), folder=shops)
    assert "toy/losing: the map lost 3 %" in made.transfers[0].notes
