from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

from foretaste.errors import DataError, UnknownIdError
from foretaste.recommender import HistoryModel
from recommender.toy_recommenders import BOOKS, MOVIES, SOURCE, TARGET, USERS, every_recommender, items_of, roster

MODELS = every_recommender()


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def test_each_answer_says_by_which_path_it_came(model):
    paths = {one.user: one.path for one in model.recommend(["u0", "u45", "u51", "nobody"], 3)}
    assert paths == {"u0": "known", "u45": "newcomer", "u51": "popular", "nobody": "popular"}
    assert model.recommend_for({"books": ["b1"]}, 3).path == "folded-in"
    assert model.recommend_for({"books": ["unheard of"]}, 3).path == "popular"


def test_a_history_of_no_domain_is_an_error_that_asks_for_domains(model):
    with pytest.raises(DataError, match="history: found list, expected a mapping of domains to their ids"):
        model.recommend_for(["b1"])


def test_a_stranger_gets_the_most_popular_items(model):
    popularity = np.asarray(TARGET.sum(axis=0)).ravel()
    best = [MOVIES[row] for row in np.argsort(-popularity, kind="stable")[:5]]
    assert model.recommend(["nobody"], 5)[0].items == best
    assert model.recommend(["u51"], 5)[0].items == best
    assert model.recommend_for({}, 5).items == best


def test_those_it_places_are_those_it_does_not_answer_by_popularity(model):
    rows = model.roster.users.rows(["u0", "u45", "u51", "nobody"])
    assert model.places(rows).tolist() == [True, True, False, False]


def test_an_unknown_user_is_an_error_where_that_is_asked_for(model):
    with pytest.raises(UnknownIdError, match="unknown user 'nobody'"):
        model.recommend(["u1", "nobody"], on_unknown="error")
    with pytest.raises(UnknownIdError, match="unknown user 'nobody'"):
        model.score(["nobody"], [100], on_unknown="error")
    with pytest.raises(DataError, match="on_unknown: found 'raise', expected 'popular' or 'error'"):
        model.recommend(["u1"], on_unknown="raise")


def test_what_was_seen_is_left_out_unless_asked_for(model):
    for row, one in enumerate(model.recommend(USERS[:40], len(MOVIES))):
        assert set(one.items) == set(MOVIES) - set(items_of(TARGET, row, MOVIES))
    for one in model.recommend(USERS[:40], len(MOVIES), exclude_seen=False):
        assert set(one.items) == set(MOVIES)


def test_a_list_is_the_same_whoever_is_asked_for_beside(model):
    alone = [model.recommend([user], 5)[0] for user in ("u0", "nobody", "u45", "u51")]
    together = model.recommend(["u0", "nobody", "u45", "u51"], 5)
    assert [one.items for one in together] == [one.items for one in alone]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5, atol=1e-6)


def test_an_answer_keeps_to_what_is_allowed_and_not_denied(model):
    some = [101, 105, 109, 999]
    for one in model.recommend(["u0", "u45", "nobody"], 10, allow=some, deny=[105], exclude_seen=False):
        assert sorted(one.items) == [101, 109]
    assert sorted(model.recommend_for({"books": ["b1"]}, 10, allow=some, deny=iter([105])).items) == [101, 109]
    assert 105 not in model.recommend(["u0"], 30, deny=[105], exclude_seen=False)[0].items


def test_nothing_allowed_is_an_empty_list(model):
    assert [one.items for one in model.recommend(["u0", "nobody"], 3, allow=[])] == [[], []]
    assert model.recommend_for({"books": ["b1"]}, 3, allow=[]).items == []


def test_nobody_asked_for_is_no_list(model):
    assert len(model.recommend([])) == 0
    assert model.score([], []).shape == (0,)


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "3", None])
def test_a_k_that_is_no_count_is_an_error(model, k):
    for ask in (
        lambda: model.recommend(["u0"], k),
        lambda: model.recommend_for({"books": ["b1"]}, k),
        lambda: model.similar_items([100], k),
    ):
        with pytest.raises(DataError, match=r"k: found .* expected a whole number of 1 or more"):
            ask()


def test_a_k_beyond_the_catalogue_gives_all_there_is(model):
    assert len(model.recommend(["nobody"], 1000)[0].items) == len(MOVIES)
    assert len(model.similar_items([100], 1000)[0].items) <= len(MOVIES) - 1


def test_a_string_is_not_a_list_of_ids(model):
    for ask in (
        lambda: model.recommend("u1"),
        lambda: model.recommend_for({"books": "b1"}),
        lambda: model.recommend(["u1"], allow="abc"),
        lambda: model.similar_items("100"),
    ):
        with pytest.raises(DataError, match="expected a list of ids"):
            ask()


def test_ids_of_another_type_are_an_error(model):
    with pytest.raises(DataError, match="user ids: found whole numbers, expected strings"):
        model.recommend([1, 2])
    with pytest.raises(DataError, match="item ids: found strings, expected whole numbers"):
        model.recommend(["u1"], deny=["100"])


def test_ids_may_come_as_an_array_or_a_series(model):
    expected = model.recommend(["u1", "u2"], 3)
    assert model.recommend(np.array(["u1", "u2"]), 3) == expected
    assert model.recommend(pl.Series(["u1", "u2"]), 3) == expected


def test_scores_are_those_of_the_ranking(model):
    lists = model.recommend([*USERS, "nobody"], 7, exclude_seen=False)
    pairs = [(one.user, item) for one in lists for item in one.items]
    scores = model.score([user for user, _ in pairs], [item for _, item in pairs])
    np.testing.assert_allclose(scores, [s for one in lists for s in one.scores], rtol=1e-5, atol=1e-5)


def test_scores_of_unequal_numbers_of_users_and_items_are_an_error(model):
    with pytest.raises(DataError, match="found 2 users and 1 items, expected equal numbers"):
        model.score(["u0", "u1"], [100])


def test_the_score_of_an_unknown_item_is_an_error(model):
    with pytest.raises(UnknownIdError, match="movies has no item 999"):
        model.score(["u0", "u0"], [100, 999])


def test_somebody_folded_in_with_a_known_persons_history_gets_the_same_list(model):
    for row in (0, 7, 39):
        given = {"movies": items_of(TARGET, row, MOVIES), "books": items_of(SOURCE, row, BOOKS)}
        known, folded = model.recommend([USERS[row]], 6)[0], model.recommend_for(given, 6)
        assert folded.items == known.items
        np.testing.assert_allclose(folded.scores, known.scores, rtol=1e-4, atol=1e-5)


def test_somebody_folded_in_with_a_newcomers_history_gets_the_same_list(model):
    folded = model.recommend_for({"books": items_of(SOURCE, 45, BOOKS)}, 6)
    assert folded.items == model.recommend(["u45"], 6)[0].items


def test_weights_of_one_change_nothing_and_others_do(model):
    plain = model.recommend_for({"books": ["b1", "b2"]}, 5)
    assert model.recommend_for({"books": (["b1", "b2"], [1, 1])}, 5) == plain
    assert model.recommend_for({"books": (["b1", "b2"], np.array([5.0, 1.0]))}, 5).scores != plain.scores


def test_an_item_without_weight_counts_once_however_often_it_is_named(model):
    plain = model.recommend_for({"books": ["b1", "b2"]}, 5)
    assert model.recommend_for({"books": ["b1", "b2", "b1"]}, 5) == plain


def test_two_ids_in_a_tuple_are_two_ids(model):
    assert model.recommend_for({"books": ("b1", "b2")}, 5) == model.recommend_for({"books": ["b1", "b2"]}, 5)
    numbers = (np.int64(101), np.int64(102))
    assert model.recommend_for({"movies": numbers}, 5) == model.recommend_for({"movies": [101, 102]}, 5)


def test_ids_and_weights_in_a_list_are_no_history(model):
    with pytest.raises(DataError, match=r"^item ids: found List\(String\), expected whole numbers or strings$"):
        model.recommend_for({"books": [["b1", "b2"], [1, 2]]})


def test_unknown_items_of_a_history_are_passed_over(model):
    assert model.recommend_for({"books": ["b1", "no such book"]}, 5) == model.recommend_for({"books": ["b1"]}, 5)


def test_what_a_folded_in_person_names_is_not_recommended_even_at_weight_zero(model):
    one = model.recommend_for({"movies": ([101, 102], [1, 0])}, 30)
    assert one.path == "folded-in"
    assert not {101, 102} & set(one.items)
    only_zero = model.recommend_for({"movies": ([102], [0])}, 30)
    assert only_zero.path == "popular"
    assert 102 not in only_zero.items


def test_a_mapping_gives_items_their_weights(model):
    by_pairs = model.recommend_for({"books": (["b1", "b2"], [5, 1])}, 5)
    assert model.recommend_for({"books": {"b1": 5, "b2": 1}}, 5) == by_pairs


@pytest.mark.parametrize("weights", [[1], [1, float("nan")], [1, -1], [1, 1e38], ["a", "b"], [[1], [2]]])
def test_weights_must_be_one_finite_number_of_zero_or_more_per_item(model, weights):
    with pytest.raises(DataError, match="history of 'books'"):
        model.recommend_for({"books": (["b1", "b2"], weights)})


def test_a_history_of_an_unknown_domain_is_an_error_that_names_the_known_ones(model):
    with pytest.raises(DataError, match="history of 'games': this recommender knows movies, books"):
        model.recommend_for({"games": ["g1"]})


def test_a_model_that_reads_no_history_answers_by_popularity_and_repeats_nothing_that_is_named():
    popular = HistoryModel(roster(), np.zeros(len(MOVIES), np.float32))  # what a guard may hand on
    assert popular.recommend_for({"books": ["b1"]}, 3) == popular.recommend_for({}, 3)
    best = popular.recommend_for({}, 1).items
    assert popular.recommend_for({"movies": best}, 3).path == "popular"
    assert best[0] not in popular.recommend_for({"movies": best}, len(MOVIES)).items


def test_rows_say_user_item_rank_score_and_path(model):
    rows = model.recommend(["u0"], 2).to_rows()
    assert [(row["user_id"], row["rank"], row["path"]) for row in rows] == [("u0", 1, "known"), ("u0", 2, "known")]


def test_eight_threads_at_once_get_what_one_gets(model):
    asked = [[*USERS[start:], "nobody"] for start in range(8)] * 3
    alone = [model.recommend(users, 5) for users in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda users: model.recommend(users, 5), asked)) == alone


def test_similar_items_leave_the_item_itself_out(model):
    for one in model.similar_items(MOVIES, 100):
        assert one.user not in one.items
        assert one.scores == sorted(one.scores, reverse=True)


def test_similar_items_go_across_from_a_source_item(model):
    one = model.similar_items(["b3"], 4, of="books")[0]
    assert set(one.items) <= set(MOVIES)
    assert len(one.items) == 4


def test_similar_items_of_an_unknown_item_or_domain_are_an_error(model):
    with pytest.raises(UnknownIdError, match="books has no item 'b99'"):
        model.similar_items(["b1", "b99"], of="books")
    with pytest.raises(DataError, match="knows no items of 'games'; it knows those of"):
        model.similar_items(["g1"], of="games")
