"""Several recommenders as one: what each person is served by, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foretaste.data import Feedback, Index
from foretaste.recommender import Blend, GroupGate, GuardedGate, HistoryModel, LinearGate
from recommender.toy_recommenders import (
    BOOKS,
    LENGTHS,
    MOVIES,
    N_USERS,
    SOURCE,
    TARGET,
    USERS,
    blend_of_readers,
    factor_model,
    gated_blend,
    group_blend,
    guarded_blend,
    history_model,
    items_of,
    members,
    mixed_by_group,
    rating_model,
    roster,
    served_by_group,
    some_books_model,
    summed_rating_model,
)

ALONE, EVEN = [1.0, 0.0, 0.0], [1 / 3] * 3
NEWCOMERS, FEW, WARM = "u45", USERS[int(np.argmax((LENGTHS[0] > 0) & (LENGTHS[0] <= 6)))], "u3"


def everything(model, users=USERS):
    """Everybody's scores for all items."""
    return model.score(np.repeat(users, len(MOVIES)).tolist(), MOVIES * len(users)).reshape(len(users), len(MOVIES))


def standard(scores):
    return (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)


def test_a_score_is_the_weighted_sum_of_standardised_scores():
    blend = mixed_by_group()
    parts = [standard(everything(member).astype(float)) for member in members().values()]
    group = np.searchsorted((0, 6), LENGTHS[0])
    weights = np.array([[0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [0.75, 0.25, 0]])[group]
    expected = sum(w[:, None] * part for w, part in zip(weights.T, parts, strict=True))
    placed = blend.roster.paths != 3  # the others are answered by popularity as it is
    np.testing.assert_allclose(everything(blend)[placed], expected[placed], atol=1e-5)


def test_whom_a_member_cannot_place_it_answers_with_what_is_popular():
    parts = {"placed": history_model(), "popular": members()["toy/popular"]}
    blend = group_blend(*[[0.5, 0.5]] * 3, parts=parts)
    popular = standard(np.log1p(roster().popularity)[None])
    alone = standard(everything(parts["placed"], [NEWCOMERS]).astype(float))
    np.testing.assert_allclose(everything(blend, [NEWCOMERS]), (alone + popular) / 2, atol=1e-5)


def test_a_member_with_equal_scores_for_all_items_says_nothing():
    flat = HistoryModel(roster(), np.full(len(MOVIES), 0.1, np.float32))
    blend = group_blend(*[[0.5, 0.5]] * 3, parts={"flat": flat, "toy/history": history_model()})
    expected = standard(everything(history_model(), ["u3"]).astype(float)) / 2
    np.testing.assert_allclose(everything(blend, ["u3"]), expected, atol=1e-5)


class Untouchable(HistoryModel):
    """A member that must not be asked."""

    def _fill(self, rows, out):
        raise AssertionError("asked for scores")

    def _fold_in(self, histories):
        raise AssertionError("asked for a fold-in")


def test_who_is_served_by_one_member_gets_its_very_lists_and_no_other_is_asked():
    model = history_model()
    parts = {"mine": model, "other": Untouchable(roster(), model.item_bias, model.sides)}
    blend = group_blend(*[[1.0, 0.0]] * 3, parts=parts)
    everyone = [*USERS, "nobody"]
    assert blend.recommend(everyone, 7) == model.recommend(everyone, 7)
    assert blend.recommend(everyone, 7, allow=MOVIES[:9]) == model.recommend(everyone, 7, allow=MOVIES[:9])
    history = {"books": ["b1", "b2"], "movies": [103]}
    assert blend.recommend_for(history, 7) == model.recommend_for(history, 7)
    assert everything(blend).tobytes() == everything(model).tobytes()


def test_each_group_is_served_by_its_own_member():
    blend, parts = served_by_group(), members()
    few = [u for u, n in zip(USERS, LENGTHS[0], strict=True) if 0 < n <= 6]
    others = [u for u in USERS if u not in few]
    assert [one.items for one in blend.recommend(few)] == [one.items for one in parts["toy/history"].recommend(few)]
    served = parts["toy/factors"].recommend(others)
    assert [one.items for one in blend.recommend(others)] == [one.items for one in served]


def test_who_is_folded_in_belongs_to_the_group_of_the_history_that_is_brought():
    blend, parts = served_by_group(), members()
    books = {"books": ["b1", "b2"]}
    assert blend.recommend_for(books) == parts["toy/factors"].recommend_for(books)
    few = books | {"movies": MOVIES[:6]}
    assert blend.recommend_for(few) == parts["toy/history"].recommend_for(few)
    warm = books | {"movies": MOVIES[:7]}
    assert blend.recommend_for(warm) == parts["toy/factors"].recommend_for(warm)


def test_what_somebody_disliked_makes_the_history_longer_as_in_training():
    read = {"movies": Feedback("explicit", 4.0)}
    whole = replace(roster(), feedback=read)
    one = history_model()
    other = HistoryModel(whole, -one.item_bias, one.sides)
    parts = {"mine": HistoryModel(whole, one.item_bias, one.sides), "other": other}
    blend = Blend(whole, parts, GroupGate(np.array([[1.0, 0], [0, 1], [1, 0]]), (0, 6)), *LENGTHS)
    history = {"books": ["b1"], "movies": {103: 1.0}}
    assert blend.recommend_for(history) == other.recommend_for(history)


@pytest.mark.parametrize("user", [NEWCOMERS, FEW, WARM])
@pytest.mark.parametrize("make", [served_by_group, mixed_by_group, gated_blend])
def test_somebody_who_brings_a_known_persons_history_gets_the_same_scores(make, user):
    blend, row = make(), USERS.index(user)
    brought = {"books": items_of(SOURCE, row, BOOKS), "movies": items_of(TARGET, row, MOVIES)}
    if user == NEWCOMERS:
        del brought["movies"]
    mine = blend.recommend([user], 5)[0]
    found = blend.recommend_for(brought, 5)
    assert found.items == mine.items
    np.testing.assert_allclose(found.scores, mine.scores, atol=1e-4)


def test_a_persons_path_is_that_of_who_serves():
    blend = group_blend([0, 0, 1], ALONE, ALONE)
    assert [one.path for one in blend.recommend([NEWCOMERS, "u3", "nobody"])] == ["popular", "known", "popular"]
    assert blend.recommend_for({"books": ["b1"]}).path == "popular"
    assert mixed_by_group().recommend([NEWCOMERS])[0].path == "newcomer"


def test_a_linear_gate_is_a_softmax_of_standardised_facts():
    gate = LinearGate(("target_history", "source_history"), [0, 1, 2], [[1, 0], [0, 1], [0, 0]], [1, 2], [2, 4])
    blend = Blend(roster(), members(), gate, *LENGTHS)
    own, source = (np.log1p(n[3]) for n in LENGTHS)
    raised = np.exp([0 + (own - 1) / 2, 1 + (source - 2) / 4, 2.0])
    np.testing.assert_allclose(blend.weights(np.array([3]))[0], raised / raised.sum())


def test_members_that_agree_and_a_member_that_is_sure_are_told_by_their_scores():
    facts = ("agreement", "entropy:0")
    gate = LinearGate(facts, [0, 0], [[1, 0], [0, 1]], [0, 0], [1, 1])
    same = Blend(roster(), {"one": history_model(), "other": history_model()}, gate, *LENGTHS)
    scores = standard(everything(history_model(), ["u3"]).astype(float))[0]
    shares = np.exp(scores) / np.exp(scores).sum()
    entropy = -(shares * np.log(shares)).sum() / np.log(len(MOVIES))
    raised = np.exp([1.0, entropy])
    np.testing.assert_allclose(same.weights(np.array([3]))[0], raised / raised.sum(), rtol=1e-5)


@pytest.mark.parametrize("make", [mixed_by_group, gated_blend])
def test_an_explanation_says_by_which_member_each_share_came_and_what_members_weigh(make):
    blend = make()
    found = blend.explain(NEWCOMERS, 111)
    weights = blend.weights(np.array([USERS.index(NEWCOMERS)]))[0]
    assert found.weights == dict(zip(members(), weights.tolist(), strict=True))
    assert {reason.member for reason in found.reasons} == set(members())


def test_where_one_member_serves_its_own_reasons_are_given():
    found, own = served_by_group().explain("u3", 111), members()["toy/factors"].explain("u3", 111)
    assert found.weights == {"toy/factors": 1.0, "toy/history": 0.0, "toy/popular": 0.0}
    assert [replace(reason, member=None) for reason in found.reasons] == list(own.reasons)
    assert {reason.member for reason in found.reasons} == {"toy/factors"}
    assert own.weights == {}


def test_items_are_similar_by_the_member_that_weighs_most():
    parts = members()
    heavy = group_blend(*[[0.2, 0.7, 0.1]] * 3)
    assert heavy.similar_items(["b1"], of="books") == parts["toy/history"].similar_items(["b1"], of="books")
    served = group_blend(*[[0, 0, 1]] * 3)  # popularity knows no items; the first of equals among the others answers
    assert served.similar_items([105]) == parts["toy/factors"].similar_items([105])


def test_members_may_read_other_items_of_a_domain():
    some, every, blend = some_books_model(), factor_model(prior_precision=5.0), blend_of_readers()

    def lines(model, *books):
        found = model.recommend_for({"books": list(books)}, len(MOVIES))
        return standard(np.array(found.scores)[np.argsort(found.items)].astype(float)[None])[0]

    both = 0.4 * lines(some, "b7", "b9") + 0.6 * lines(every, "b7", "b9", "b1")
    np.testing.assert_allclose(lines(blend, "b7", "b1", "b9"), both / both.std(), atol=1e-4)
    assert blend.indexes()["books"].ids.to_list() == [*BOOKS, "b77"]
    assert blend.similar_items(["b8"], of="books") == every.similar_items(["b8"], of="books")
    assert blend.similar_items(["b77"], of="books") == some.similar_items(["b77"], of="books")
    assert {reason.item for reason in blend.explain("u3", 111, n=100).reasons} >= set(items_of(SOURCE, 3, BOOKS))


def test_ratings_are_the_weighted_mean_of_what_members_predict():
    parts = {"mapped": rating_model(), "summed": summed_rating_model()}
    blend = group_blend(*[[0.25, 0.75]] * 3, parts=parts)
    users, items = [*USERS, "nobody"], [110] * (N_USERS + 1)
    one, other = (part.predict(users, items) for part in parts.values())
    np.testing.assert_allclose(blend.predict(users, items), 0.25 * one + 0.75 * other, rtol=1e-6)
    history = {"books": {"b1": 4.0, "b2": 1.0}}
    one, other = (part.predict_for(history, MOVIES) for part in parts.values())
    np.testing.assert_allclose(blend.predict_for(history, MOVIES), 0.25 * one + 0.75 * other, rtol=1e-6)
    alone = group_blend(*[[1.0, 0.0]] * 3, parts=parts)
    assert alone.predict(users, items).tobytes() == parts["mapped"].predict(users, items).tobytes()


def test_there_are_no_ratings_where_a_member_predicts_none():
    blend = group_blend(*[[0.5, 0.5]] * 3, parts={"rated": rating_model(), "other": history_model()})
    assert not blend.predicts_ratings
    assert not hasattr(blend, "predict")


def test_a_member_that_reads_preferences_is_told_which_ratings_are_some():
    read = {name: Feedback("explicit", 4.0) for name in ("books", "movies")}
    one, other = rating_model(), history_model()
    whole = replace(roster(), feedback=read)
    liking = HistoryModel(whole, other.item_bias, other.sides)
    blend = Blend(whole, {"rated": one, "liking": liking}, GroupGate(np.array([[0.0, 1.0]] * 3)), *LENGTHS)
    history = {"books": {"b1": 5.0, "b2": 1.0, "b3": 4.0}}
    assert blend.rated_domains == {"books", "movies"}
    assert blend.recommend_for(history) == liking.recommend_for({"books": ["b1", "b3"]})


def test_notes_of_members_are_told_under_their_names():
    model = history_model()
    noted = HistoryModel(model.roster, model.item_bias, model.sides, notes=["the map was cut"])
    gate = GroupGate(np.ones((3, 1)))
    blend = Blend(roster(), {"toy/history": noted}, gate, *LENGTHS, notes=["few people"])
    assert blend.notes == ("few people", "toy/history: the map was cut")


def test_a_guarded_gate_leaves_its_weights_to_some_groups_and_serves_others_by_one_member():
    blend, inner = guarded_blend(), gated_blend()
    few = USERS.index(FEW)
    np.testing.assert_array_equal(blend.weights(np.array([few]))[0], [*inner.weights(np.array([few]))[0], 0])
    assert blend.weights(np.array([USERS.index(NEWCOMERS), 3])).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert blend.recommend(["u3"]) == factor_model().recommend(["u3"])
    assert blend.recommend([FEW]) == inner.recommend([FEW])


def others(**changes):
    return HistoryModel(replace(roster(), **changes), np.zeros(len(MOVIES), np.float32))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "members: found none, expected one at least"),
        (
            {"mine": others(users=Index([f"v{n}" for n in range(N_USERS)], "user"))},
            "member 'mine': found other users than those of the blend",
        ),
        ({"mine": others(items=Index(range(30), "item"))}, "member 'mine': found other items than those of the blend"),
        ({"mine": others(sources=("music",))}, "member 'mine': found other sources than those of the blend"),
        (
            {"mine": others(popularity=np.ones(30))},
            "member 'mine': was fitted on other rows of 'movies' than the blend",
        ),
        ({"mine": others(seen=None)}, "member 'mine': was fitted on other rows of 'movies' than the blend"),
        ({"mine": served_by_group()}, "members: found a Blend among them, which can be blended no more"),
        ({"a": history_model(), "b": history_model()}, "gate: found weights for 1 members, expected 2"),
    ],
)
def test_members_that_do_not_go_together_are_refused(parts, words):
    with pytest.raises(ValueError, match=f"^{words}$"):
        Blend(roster(), parts, GroupGate(np.ones((3, 1))), *LENGTHS)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GroupGate(np.ones((2, 1))), r"weights_by_group: found shape \(2, 1\), expected \(3, 1\)"),
        (lambda: GroupGate(np.ones((3, 1)), (20, 0)), r"bounds: found \(20, 0\), expected numbers that rise"),
        (lambda: GroupGate(np.full((3, 2), 0.4)), "expected weights of 0 or more that add up to 1 in each group"),
        (lambda: GroupGate(np.array([[2.0, -1.0]] * 3)), "expected weights of 0 or more"),
        (
            lambda: GuardedGate(GroupGate(np.ones((3, 1))), 2, (0, 2, -1)),
            r"served_by: found \(0, 2, -1\), expected -1 or one of 2 members",
        ),
        (lambda: GuardedGate(GroupGate(np.ones((3, 1))), 1, (0, 0)), r"served_by: found shape \(2,\), expected \(3,\)"),
        (lambda: LinearGate(("age",), [0], [[0]], [0], [1]), "facts: found 'age', expected some of target_history, "),
        (lambda: LinearGate((), [0, 0], np.zeros((1, 0)), [], []), r"coefficients: found shape \(1, 0\)"),
        (lambda: LinearGate(("agreement",), [0], [[0]], [0], [0]), "scale: found 0, expected numbers above 0"),
        (
            lambda: Blend(roster(), members(), GroupGate(np.array([EVEN] * 3)), LENGTHS[0][:5], LENGTHS[1]),
            r"target_history: found shape \(5,\), expected \(52,\)",
        ),
    ],
)
def test_a_gate_that_does_not_fit_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
