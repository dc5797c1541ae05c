"""A recommender shares no memory that anybody can write to, and leaves its maker's arrays as they are."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import load_bundle, save_bundle, sealed
from foretaste.data import Index, frozen, frozen_matrix
from foretaste.recommender import Encoder, FactorModel, HistoryModel, Recommender, Roster, Side, cut_map
from recommender.toy_recommenders import BOOKS, USERS, every_recommender, factor_model, history_model

MODELS = every_recommender()
IN_A_MODEL = (
    "user_factors",
    "item_factors",
    "item_bias",
    "encoders",
    "sides",
    "roster",
    "arrays",
    "histories",
    "members",
    "gate",
)


def reachable(held: object, place: str) -> dict[str, np.ndarray]:
    """Return every array that leads from a public attribute, by the way to it."""
    if isinstance(held, np.ndarray):
        return {place: held}
    if sparse.issparse(held):
        return {f"{place}.{part}": getattr(held, part) for part in ("data", "indices", "indptr")}
    if isinstance(held, Recommender):
        named = {name: getattr(held, name) for name in IN_A_MODEL if hasattr(held, name)}
    elif is_dataclass(held):
        named = {field.name: getattr(held, field.name) for field in fields(held)}
    elif isinstance(held, Mapping):
        named = dict(held)
    elif isinstance(held, tuple):
        named = dict(enumerate(held))
    else:
        return {}
    found: dict[str, np.ndarray] = {}
    for name, part in named.items():
        found |= reachable(part() if callable(part) else part, f"{place}.{name}")
    return found


def inputs() -> dict[str, np.ndarray]:
    """Return arrays of a maker, in the very layout that a model wants."""
    rng = np.random.default_rng(0)
    shapes = {"users": (4, 2), "items": (3, 2), "bias": (3,), "matrix": (2, 2), "offset": (2,), "books": (5, 2)}
    made = {name: rng.random(shape).astype(np.float32) for name, shape in shapes.items()}
    made |= {"map": rng.random((5, 3)).astype(np.float32), "left": rng.random((5, 2)).astype(np.float32)}
    made |= {"right": rng.random((2, 3)).astype(np.float32)}
    made |= {"popularity": np.array([1.0, 2.0, 3.0]), "paths": np.zeros(4, np.uint8)}
    for name, shape in (("seen", (4, 3)), ("history", (4, 5)), ("sparse", (5, 3))):
        matrix = sparse.random(*shape, density=0.5, format="csr", dtype=np.float32, random_state=1)
        made |= {f"{name}.{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}
    return made


def models_of(given: dict[str, np.ndarray]) -> list[Recommender]:
    def matrix(name: str, shape: tuple[int, int]) -> sparse.csr_matrix:
        return sparse.csr_matrix(tuple(given[f"{name}.{part}"] for part in ("data", "indices", "indptr")), shape)

    users, items, books = Index(range(4), "user"), Index(range(3), "item"), Index(range(5), "item")
    seen, history = matrix("seen", (4, 3)), matrix("history", (4, 5))
    roster = Roster("films", ("books",), users, items, given["popularity"], given["paths"], seen)
    encoder = Encoder(books, given["books"], 1.0, 1.0, given["matrix"], given["offset"], history)
    maps = given["map"], (given["left"], given["right"]), matrix("sparse", (5, 3))
    return [
        FactorModel(roster, given["users"], given["items"], item_bias=given["bias"], encoders={"books": encoder}),
        *(
            HistoryModel(roster, given["bias"], {"books": Side(books, one, 0.0, history, given["bias"])})
            for one in maps
        ),
    ]


def answers(models: list[Recommender]) -> list[object]:
    folded = [model.recommend_for({"books": [0, 1, 2]}, 3) for model in models]
    return [[model.recommend(range(4), 3) for model in models], folded]


@pytest.mark.parametrize("name", MODELS)
def test_no_array_of_a_recommender_can_be_written_to(name):
    found = reachable(MODELS[name], "model")
    assert len(found) > 20
    assert [place for place, array in found.items() if array.flags.writeable] == []


@pytest.mark.parametrize("name", MODELS)
def test_no_array_of_a_loaded_recommender_can_be_written_to(name, tmp_path):
    save_bundle(MODELS[name], tmp_path, strategy="a/b", params={})
    found = reachable(load_bundle(tmp_path), "model")
    assert [place for place, array in found.items() if array.flags.writeable] == []


def test_making_a_model_leaves_its_makers_arrays_writeable():
    given = inputs()
    models_of(given)
    assert [name for name, array in given.items() if not array.flags.writeable] == []


def test_what_a_maker_writes_afterwards_does_not_reach_the_model():
    given = inputs()
    models, expected = models_of(given), answers(models_of(inputs()))
    for array in given.values():
        array[:] = 0
    assert answers(models) == expected


def test_what_a_maker_does_to_a_matrix_afterwards_does_not_reach_the_model():
    model = history_model("sparse")
    histories = model.sides["books"].histories.copy()
    side = Side(Index(BOOKS, "item"), model.sides["books"].map, histories=histories)
    histories.data[:] = 0
    histories.eliminate_zeros()
    assert side.histories.nnz == model.sides["books"].histories.nnz


def test_the_parts_of_a_model_are_not_exchanged():
    with pytest.raises(TypeError, match="does not support item assignment"):
        factor_model().encoders["books"] = None
    with pytest.raises(TypeError, match="does not support item assignment"):
        history_model().sides["books"] = None
    assert isinstance(factor_model().encoders, MappingProxyType)


def test_a_dict_of_parts_stays_its_makers():
    model = history_model()
    sides = dict(model.sides)
    made = HistoryModel(model.roster, model.item_bias, sides)
    sides.clear()
    assert list(made.sides) == ["books", "movies"]


def test_ids_written_to_by_their_maker_stay_as_they_were():
    ids = pl.Series(USERS)
    index = Index(ids, "user")
    ids[0] = "somebody else"
    index.ids[1] = "another"
    assert index.ids.to_list() == USERS


@pytest.mark.parametrize("name", MODELS)
def test_a_recommender_can_be_sent_to_another_process(name):
    back = pickle.loads(pickle.dumps(MODELS[name]))
    assert back.recommend(USERS, 5) == MODELS[name].recommend(USERS, 5)


def test_what_is_frozen_already_is_shared():
    array = sealed(np.ones((3, 2), np.float32))
    assert frozen(array, np.float32) is array
    assert np.shares_memory(frozen(array[1:]), array)
    matrix = sealed(sparse.csr_matrix(np.eye(3, dtype=np.float32)))
    made = frozen_matrix(matrix)
    assert made is not matrix
    assert all(np.shares_memory(getattr(made, p), getattr(matrix, p)) for p in ("data", "indices", "indptr"))


def test_a_loaded_array_is_not_copied(tmp_path, monkeypatch):
    save_bundle(factor_model(), tmp_path, strategy="a/b", params={})
    kept = []
    monkeypatch.setattr("foretaste.bundle._files.sealed", lambda array: kept.append(sealed(array)) or kept[-1])
    model = load_bundle(tmp_path)
    for array in (model.user_factors, model.encoders["books"].histories.indices, model.roster.seen.data):
        assert any(np.shares_memory(array, one) for one in kept)


@pytest.mark.parametrize("view", [lambda a: a.view(), lambda a: a[:2], lambda a: np.frombuffer(bytearray(16), np.int8)])
def test_a_read_only_view_of_what_can_be_written_to_is_copied(view):
    given = view(np.zeros(4, np.int8))
    given.setflags(write=False)
    assert not np.shares_memory(frozen(given), given)


@pytest.mark.parametrize("memory", [bytearray(16), bytes(16), np.zeros(16, np.uint8)])
def test_sealed_memory_is_shared_wherever_it_came_from(memory):
    array = sealed(np.frombuffer(memory, np.float32))
    assert not array.flags.writeable
    assert frozen(array) is array


def test_another_layout_is_brought_to_the_one_layout():
    given = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    made = frozen(given, np.float32)
    assert made.flags.c_contiguous
    assert made.dtype == np.float32
    assert not made.flags.writeable
    assert given.flags.writeable


@pytest.mark.parametrize("form", ["csc", "coo", "csr"])
def test_any_sparse_form_becomes_rows(form):
    given = sparse.eye(3, format=form, dtype=np.float64)
    made = frozen_matrix(given, np.float32)
    assert (made.format, made.dtype) == ("csr", np.float32)
    assert made.toarray().tolist() == np.eye(3).tolist()
    assert given.data.flags.writeable


def test_what_is_not_sparse_is_no_matrix():
    with pytest.raises(ValueError, match=r"^found ndarray, expected a scipy.sparse.csr_matrix$"):
        frozen_matrix(np.eye(3))


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m.sort_indices(),
        lambda m: m.sum_duplicates(),
        lambda m: m[:, [1]].T @ m[[2, 0, 1, 3, 4]],
        lambda m: m.T.tocsr() @ m.tocsc(),
        lambda m: m.max(axis=1) + m.sum(axis=1),
        lambda m: (m + m).multiply(m).maximum(0).sign(),
        lambda m: sparse.vstack([m, m]).getnnz(axis=1),
        lambda m: m.copy().eliminate_zeros(),
        lambda m: m.check_format(full_check=True),
    ],
)
def test_a_frozen_matrix_can_be_worked_with(use):
    use(frozen_matrix(sparse.random(5, 5, 0.4, format="csr", dtype=np.float32, random_state=0)))


@pytest.mark.parametrize("use", [lambda m: m.eliminate_zeros(), lambda m: m.__setitem__((0, 2), 5.0)])
def test_a_frozen_matrix_cannot_be_changed_in_place(use):
    matrix = frozen_matrix(sparse.csr_matrix(np.eye(3, dtype=np.float32)[::-1]))
    with pytest.raises(ValueError, match="read-only"):
        use(matrix)


@pytest.mark.parametrize("form", ["sparse", "factors"])
def test_a_cut_map_is_handed_over_without_a_copy(form):
    item_map, _ = cut_map(np.random.default_rng(0).random((40, 40)).astype(np.float32), 2000, form=form)
    side = Side(Index(range(40), "item"), item_map)
    given, held = (reachable(one, "map") for one in (item_map, side.map))
    assert all(np.shares_memory(given[place], held[place]) for place in given)
