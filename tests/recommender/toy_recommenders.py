"""Small recommenders of every kind over one made-up world of books (source) and movies (target).

People u0..u39 have histories on both sides, u40..u49 in books only (newcomers), u50..u51 nowhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from foretaste.data import Index
from foretaste.recommender import (
    Blend,
    Correction,
    Encoder,
    FactorModel,
    GroupGate,
    GuardedGate,
    HistoryModel,
    LinearGate,
    Mix,
    PairLayer,
    RatingScale,
    Roster,
    Side,
)

N_USERS, N_MOVIES, N_BOOKS = 52, 30, 20
USERS = [f"u{row}" for row in range(N_USERS)]
MOVIES = list(range(100, 100 + N_MOVIES))
BOOKS = [f"b{row}" for row in range(N_BOOKS)]
MAPS = ("dense", "sparse", "factors")


def history(n_rows: int, n_columns: int, seed: int, placed: int) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    dense = (rng.random((n_rows, n_columns)) < 0.25).astype(np.float32)
    dense[np.arange(n_rows), rng.integers(0, n_columns, n_rows)] = 1
    dense[placed:] = 0
    return sparse.csr_matrix(dense)


TARGET = history(N_USERS, N_MOVIES, 1, 40)
SOURCE = history(N_USERS, N_BOOKS, 2, 50)
WEIGHTS = np.linspace(0.5, 2, N_BOOKS).astype(np.float32)  # rare books tell more


def roster() -> Roster:
    paths = np.select([np.diff(TARGET.indptr) > 0, np.diff(SOURCE.indptr) > 0], [0, 1], 3).astype(np.uint8)
    popularity = np.asarray(TARGET.sum(axis=0), np.float64).ravel()
    return Roster("movies", ("books",), Index(USERS, "user"), Index(MOVIES, "item"), popularity, paths, TARGET)


def correction(gated: bool) -> Correction:
    rng = np.random.default_rng(5)
    inner, gate = rng.normal(size=(2, 5, 3)).astype(np.float32)
    inner_offset, gate_offset = rng.normal(size=(2, 3)).astype(np.float32)
    outer = rng.normal(size=(3, 4)).astype(np.float32)
    return Correction(inner, inner_offset, outer, *((gate, gate_offset) if gated else ()))


def pair_layer() -> PairLayer:
    rng = np.random.default_rng(11)
    person, item = rng.normal(size=(2, 4, 6)).astype(np.float32)
    return PairLayer(person, item, *rng.normal(size=(2, 6)).astype(np.float32))


def factor_model(
    kappa: float = 3.0,
    center: Any = None,
    prior_precision: float | None = None,
    correction: Correction | None = None,
    pair_layer: PairLayer | None = None,
) -> FactorModel:
    """People's vectors are exactly what folding their histories in gives."""
    rng = np.random.default_rng(3)
    movies = rng.normal(size=(N_MOVIES, 4)).astype(np.float32)
    books = rng.normal(size=(N_BOOKS, 5)).astype(np.float32)
    matrix, offset = rng.normal(size=(5, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    encoders = {
        "books": Encoder(Index(BOOKS, "item"), books, 2.0, 3.0, matrix, offset, SOURCE, WEIGHTS, True, correction),
        "movies": Encoder(Index(MOVIES, "item"), movies, 1.0, 2.0, histories=TARGET),
    }
    people = Mix(kappa, center, prior_precision).people(encoders, "movies", {"books": SOURCE, "movies": TARGET})
    bias = rng.normal(size=N_MOVIES).astype(np.float32)
    how = {"kappa": kappa, "center": center, "prior_precision": prior_precision, "pair_layer": pair_layer}
    return FactorModel(roster(), people, movies, item_bias=bias, encoders=encoders, **how)


def item_map(form: str, n_rows: int, seed: int):
    rng = np.random.default_rng(seed)
    if form == "factors":
        left = rng.normal(size=(n_rows, 3)).astype(np.float32)
        return left, rng.normal(size=(3, N_MOVIES)).astype(np.float32)
    dense = rng.normal(size=(n_rows, N_MOVIES)).astype(np.float32)
    if form == "sparse":
        return sparse.csr_matrix(dense * (rng.random(dense.shape) < 0.4))
    return dense


def history_model(form: str = "dense", power: float = 0.5) -> HistoryModel:
    rng = np.random.default_rng(4)
    offset = rng.normal(size=N_MOVIES).astype(np.float32)
    sides = {
        "books": Side(Index(BOOKS, "item"), item_map(form, N_BOOKS, 5), power, SOURCE, offset),
        "movies": Side(Index(MOVIES, "item"), item_map(form, N_MOVIES, 6), 0.0, TARGET),
    }
    return HistoryModel(roster(), rng.normal(size=N_MOVIES).astype(np.float32), sides)


def additive_model() -> FactorModel:
    """Vectors of both domains add up, linear in their histories."""
    rng = np.random.default_rng(10)
    books, movies = (rng.normal(size=(n, 4)).astype(np.float32) for n in (N_BOOKS, N_MOVIES))
    turned = rng.normal(size=(4, 4)).astype(np.float32)
    encoders = {
        "books": Encoder(
            Index(BOOKS, "item"),
            books,
            matrix=turned,
            histories=SOURCE,
            item_weights=WEIGHTS,
            unit_length=True,
            linear=True,
        ),
        "movies": Encoder(Index(MOVIES, "item"), movies, histories=TARGET, linear=True),
    }
    people = Mix(additive=True).people(encoders, "movies", {"books": SOURCE, "movies": TARGET})
    bias = rng.normal(size=N_MOVIES).astype(np.float32)
    return FactorModel(roster(), people, movies, item_bias=bias, encoders=encoders, additive=True)


def rated(histories: sparse.csr_matrix, seed: int) -> sparse.csr_matrix:
    """Return ratings from 0 to 5 of what people had: a rating of 0 is a rating."""
    values = np.random.default_rng(seed).integers(0, 6, histories.nnz).astype(np.float32)
    return sparse.csr_matrix((values, histories.indices, histories.indptr), shape=histories.shape)


RATED_TARGET, RATED_SOURCE = rated(TARGET, 7), rated(SOURCE, 8)


def rating_model() -> FactorModel:
    """Ratings on both sides; a first factor, which all items have alike, is the bias of people."""
    rng = np.random.default_rng(9)
    movies, books = (rng.normal(size=(n, 4)).astype(np.float32) for n in (N_MOVIES, N_BOOKS))
    movies[:, 0], books[:, 0] = 0.5, 0.8
    bias = rng.normal(size=N_MOVIES).astype(np.float32)
    matrix, offset = rng.normal(size=(4, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    known = {"histories": RATED_SOURCE, "expected": rng.uniform(2, 3, N_BOOKS).astype(np.float32)}
    encoders = {
        "books": Encoder(Index(BOOKS, "item"), books, 1.0, matrix=matrix, offset=offset, **known),
        "movies": Encoder(Index(MOVIES, "item"), movies, 1e-9, histories=RATED_TARGET, expected=2.5 + bias),
    }
    how = {"center": np.zeros(4, np.float32), "prior_precision": 1.0}
    people = Mix(**how).people(encoders, "movies", {"books": RATED_SOURCE, "movies": RATED_TARGET})
    scale = RatingScale(2.5, np.zeros(N_USERS, np.float32), bias, 0, 5)
    return FactorModel(roster().rating(scale), people, movies, item_bias=bias, encoders=encoders, **how)


def summed_rating_model() -> FactorModel:
    """Ratings on both sides of which the deviations are summed; the own vector and the source's are mixed."""
    rng = np.random.default_rng(11)
    movies, books, summed = (rng.normal(size=(n, 4)).astype(np.float32) for n in (N_MOVIES, N_BOOKS, N_MOVIES))
    movies[:, 0] = 0.5
    bias = rng.normal(size=N_MOVIES).astype(np.float32)
    turn, offset = rng.normal(size=(4, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    said = rng.uniform(2, 3, N_BOOKS).astype(np.float32)
    books_in, movies_in = Index(BOOKS, "item"), Index(MOVIES, "item")
    encoders = {
        "books": Encoder(books_in, books, 4.0, 1.0, turn, offset, RATED_SOURCE, expected=said, linear=True),
        "movies": Encoder(movies_in, summed, 2.0, histories=RATED_TARGET, expected=2.5 + bias, linear=True),
    }
    people = Mix(3.0).people(encoders, "movies", {"books": RATED_SOURCE, "movies": RATED_TARGET})
    scale = RatingScale(2.5, np.zeros(N_USERS, np.float32), bias, 0, 5)
    return FactorModel(roster().rating(scale), people, movies, item_bias=bias, encoders=encoders, kappa=3.0)


LENGTHS = np.diff(TARGET.indptr), np.diff(SOURCE.indptr)
BOUNDS = (0, 6)


def popular() -> HistoryModel:
    return HistoryModel(roster().without_source(), np.log1p(roster().popularity))


def members() -> dict[str, Any]:
    return {"toy/factors": factor_model(prior_precision=5.0), "toy/history": history_model(), "toy/popular": popular()}


def group_blend(*lines: list[float], bounds: tuple[int, ...] = BOUNDS, parts: Any = None) -> Blend:
    """Newcomers, people of up to 6 rows, and the others have a line of weights each."""
    mine = parts or members()
    return Blend(roster(), mine, GroupGate(np.array(lines), bounds), *LENGTHS)


def served_by_group() -> Blend:
    """Each group by one member: newcomers by vectors, few-shot people by histories, warm ones by the same vectors."""
    return group_blend([1, 0, 0], [0, 1, 0], [1, 0, 0])


def mixed_by_group() -> Blend:
    return group_blend([0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [0.75, 0.25, 0])


FACTS = ("target_history", "source_history", "agreement", "entropy:0", "entropy:1")


def gated_blend(facts: tuple[str, ...] = FACTS) -> Blend:
    rng = np.random.default_rng(12)
    center, scale = rng.random(len(facts)), 0.5 + rng.random(len(facts))
    gate = LinearGate(facts, rng.normal(size=3), rng.normal(size=(3, len(facts))), center, scale)
    return Blend(roster(), members(), gate, *LENGTHS)


def guarded_blend() -> Blend:
    """A gate that reads scores decides for few-shot people alone: the others go to vectors, each to their own."""
    inner = gated_blend()
    parts = dict(inner.members) | {"toy/own": factor_model()}
    return Blend(roster(), parts, GuardedGate(inner.gate, 4, (0, -1, 3), BOUNDS), *LENGTHS)


SOME_BOOKS = [*BOOKS[12:4:-1], "b77"]


def some_books_model() -> HistoryModel:
    """Reads some of the books in an order of its own, and one that the others do not know."""
    rng = np.random.default_rng(13)
    read = sparse.csr_matrix(sparse.hstack([SOURCE[:, 12:4:-1], sparse.csr_matrix((N_USERS, 1), dtype=np.float32)]))
    side = Side(Index(SOME_BOOKS, "item"), rng.normal(size=(len(SOME_BOOKS), N_MOVIES)).astype(np.float32), 0.5, read)
    return HistoryModel(roster(), rng.normal(size=N_MOVIES).astype(np.float32), {"books": side})


def blend_of_readers() -> Blend:
    parts = {"toy/some": some_books_model(), "toy/factors": factor_model(prior_precision=5.0)}
    return group_blend(*[[0.4, 0.6]] * 3, parts=parts)


def every_blend() -> dict[str, Blend]:
    return {
        "blend of one member for each group": served_by_group(),
        "blend of a mix for each group": mixed_by_group(),
        "blend gated by histories": gated_blend(FACTS[:2]),
        "blend gated by scores": gated_blend(),
        "guarded blend": guarded_blend(),
        "blend of members that read other books": blend_of_readers(),
    }


def every_recommender() -> dict[str, Any]:
    center = np.linspace(-1, 1, 4).astype(np.float32)
    factors = {
        "factor model": factor_model(),
        "factor model with a center": factor_model(center=center),
        "factor model with a prior": factor_model(prior_precision=5.0),
        "factor model with a prior and a center": factor_model(center=center, prior_precision=0.5),
        "factor model with a hidden layer": factor_model(correction=correction(gated=False)),
        "factor model with gates and a prior": factor_model(prior_precision=5.0, correction=correction(gated=True)),
    }
    factors["factor model with a layer over person and item"] = factor_model(pair_layer=pair_layer())
    factors["additive factor model"] = additive_model()
    histories = {f"{form} history model": history_model(form) for form in MAPS}
    return factors | histories | every_blend()


def items_of(matrix: sparse.csr_matrix, row: int, ids: list) -> list:
    return [ids[column] for column in matrix[row].indices]
