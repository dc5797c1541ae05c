"""adaptive/gate and adaptive/stack: what is learnt from people held out, and what cannot be mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse

from foretaste import Context, Index, Metric, Ndcg, Overlap, Ranking, Recommender, StrategyError, Transfer
from foretaste.evaluation import validation_plan
from foretaste.experiment import NewcomersHoldout, RandomHoldout
from foretaste.metrics import Coverage, Recall, RootMeanSquaredError
from foretaste.strategy import Strategy, make_strategy
from foretaste.testing import StrategyContract, fit_once, item_world, taste_world
from foretaste_adaptive import Gate, Stack
from foretaste_adaptive._crossing import crossed, without_transfer
from foretaste_adaptive._evidence import Evidence, Judge
from foretaste_adaptive._members import Members, by_group
from foretaste_adaptive._mixes import gate_weights, gated, likeliest, selected, single
from foretaste_baseline import Popular
from foretaste_linear import Ease, NaiveBayes

KINDS: dict[str, type[Strategy]] = {kind.name: kind for kind in (Popular, NaiveBayes)}


def fit(name: str, params: Mapping[str, Any], transfer: Transfer) -> Recommender:
    return fit_once(make_strategy(KINDS[name], params), transfer)


def transfers(name: str) -> bool:
    return not KINDS[name].baseline


class TestGate(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Gate
    params: ClassVar[Mapping[str, Any]] = {"members": tuple(KINDS)}

    def context(self, seed: int = 0) -> Context:
        return learning(seed)


class TestStack(TestGate):
    strategy: ClassVar[type[Strategy]] = Stack


def learning(seed: int = 0) -> Context:
    plan = validation_plan(taste_world(), NewcomersHoldout(), seed, 3)
    return Context(seed=seed, device="cpu", fit=fit, transfers=transfers, validation=plan)


def told(people: int = 300, items: int = 40, metric: Metric | None = None) -> Evidence:
    """Two members: the first is right about people whose fact is 1, the second about those whose fact is -1."""
    rng = np.random.default_rng(0)
    hidden = rng.random((people, items)) < 0.1
    fact = np.where(rng.random(people) < 0.5, 1.0, -1.0)
    scores = rng.normal(size=(people, items, 2)).astype(np.float32)
    scores[fact > 0, :, 0] += 2 * hidden[fact > 0]
    scores[fact < 0, :, 1] += 2 * hidden[fact < 0]
    listed, zero = np.tile(np.arange(items), (people, 1)), np.zeros(people, np.int64)
    judge, truth = Judge(metric or Ndcg(10), hidden.sum(axis=0), people), sparse.csr_matrix(hidden.astype(np.float32))
    return Evidence(scores, listed, truth, zero, fact[:, None], np.arange(people) % 3, judge)


def test_a_gate_learns_from_facts_whom_to_trust_for_whom():
    evidence, even = told(), np.array([0.5, 0.5])
    coefficients = gated(evidence, evidence.facts, even, 0.001)
    weights = gate_weights(even, coefficients, np.array([[1.0], [-1.0]]))
    assert weights[0, 0] > 0.9
    assert weights[1, 1] > 0.9
    by_person = gate_weights(even, coefficients, evidence.facts)
    assert evidence.values(by_person).mean() > evidence.values(even).mean() + 0.05


def test_an_endless_penalty_leaves_the_mix_for_everybody():
    evidence, even = told(), np.array([0.5, 0.5])
    assert np.abs(gated(evidence, evidence.facts, even, 1e6)).max() < 1e-4


def test_a_member_that_knows_nothing_gets_little_weight_and_the_better_one_is_found():
    evidence = told()
    right = evidence.taken(evidence.facts[:, 0] > 0)
    assert single(right).tolist() == [1, 0]
    assert likeliest(right)[0] > 0.9
    assert selected(right, 20)[0] > 0.9


@pytest.mark.parametrize(
    ("metric", "alike"),
    [
        (Recall(5), Recall(5)),
        (Ndcg(60), Ndcg(60)),
        (Coverage(10), Ndcg(10)),
        (RootMeanSquaredError(), Ndcg(10)),
        (None, Ndcg(10)),
    ],
)
def test_lists_are_worth_what_the_metric_of_the_experiment_says(metric, alike):
    world = taste_world()
    judge = Judge.of(world, metric)
    assert judge.metric == alike
    evidence = replace(told(items=len(judge.popularity)), judge=judge)
    weights = np.array([0.3, 0.7])
    ranked = np.argsort(-(evidence.scores @ weights), axis=1, kind="stable")
    expected = alike.values(Ranking(ranked, evidence.truth, judge.popularity, judge.people))
    np.testing.assert_allclose(evidence.values(weights), np.nan_to_num(expected))


def test_of_a_metric_that_should_be_small_less_is_worth_more():
    class Rank(Metric):
        name = "rank"
        takes_cutoff = False
        higher_is_better = False

        def values(self, ranking):
            return np.argmax(ranking.hits, axis=1).astype(float)

    evidence = told(metric=Rank())
    right = evidence.taken(evidence.facts[:, 0] > 0)
    assert single(right).tolist() == [1, 0]
    assert selected(right, 20)[0] > 0.9


def test_ways_are_judged_on_people_that_they_have_not_learnt_from():
    asked = []

    def learn(evidence: Evidence) -> Any:
        asked.append(set(np.unique(evidence.fold)))
        return lambda others: np.array([0.5, 0.5])

    crossed(learn, told())
    assert asked == [{1, 2}, {0, 2}, {0, 1}]


@pytest.mark.parametrize("kind", [Gate, Stack])
def test_newcomers_of_a_world_of_tastes_are_served_by_the_member_that_knows_them(kind: type[Strategy]) -> None:
    model: Any = fit_once(make_strategy(kind, {"members": list(KINDS)}), taste_world(), learning())
    reasons = model.explain("a4", "film-a1")
    assert reasons.weights.get("linear/naive-bayes", 0) > reasons.weights.get("baseline/popular", 0)


def test_a_mix_that_is_not_a_standard_error_ahead_of_no_transfer_gives_way_to_it():
    evidence, transfer = told(), taste_world()
    fitted = {name: fit(name, {}, transfer) for name in KINDS}
    members = Members(fitted, evidence, (), frozenset({"baseline/popular"}))
    alone = evidence.values(np.array([1.0, 0.0]))
    unsure = np.random.default_rng(0).normal(0.0, 0.3, len(alone))
    model = without_transfer(members, evidence, alone + unsure - unsure.mean() + 0.01, transfer)
    assert model is not None
    assert list(model.members) == ["baseline/popular"]
    assert model.notes[-1].startswith("mixing gains 0.0100 over baseline/popular on people held out")
    assert without_transfer(members, evidence, alone + unsure - unsure.mean() + 0.03, transfer) is None
    others = replace(members, baselines=frozenset())
    assert without_transfer(others, evidence, alone - 0.1, transfer) is None


@pytest.mark.parametrize("kind", [Gate, Stack])
def test_where_the_source_says_nothing_what_is_popular_is_served(kind: type[Strategy]) -> None:
    world = taste_world()
    rows = world.pair.source.interactions
    shuffled = replace(rows, user_rows=np.random.default_rng(5).permutation(rows.user_rows))
    pair = replace(world.pair, source=world.pair.source.with_interactions(shuffled))
    plan = validation_plan(replace(world, pairs=(pair,)), NewcomersHoldout(), 0, 3)
    context = Context(seed=0, device="cpu", fit=fit, transfers=transfers, validation=plan)
    model: Any = fit_once(make_strategy(kind, {"members": list(KINDS)}), replace(world, pairs=(pair,)), context)
    assert any("on people held out, one standard error is" in note for note in model.notes)
    assert list(model.members) == ["baseline/popular"]


@pytest.mark.parametrize("kind", [Gate, Stack])
def test_where_items_are_shared_members_read_those_of_the_source_that_they_go_by(kind: type[Strategy]) -> None:
    world, kinds = item_world(), {**KINDS, Ease.name: Ease}
    seen = world.target.interactions
    young = world.target.with_interactions(seen.onto(seen.users, Index(seen.items.ids[:-3], "item")))
    world = Transfer.of(world.pair.source, young, Overlap("items"))

    def fitted(name: str, params: Mapping[str, Any], transfer: Transfer) -> Recommender:
        return fit_once(make_strategy(kinds[name], params), transfer)

    plan = validation_plan(world, RandomHoldout(kind="random"), 0, 3)
    model: Any = fit_once(kind(members=tuple(kinds)), world, Context(device="cpu", fit=fitted, validation=plan))
    assert sum(model.explain("a1", "item-a0").weights.values()) == pytest.approx(1)
    assert len(model.recommend_for({"shop": ["item-a0", "item-a1"]}, 3).items) == 3


@pytest.mark.parametrize("kind", [Gate, Stack])
def test_without_people_held_out_all_count_alike_and_a_note_says_so(kind: type[Strategy]) -> None:
    context = Context(device="cpu", fit=fit)
    model: Any = fit_once(make_strategy(kind, {"members": list(KINDS)}), taste_world(), context)
    assert model.explain("a0", "film-a1").weights == {"baseline/popular": 0.5, "linear/naive-bayes": 0.5}
    assert "nobody was held out to learn weights from: all members count alike" in model.notes


def test_a_member_that_cannot_serve_is_passed_over_in_a_note():
    context = Context(device="cpu", fit=fit, obstacle=lambda name, params: None if name in KINDS else "no such thing")
    model = fit_once(Gate(members=(*KINDS, "toy/none")), taste_world(), context)
    assert "toy/none is not mixed: no such thing" in model.notes
    with pytest.raises(StrategyError, match="none of the members can serve: toy/none is not mixed: no such thing"):
        fit_once(Gate(members=("toy/none",)), taste_world(), context)


def test_a_member_that_fails_is_passed_over_in_a_note():
    def failing(name: str, params: Mapping[str, Any], transfer: Transfer) -> Recommender:
        if name == "linear/naive-bayes":
            raise StrategyError("linear/naive-bayes: out of luck")
        return fit(name, params, transfer)

    model: Any = fit_once(Stack(members=tuple(KINDS)), taste_world(), replace(learning(), fit=failing))
    assert list(model.members) == ["baseline/popular"]
    assert "linear/naive-bayes is not mixed: linear/naive-bayes: out of luck" in model.notes


def test_a_group_whose_hidden_items_nobody_lists_says_nothing_about_whom_to_trust():
    evidence = told(people=3)
    unlisted = replace(evidence, truth=sparse.csr_matrix(evidence.truth.shape, dtype=np.float32))
    assert likeliest(unlisted).tolist() == [0.5, 0.5]


def test_a_member_without_weight_in_any_group_is_not_kept():
    transfer = taste_world()
    fitted = {name: fit(name, {}, transfer) for name in KINDS}
    lines = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert list(by_group(Members(fitted, None, ()), transfer, lines, (0,)).members) == ["linear/naive-bayes"]


def test_without_a_way_to_fit_others_it_says_so():
    with pytest.raises(StrategyError, match="mixes other strategies, and the context has no way to fit them"):
        fit_once(Gate(), taste_world(), Context(device="cpu"))
