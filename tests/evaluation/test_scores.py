import sys
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from scipy import sparse

from evaluation.shops import held_or_skip, pair, pairs, specs
from foretaste.errors import PluginError
from foretaste.evaluation import HeldOut, Scores, hold_out, pooled, score
from foretaste.experiment import NewcomersHoldout, RandomHoldout
from foretaste.metrics import Metric, builtin_metrics, parse_metric
from foretaste.recommender import FactorModel, Recommender, Roster
from foretaste.testing import fit_once, rating_world
from foretaste_baseline import RatingItemUser

METRICS = [parse_metric(text, builtin_metrics()) for text in ("ndcg@10", "recall@12", "coverage@3", "novelty@2")]


def oracle(held: HeldOut, sign: float = 1.0) -> FactorModel:
    """Scores are the hidden truth itself; a person's vector is their row of it."""
    rows = held.train.target.interactions
    truth = np.zeros(rows.shape, np.float32)
    truth[held.people] = held.truth.toarray() > 0
    # one more direction, in which all are alike, so that nobody's vector is zero
    people, items = np.c_[truth, np.ones(len(truth))], np.c_[np.eye(truth.shape[1]), np.zeros(truth.shape[1])]
    return FactorModel(everybody(held), (sign * people).astype(np.float32), items.astype(np.float32))


def everybody(held: HeldOut) -> Roster:
    roster = Roster.of(held.train)
    return replace(roster, paths=np.zeros_like(roster.paths))


@given(pairs(), specs)
def test_an_oracle_has_ndcg_one(transfer, spec):
    held = held_or_skip(transfer, spec)
    found = score(oracle(held), held, METRICS)
    assert found.values["ndcg@10"] == pytest.approx(1)
    assert found.overall["ndcg@10"] == pytest.approx(1)
    assert found.overall["recall@12"] == pytest.approx(1)


def test_its_mirror_is_worse():
    held = hold_out(pair(), NewcomersHoldout(), 0)
    assert score(oracle(held, -1), held, METRICS).overall["ndcg@10"] < 0.8


def test_seen_rows_are_left_out():
    """Whoever is scored highest for what they had already is not punished for it."""
    held = hold_out(pair(), RandomHoldout(kind="random"), 0)
    rows = held.train.target.interactions
    seen = rows.seen.toarray()
    people = np.c_[10 * seen, np.ones(len(seen))]
    people[held.people, :-1] += held.truth.toarray() > 0
    items = np.c_[np.eye(seen.shape[1]), np.zeros(seen.shape[1])]
    model = FactorModel(everybody(held), people.astype(np.float32), items.astype(np.float32))
    assert score(model, held, METRICS).overall["ndcg@10"] == pytest.approx(1)


def test_everybody_with_a_preferred_hidden_row_is_scored():
    held = hold_out(pair(), RandomHoldout(kind="random"), 0)
    found = score(oracle(held), held, METRICS)
    assert found.people is held.people


def test_coverage_is_of_all_lists_and_has_no_values_per_person():
    held = hold_out(pair(), NewcomersHoldout(), 0)
    found = score(oracle(held), held, METRICS)
    assert np.isnan(found.values["coverage@3"]).all()
    assert 0 < found.overall["coverage@3"] <= 1


class Depth(Metric):
    """How many items it was given."""

    name: ClassVar[str] = "depth"
    takes_cutoff: ClassVar[bool] = False

    def values(self, seen: Any, /) -> Any:
        return (seen.items >= 0).sum(axis=1).astype(float)


def test_a_metric_without_a_cutoff_gets_whole_lists():
    held = hold_out(pair(), NewcomersHoldout(), 0)
    found = score(oracle(held), held, [METRICS[0], Depth()])
    assert set(found.values["depth"]) == {float(len(held.train.target.interactions.items))}


def leave(_: Any) -> Any:
    sys.exit(3)


@pytest.mark.parametrize("kind", ["ranking", "rating"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda seen: [1.0], r"metric odd: values returned list, expected an array of numbers \(\d+,\)"),
        (lambda seen: np.ones(2), r"metric odd: values returned float64 \(2,\), expected an array of numbers \(\d+,\)"),
        (lambda seen: 1 / 0, "metric odd: values failed: ZeroDivisionError: division by zero"),
        (leave, "metric odd: values failed: SystemExit: 3"),
    ],
    ids=["list", "shape", "raises", "leaves"],
)
def test_a_metric_that_measures_nothing_is_named(kind, answer, words):
    body = {"name": "odd", "kind": kind, "takes_cutoff": False, "values": lambda self, seen: answer(seen)}
    held = hold_out(rating_world(), NewcomersHoldout(), 0)
    with pytest.raises(PluginError, match=f"^{words}$"):
        score(rating_baseline(held), held, [type("Odd", (Metric,), body)()])


def test_a_metric_whose_figure_for_all_is_no_number_is_named():
    body = {"name": "odd", "takes_cutoff": False, "aggregate": lambda self, values, seen: None}
    held = hold_out(pair(), NewcomersHoldout(), 0)
    with pytest.raises(PluginError, match=r"^metric odd: aggregate failed: TypeError: .*'NoneType'$"):
        score(oracle(held), held, [type("Odd", (Depth,), body)()])


RMSE = parse_metric("rmse", builtin_metrics())


def test_who_predicts_no_ratings_has_no_rating_metric_and_the_same_others():
    held = hold_out(pair(), NewcomersHoldout(), 0)
    found, without = (score(oracle(held), held, metrics) for metrics in ([*METRICS, RMSE], METRICS))
    assert np.isnan(found.values["rmse"]).all()
    assert np.isnan(found.overall["rmse"])
    assert {label: figure for label, figure in found.overall.items() if label != "rmse"} == without.overall


def rating_baseline(held) -> Recommender:
    return fit_once(RatingItemUser(), held.train)


def test_ratings_are_compared_row_by_row_with_what_was_hidden():
    held = hold_out(rating_world(), NewcomersHoldout(), 0)
    found = score(rating_baseline(held), held, [RMSE])
    users, items = held.test.users.take(held.test.user_rows), held.test.items.take(held.test.item_rows)
    errors = rating_baseline(held).predict(users, items) - held.test.values
    assert found.overall["rmse"] == pytest.approx(float(np.sqrt((errors**2).mean())), rel=1e-6)
    first = held.test.user_rows == found.people[0]
    assert found.values["rmse"][0] == pytest.approx(float(np.sqrt((errors[first] ** 2).mean())), rel=1e-6)


def test_people_who_liked_nothing_of_what_was_hidden_count_for_ratings_only():
    held = hold_out(rating_world(), NewcomersHoldout(), 0)
    assert len(held.raters) > len(held.people)
    found, ranked = (score(rating_baseline(held), held, metrics) for metrics in ([*METRICS, RMSE], METRICS))
    assert list(found.people) == list(held.raters)
    for metric in METRICS:
        values = found.values[metric.label]
        np.testing.assert_array_equal(values[np.isin(held.raters, held.people)], ranked.values[metric.label])
        assert np.isnan(values[~np.isin(held.raters, held.people)]).all()
        assert found.overall[metric.label] == ranked.overall[metric.label]


# Pooling -------------------------------------------------------------------------------------------------------


def scores(values: list[float], overall: float | None = None) -> Scores:
    array = np.array(values)
    figure = float(np.nanmean(array)) if overall is None else overall
    people = np.arange(len(values))
    return Scores(people, np.zeros_like(people), {"m": array}, {"m": figure})


def test_one_part_stays_as_it_is():
    one = scores([1.0, 0.0], overall=0.25)
    assert pooled([one]) is one


def test_pooling_is_the_mean_over_people():
    found = pooled([scores([1.0, 1.0, 1.0]), scores([0.0])])
    assert found.overall["m"] == pytest.approx(0.75)
    assert found.values["m"].tolist() == [1, 1, 1, 0]
    assert found.people.tolist() == [0, 1, 2, 0]


def test_people_without_a_value_do_not_count():
    assert pooled([scores([1.0, np.nan]), scores([0.0])]).overall["m"] == pytest.approx(0.5)


def test_a_figure_without_values_per_person_is_the_mean_of_the_parts():
    parts = [scores([np.nan] * 3, overall=0.9), scores([np.nan], overall=0.1)]
    assert pooled(parts).overall["m"] == pytest.approx(0.5)


def test_a_part_without_a_figure_does_not_spoil_the_others():
    parts = [scores([np.nan], overall=float("nan")), scores([0.5])]
    assert pooled(parts).overall["m"] == 0.5
    assert np.isnan(pooled([parts[0], parts[0]]).overall["m"])


def test_truth_is_a_matrix_of_the_evaluated_people():
    held = hold_out(pair(), NewcomersHoldout(), 0)
    assert isinstance(held.truth, sparse.csr_matrix)
    assert held.truth.shape == (len(held.people), len(held.test.items))
