"""A hold-out with candidates ranks exactly them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from evaluation.shops import cells, pair
from foretaste.errors import StrategyError
from foretaste.evaluation import HeldOut, hold_out, score, validation_plan
from foretaste.evaluation import _candidates as candidates
from foretaste.experiment import GivenHoldout, RandomHoldout
from foretaste.metrics import builtin_metrics, parse_metric
from foretaste.recommender import FactorModel, Roster

GIVEN = GivenHoldout(kind="given")
METRICS = [parse_metric(text, builtin_metrics()) for text in ("ndcg@3", "recall@12", "mrr@12")]


def model(held: HeldOut, seed: int = 0) -> FactorModel:
    """Random tastes; everybody is answered by the model."""
    rng, (users, items) = np.random.default_rng(seed), held.train.target.interactions.shape
    roster = Roster.of(held.train)
    roster = replace(roster, paths=np.zeros_like(roster.paths))
    people, things = (rng.normal(size=(n, 3)).astype(np.float32) for n in (users, items))
    return FactorModel(roster, people, things)


def with_candidates(matrix: np.ndarray) -> HeldOut:
    transfer = pair()
    target = replace(transfer.target, candidates=sparse.csr_matrix(matrix.astype(np.float32)))
    return hold_out(replace(transfer, target=target), GIVEN, 0)


def some(share: float = 0.5) -> np.ndarray:
    return np.random.default_rng(3).random(pair().target.interactions.shape) < share


def test_exactly_the_candidates_are_ranked_by_score():
    held = with_candidates(some())
    found = model(held)
    scores = found.user_factors @ found.item_factors.T
    items = candidates.ranked_candidates(found, held.people, held.candidates[held.people], 12)
    for person, line in zip(held.people, items, strict=True):
        mine = np.flatnonzero(some()[person])
        assert line[line >= 0].tolist() == mine[np.argsort(-scores[person, mine])].tolist()


def test_all_unseen_items_as_candidates_are_the_full_ranking():
    full = hold_out(pair(), GIVEN, 0)
    held = replace(full, candidates=sparse.csr_matrix(full.train.target.interactions.seen.toarray() == 0))
    plain, among = (score(model(full), one, METRICS).values for one in (full, held))
    for label in plain:
        assert among[label] == pytest.approx(plain[label])


def test_what_a_person_had_in_training_is_ranked_where_it_is_a_candidate():
    full = hold_out(pair(), GIVEN, 0)
    seen = sparse.csr_matrix(full.train.target.interactions.seen)
    items = candidates.ranked_candidates(model(full), full.people, seen[full.people], 12)
    listed = {(p, i) for p, line in zip(full.people.tolist(), items.tolist(), strict=True) for i in line if i >= 0}
    assert listed == {(p, i) for p, i in cells(full.train.target.interactions) if p in set(full.people.tolist())}


def test_an_answer_that_is_no_candidate_is_a_miss():
    held = with_candidates(some())
    answers = np.zeros(held.test.shape, bool)
    answers[held.people] = held.truth.toarray() > 0
    missed = replace(held, candidates=sparse.csr_matrix(~answers))
    assert score(model(held), missed, METRICS).overall["recall@12"] == 0
    only = replace(held, candidates=sparse.csr_matrix(answers))
    assert score(model(held), only, METRICS).overall["ndcg@3"] == pytest.approx(1)


def test_people_are_ranked_in_parts_of_bounded_size(monkeypatch):
    held = with_candidates(some())
    whole = score(model(held), held, METRICS)
    monkeypatch.setattr(candidates, "_PAIRS", 5)
    parts = score(model(held), held, METRICS)
    for label in whole.values:
        assert parts.values[label] == pytest.approx(whole.values[label])


def test_equal_scores_go_by_the_place_of_the_item():
    held = with_candidates(some())
    flat = model(held)
    even = FactorModel(flat.roster, np.ones((len(flat.roster.users), 1)), np.ones((len(flat.roster.items), 1)))
    items = candidates.ranked_candidates(even, held.people, held.candidates[held.people], 12)
    for person, line in zip(held.people, items, strict=True):
        assert line[line >= 0].tolist() == np.flatnonzero(some()[person]).tolist()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n: np.full(n, np.nan, np.float32), "Odd.score: found NaN, expected numbers"),
        (lambda n: np.zeros(n - 1), r"Odd.score returned float64 \(\d+,\), expected an array of floats \(\d+,\)"),
        (lambda n: [0.0] * n, r"Odd.score returned list, expected an array of floats \(\d+,\)"),
        (lambda n: 1 / 0, "Odd.score failed: ZeroDivisionError: division by zero"),
    ],
)
def test_scores_that_are_none_are_refused_by_the_name_of_their_class(answer, words):
    class Odd(FactorModel):
        def score(self, users, items, **options):
            return answer(len(users))

    held = with_candidates(some())
    good = model(held)
    with pytest.raises(StrategyError, match=words):
        score(Odd(good.roster, good.user_factors, good.item_factors), held, METRICS)


def test_nothing_that_is_trained_sees_a_candidate():
    held = with_candidates(some())
    assert held.candidates is not None
    assert held.train.target.candidates is None
    assert all(one.target is held.train.target for one in held.train.pairs)
    assert all(fold.candidates is None for fold in validation_plan(held.train, GIVEN, 0, 2).folds)


def test_other_hold_outs_do_not_look_at_candidates():
    transfer = pair()
    target = replace(transfer.target, candidates=sparse.csr_matrix(some().astype(np.float32)))
    assert hold_out(replace(transfer, target=target), RandomHoldout(kind="random"), 0).candidates is None
