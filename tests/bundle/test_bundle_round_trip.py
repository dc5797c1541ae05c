from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from foretaste.bundle import load_bundle, read_manifest, save_bundle
from foretaste.bundle._files import write_arrays
from foretaste.data import Index
from foretaste.errors import DataError
from foretaste.recommender import FactorModel, HistoryModel, Side
from recommender.toy_recommenders import BOOKS, MOVIES, USERS, every_recommender, factor_model, history_model, roster

MODELS = every_recommender()
HEAVY = ("torch", "implicit", "sklearn", "pandas", "lightfm", "matplotlib", "fastapi")


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def save(model, folder, **options):
    return save_bundle(model, folder, strategy="toy/strategy", params={"factors": 4}, **options)


def answers(model):
    everyone = [*USERS, "nobody"]
    history = {"books": (["b1", "b2"], [1.0, 2.5]), "movies": [103, 104]}
    return (
        model.recommend(everyone, 7),
        model.recommend(everyone, 7, exclude_seen=False, deny=[101]),
        model.recommend_for(history, 7),
        model.similar_items(["b1"], 5, of="books"),
        model.similar_items([105], 5),
        [model.explain(user, 110) for user in ("u1", "u45", "u51")],
        model.score(everyone, [102] * len(everyone)).tobytes(),
    )


def test_what_comes_back_answers_bit_for_bit_as_what_was_saved(model, tmp_path):
    save(model, tmp_path)
    assert answers(load_bundle(tmp_path)) == answers(model)


def test_what_comes_back_can_be_saved_again_as_the_same_bundle(model, tmp_path):
    save(model, tmp_path / "one")
    save(load_bundle(tmp_path / "one"), tmp_path / "two")
    assert read_manifest(tmp_path / "one").id == read_manifest(tmp_path / "two").id


def test_the_same_recommender_has_the_same_id_and_other_settings_another(model, tmp_path):
    first, second = read_manifest(save(model, tmp_path)), read_manifest(save(model, tmp_path))
    assert first == second
    dated = read_manifest(save(model, tmp_path, metadata={"created": "2024-05-01"}))
    assert dated.id != first.id
    assert dated.metadata == {"created": "2024-05-01"}


def test_metadata_with_numbers_for_keys_comes_back_with_their_names(tmp_path):
    save(history_model(), tmp_path, metadata={"people": {2: 40, 10: 7, 1: 3}, "sizes": (1, 2)})
    load_bundle(tmp_path)
    assert read_manifest(tmp_path).metadata == {"people": {"1": 3, "2": 40, "10": 7}, "sizes": [1, 2]}


def test_a_popularity_model_without_sides_comes_back(tmp_path):
    model = HistoryModel(roster(), np.arange(len(MOVIES), dtype=np.float32))
    save(model, tmp_path)
    assert load_bundle(tmp_path).recommend(USERS) == model.recommend(USERS)


def test_the_manifest_says_what_is_inside(tmp_path):
    save(factor_model(), tmp_path, metadata={"plugin": "toy 1.0"})
    found = read_manifest(tmp_path)
    assert (found.format_version, found.kind, found.strategy) == (1, "factors", "toy/strategy")
    assert (found.domains.target, found.domains.sources) == ("movies", ("books",))
    assert found.contains == ("factors", "seen items", "source histories", "target histories")
    assert found.params == {"factors": 4}
    assert found.metadata == {"plugin": "toy 1.0"}
    assert set(found.files) == {"arrays.safetensors", "users.arrow", "items.arrow", "items.1.arrow"}
    assert (found.users.type, found.users.rows) == ("String", len(USERS))
    assert (found.items.type, found.items.rows) == ("Int64", len(MOVIES))
    assert found.history_items["books"].file == "items.1.arrow"
    assert found.history_items["movies"].file == "items.arrow"


def test_notes_come_back(tmp_path):
    notes = ("the map was cut", "and so was the bias")
    history, factors = history_model(), factor_model()
    for model in (
        HistoryModel(history.roster, history.item_bias, history.sides, notes=notes),
        FactorModel(factors.roster, factors.user_factors, factors.item_factors, notes=list(notes)),
    ):
        folder = save(model, tmp_path / model.kind)
        assert load_bundle(folder).notes == model.notes == notes
        assert read_manifest(folder).facts["notes"] == list(notes)


def test_a_model_without_notes_has_none_after_loading_either(model, tmp_path):
    folder = save(model, tmp_path)
    assert load_bundle(folder).notes == ()
    assert "notes" not in read_manifest(folder).facts


def test_one_string_is_no_list_of_notes():
    model = history_model()
    with pytest.raises(ValueError, match=r"^notes: found 'cut', expected a list of sentences$"):
        HistoryModel(model.roster, model.item_bias, model.sides, notes="cut")


def test_a_power_that_is_a_number_of_numpys_comes_back(tmp_path):
    model = history_model(power=np.float32(0.5))
    assert load_bundle(save(model, tmp_path)).recommend(USERS) == model.recommend(USERS)


@pytest.mark.parametrize("kind", [factor_model, history_model])
def test_domains_come_back_in_the_order_they_had(kind, tmp_path):
    whole = kind()
    order = [("zines", "books"), ("movies", "movies")]
    if kind is factor_model:
        encoders = {name: whole.encoders[old] for name, old in order}
        how = {"item_bias": whole.item_bias, "encoders": encoders, "kappa": whole.mix.kappa}
        model = FactorModel(roster(), whole.user_factors, whole.item_factors, **how)
    else:
        model = HistoryModel(roster(), whole.item_bias, {name: whole.sides[old] for name, old in order})
    found = load_bundle(save(model, tmp_path))
    assert list(found.indexes()) == list(model.indexes())
    assert found.explain("u1", 110, 1) == model.explain("u1", 110, 1)


def test_ids_that_no_file_system_would_like_come_back(tmp_path):
    names = ["", "a/b", "ü\n", "𝄞", *BOOKS[4:]]
    whole = history_model()
    sides = dict(whole.sides) | {"../odd domain.map": Side(Index(names, "item"), whole.sides["books"].map)}
    save(HistoryModel(roster(), whole.item_bias, sides), tmp_path)
    found = load_bundle(tmp_path)
    assert found.indexes()["../odd domain.map"].ids.to_list() == names
    assert found.recommend_for({"../odd domain.map": ["a/b"]}).path == "folded-in"


def test_without_histories_none_are_written(model, tmp_path):
    arrays = load_file(save(model, tmp_path, histories=False) / "arrays.safetensors")
    assert not [name for name in arrays if name.startswith(("history.", "roster.seen"))]
    assert set(read_manifest(tmp_path).contains) <= {"factors"}
    assert load_bundle(tmp_path).histories() == {}


def test_without_histories_a_factor_model_still_knows_its_people_but_leaves_nothing_out(tmp_path):
    model = factor_model()
    save(model, tmp_path, histories=False)
    found = load_bundle(tmp_path)
    assert found.recommend(USERS) == model.recommend(USERS, exclude_seen=False)
    with pytest.raises(DataError, match="saved without the histories that an explanation needs"):
        found.explain("u0", 100)


def test_without_histories_a_history_model_answers_by_popularity_and_folds_in(tmp_path):
    model = history_model()
    save(model, tmp_path, histories=False)
    found = load_bundle(tmp_path)
    assert {one.path for one in found.recommend(USERS)} == {"popular"}
    assert found.recommend(["u0"])[0].items == model.recommend(["nobody"])[0].items
    assert found.recommend_for({"books": ["b1"]}) == model.recommend_for({"books": ["b1"]})


def test_loading_and_recommending_needs_no_training_package_and_no_plugin(model, tmp_path):
    save(model, tmp_path)
    code = f"""
import json, sys
from pathlib import Path
from foretaste.bundle import load_bundle
model = load_bundle(Path({str(tmp_path)!r}))
items = model.recommend(["u0", "nobody"], 3)[0].items
model.recommend_for({{"books": ["b1"]}})
model.explain("u0", 100)
print(json.dumps([items, [m for m in sys.modules if m.split(".")[0] in {HEAVY!r} or m.startswith("foretaste_")]]))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    items, heavy = json.loads(done.stdout)
    assert items == model.recommend(["u0"], 3)[0].items
    assert heavy == []


@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    dtype=st.sampled_from(["float32", "float64", "int32", "int64", "uint8", "bool"]),
    view=st.sampled_from(["whole", "transposed", "fortran", "strided", "reversed", "broadcast"]),
    seed=st.integers(0, 99),
)
def test_arrays_of_every_layout_are_written_right(tmp_path_factory, shape, dtype, view, seed):
    whole = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    array = {
        "whole": lambda: whole,
        "transposed": lambda: whole.T,
        "fortran": lambda: np.asfortranarray(whole),
        "strided": lambda: whole[::2],
        "reversed": lambda: whole[::-1],
        "broadcast": lambda: np.broadcast_to(whole, (3, *shape)),
    }[view]()
    place = tmp_path_factory.mktemp("arrays") / "a.safetensors"
    write_arrays(place, {"array": array})
    back = load_file(place)["array"]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
