import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.shops import cells, held_or_skip, pair, pairs, skipping, specs, stored, table_pair
from foretaste.errors import DataError
from foretaste.evaluation import ValidationPlan, hold_out, validation_plan
from foretaste.experiment import GivenHoldout, LastItemsHoldout, NewcomersHoldout, RandomHoldout, TimeHoldout


def plan_or_skip(train, spec, seed=5, folds=3) -> ValidationPlan:
    with skipping("leaves nobody to validate on"):
        return validation_plan(train, spec, seed, folds)


@given(pairs(minimum=3), specs)
def test_a_fold_hides_its_rows_from_its_own_training_and_never_sees_the_test(transfer, spec):
    held = held_or_skip(transfer, spec)
    for fold in plan_or_skip(held.train, spec).folds:
        assert not cells(fold.test) & stored(fold.train.target.interactions)
        assert not cells(held.test) & (cells(fold.test) | stored(fold.train.target.interactions))
        assert cells(fold.test) <= cells(held.train.target.interactions)
        assert len(fold.people)


@given(pairs(), specs, st.integers(0, 50))
def test_the_same_seed_makes_the_same_plan(transfer, spec, seed):
    train = held_or_skip(transfer, spec).train
    plans = [plan_or_skip(train, spec, seed) for _ in range(2)]
    first, second = ([fold.test.fingerprint for fold in plan.folds] for plan in plans)
    assert first == second


@given(pairs(), st.integers(2, 4))
def test_newcomers_are_hidden_once_each(transfer, folds):
    train = held_or_skip(transfer, NewcomersHoldout()).train
    plan = plan_or_skip(train, NewcomersHoldout(), folds=folds)
    hidden = np.concatenate([np.unique(fold.test.user_rows) for fold in plan.folds])
    assert len(hidden) == len(set(hidden.tolist()))
    assert set(hidden.tolist()) <= set(train.shared_people.tolist())


def test_every_remaining_shared_person_is_validated_on():
    train = hold_out(pair(feedback="implicit"), NewcomersHoldout(), 0).train
    plan = validation_plan(train, NewcomersHoldout(), 0, 3)
    assert len(plan.folds) == 3
    assert sorted(np.concatenate([fold.people for fold in plan.folds])) == sorted(train.shared_people)


def test_the_people_of_the_test_are_not_validated_on_with_their_visible_rows():
    spec = NewcomersHoldout(visible=2)
    held = hold_out(pair(), spec, 0)
    for fold in validation_plan(held.train, spec, 0, 3).folds:
        assert not set(fold.people) & set(held.people)
        assert set(fold.train.target.interactions.history[fold.people]) == {2}


def test_time_cuts_the_source_once_more():
    spec = TimeHoldout(kind="time", at=50.0)
    (fold,) = validation_plan(hold_out(pair(), spec, 0).train, spec, 0, 3).folds
    assert fold.test.times.min() > fold.train.target.interactions.times.max()
    assert fold.test.times.min() > fold.train.pair.source.interactions.times.max()


def test_last_items_hides_the_next_to_last():
    spec = LastItemsHoldout(kind="last-items")
    held = hold_out(pair(rows=200), spec, 0)
    (fold,) = validation_plan(held.train, spec, 0, 3).folds
    before = held.train.target.interactions.history
    assert (fold.test.history[before > 1] == 1).all()
    assert (fold.test.history[before <= 1] == 0).all()


def test_random_makes_as_many_splits_as_folds():
    spec = RandomHoldout(kind="random")
    plan = validation_plan(hold_out(pair(), spec, 0).train, spec, 0, 4)
    assert len({fold.test.fingerprint for fold in plan.folds}) == 4


def test_given_validates_on_the_rows_called_validation():
    spec = GivenHoldout(kind="given")
    (fold,) = validation_plan(hold_out(pair(), spec, 0).train, spec, 0, 3).folds
    assert set(fold.test.splits) == {"validation"}
    assert set(fold.train.target.interactions.splits) == {"train"}


def test_given_without_validation_rows_takes_a_random_tenth():
    spec = GivenHoldout(kind="given")
    train = hold_out(pair(rows=200), spec, 0).train
    rows = train.target.interactions
    train = train.replaced(target=rows.take(rows.splits != "validation"))
    (fold,) = validation_plan(train, spec, 0, 3).folds
    assert len(fold.test) / len(train.target.interactions) == pytest.approx(0.1, abs=0.08)


def test_a_misspelt_validation_split_is_an_error():
    spec = GivenHoldout(kind="given", validation="validate")
    train = hold_out(pair(), spec, 0).train
    with pytest.raises(DataError, match=r"validation: no row is called 'validate'; found train, validation"):
        validation_plan(train, spec, 0, 3)


def test_a_fold_of_people_who_prefer_nothing_is_left_out():
    """Twelve people, only four of whom like anything: some of the folds may be of the others."""
    people = [f"u{n:02}" for n in range(12)]
    ratings = [5.0 if n < 4 else 1.0 for n in range(12)]
    rows = {"user_id": people * 2, "item_id": ["x"] * 12 + ["y"] * 12, "rating": ratings * 2}
    transfer = table_pair(rows, rows)
    plan = validation_plan(transfer, NewcomersHoldout(), 0, 12)
    assert len(plan.folds) == 4
    assert all(len(fold.people) == 1 for fold in plan.folds)


def test_nobody_to_validate_on_is_an_error():
    rows = {"user_id": ["a", "b"], "item_id": ["x", "y"]}
    train = hold_out(table_pair(rows, rows), NewcomersHoldout(), 0).train
    with pytest.raises(DataError, match="drugstore: the training data leaves nobody to validate on"):
        validation_plan(train, NewcomersHoldout(), 0, 3)
