"""A blend goes to disk and comes back; what its members have in common is kept once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from bundle.test_bundle_damage import refused, rewrite, rewrite_arrays
from foretaste.bundle import load_bundle, read_manifest, save_bundle
from foretaste.errors import OutputError
from foretaste.recommender import Blend, GroupGate, HistoryModel
from recommender.toy_recommenders import (
    LENGTHS,
    USERS,
    blend_of_readers,
    every_blend,
    gated_blend,
    group_blend,
    history_model,
    rating_model,
    roster,
    served_by_group,
    summed_rating_model,
)

BLENDS = every_blend()


def save(model, folder, **options):
    return save_bundle(model, folder, strategy="toy/strategy", params={}, **options)


def test_histories_that_members_have_alike_are_kept_once(tmp_path):
    folder = save(served_by_group(), tmp_path)
    assert sorted(read_manifest(folder).matrices) == ["history.books", "history.movies", "roster.seen"]


def test_another_reading_of_the_same_history_is_kept_beside_the_first(tmp_path):
    blend = group_blend(*[[0.5, 0.5]] * 3, parts={"rated": rating_model(), "liking": history_model()})
    folder = save(blend, tmp_path)
    assert "history.books+2" in read_manifest(folder).matrices
    assert read_manifest(folder).contains == ("factors", "seen items", "source histories", "target histories")
    assert load_bundle(folder).recommend(USERS) == blend.recommend(USERS)


def test_ratings_come_back_bit_for_bit(tmp_path):
    blend = group_blend(*[[0.5, 0.5]] * 3, parts={"mapped": rating_model(), "summed": summed_rating_model()})
    loaded = load_bundle(save(blend, tmp_path))
    assert loaded.predict(USERS, [110] * len(USERS)).tobytes() == blend.predict(USERS, [110] * len(USERS)).tobytes()


@pytest.mark.parametrize("name", BLENDS)
def test_without_histories_known_people_keep_their_weights_by_them(name, tmp_path):
    lean = load_bundle(save(BLENDS[name], tmp_path, histories=False))
    assert lean.histories() == {}
    assert read_manifest(tmp_path).contains == ("factors",)
    assert lean.recommend(["u3"])[0].path == "known"
    if not BLENDS[name].gate.reads_scores:
        everybody = np.arange(len(USERS))
        assert lean.weights(everybody).tobytes() == BLENDS[name].weights(everybody).tobytes()
    history = {"books": ["b1", "b2"], "movies": [103]}
    assert lean.recommend_for(history) == BLENDS[name].recommend_for(history)


def test_notes_of_members_come_back_once(tmp_path):
    model = history_model()
    noted = HistoryModel(model.roster, model.item_bias, model.sides, notes=["cut"])
    blend = Blend(roster(), {"a/b": noted}, GroupGate(np.ones((3, 1))), *LENGTHS, notes=["mine"])
    assert load_bundle(save(blend, tmp_path)).notes == blend.notes == ("mine", "a/b: cut")


def test_a_member_of_a_kind_that_no_bundle_holds_is_named(tmp_path):
    class Mine(HistoryModel):
        pass

    mine = Mine(roster(), history_model().item_bias)
    with pytest.raises(OutputError, match="cannot save the recommender: member 'a/b' is a Mine, which no bundle holds"):
        save(group_blend([1], [1], [1], parts={"a/b": mine}), tmp_path)
    assert not (tmp_path / "v1").exists()


def damaged(folder, change):
    facts = json.loads((folder / "v1" / "manifest.json").read_text())["facts"]
    change(facts)
    rewrite(folder, facts=facts)
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda facts: facts["members"].pop(), "gate: found weights for 3 members, expected 2"),
        (lambda facts: facts["members"][0].update(kind="blend"), "its parts do not fit together"),
        (
            lambda facts: facts["gate"].update(kind="oracle"),
            "gate: found kind 'oracle', expected group, linear or guarded",
        ),
        (lambda facts: facts["gate"].update(bounds=[0]), r"weights_by_group: found shape \(3, 3\), expected \(2, 3\)"),
        (lambda facts: facts.pop("gate"), "its parts do not fit together: 'gate' is missing"),
    ],
)
def test_members_and_gate_that_do_not_fit_are_an_error(tmp_path, change, words):
    save(served_by_group(), tmp_path)
    refused(damaged(tmp_path, change), words)


def test_an_array_of_a_member_that_is_missing_or_short_is_an_error(tmp_path):
    save(gated_blend(), tmp_path)
    name = "model.member.0.model.user_factors"
    whole = load_file(tmp_path / "v1" / "arrays.safetensors")[name]
    rewrite_arrays(tmp_path, **{name: whole[:5].copy()})
    refused(tmp_path, "user_factors: found shape")
    rewrite_arrays(tmp_path, **{name: None})
    refused(tmp_path, "'user_factors' is missing")


def test_places_of_a_members_items_that_are_none_are_an_error(tmp_path):
    save(blend_of_readers(), tmp_path)
    name = "model.member.0.items.books"
    place = load_file(tmp_path / "v1" / "arrays.safetensors")[name]
    rewrite_arrays(tmp_path, **{name: place + 20})
    refused(tmp_path, "items of 'books': found places that are none of the 21 items")
