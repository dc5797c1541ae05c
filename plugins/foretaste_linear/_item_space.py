"""Items and people of all domains of a transfer in one space, by what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Carried, StrategyError, Transfer, feature_matrices
from foretaste_linear._binary import binary

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ItemSpace:
    """``target`` (target items, d), ``sources`` by name (source items, d), and how many ``tokens`` both sides have."""

    target: Vectors
    sources: Mapping[str, Vectors]
    tokens: int


def item_space(transfer: Transfer, carried: Mapping[str, Carried], dimensions: int, seed: int) -> ItemSpace:
    """Return the items' features, and beside them the sources' embeddings where some were carried.

    Tokens that no target item has say nothing of the target and are left out. More tokens than ``dimensions`` are
    reduced to as many by a truncated singular value decomposition of all items, each domain counting alike. Raises
    StrategyError where nothing describes the items of both sides.
    """
    names = [pair.source.name for pair in transfer.pairs]
    matrices, tokens = _described(transfer)
    parts = [_reduced(matrices, dimensions, seed)] if tokens else []
    parts += [_embedded(transfer, carried, name) for name in names if "vectors" in carried[name].arrays]
    if not parts:
        raise StrategyError(
            f"{transfer.place}: items of the two sides have no feature in common, expected a column of item_features"
            " with equal values, or shared items and embeddings"
        )
    target, *sources = (np.ascontiguousarray(np.hstack(one)) for one in zip(*parts, strict=True))
    return ItemSpace(target, dict(zip(names, sources, strict=True)), tokens)


def people_space(transfer: Transfer, dimensions: int, seed: int) -> dict[str, Vectors]:
    """Return by domain (people, width) what is known of people, by features that all domains have; width may be 0."""
    domains = (transfer.target, *(pair.source for pair in transfer.pairs))
    tables = [one.user_features for one in domains if one.user_features is not None]
    if len(tables) < len(domains):
        return {one.name: np.zeros((len(one.interactions.users), 0), np.float32) for one in domains}
    found = _reduced(list(feature_matrices(tables).matrices), dimensions, seed)
    return {one.name: vectors for one, vectors in zip(domains, found, strict=True)}


def source_embedding(preference: sparse.csr_matrix, factors: int, seed: int) -> Vectors:
    """Return (items, factors): the items by who preferred them, of length 1; zeros for who nobody preferred."""
    ones = binary(preference)
    held = np.maximum(ones.getnnz(axis=1), 1) ** -0.5
    rows = sparse.csr_matrix((sparse.diags(held) @ ones).T)
    return _unit(_latent([rows], factors, seed)[0])


def _described(transfer: Transfer) -> tuple[list[sparse.csr_matrix], int]:
    """Return the target's matrix and those of the sources, and how many tokens the target shares with any of these."""
    domains = (transfer.target, *(pair.source for pair in transfer.pairs))
    tables = [one.item_features for one in domains if one.item_features is not None]
    if len(tables) < len(domains):
        return [], 0
    matrices = list(feature_matrices(tables).matrices)
    held = [one.getnnz(axis=0) > 0 for one in matrices]
    kept = np.flatnonzero(held[0])
    shared = int((held[0] & np.any(held[1:], axis=0)).sum())
    return [sparse.csr_matrix(one[:, kept]) for one in matrices], shared


def _reduced(matrices: list[sparse.csr_matrix], dimensions: int, seed: int) -> list[Vectors]:
    if matrices[0].shape[1] <= dimensions:
        return [np.asarray(one.toarray(), np.float32) for one in matrices]
    return _latent(matrices, dimensions, seed)


def _latent(matrices: list[sparse.csr_matrix], dimensions: int, seed: int) -> list[Vectors]:
    from sklearn.decomposition import TruncatedSVD

    alike = [one / max(float(np.sqrt(one.multiply(one).sum())), 1e-12) for one in matrices]
    stacked = sparse.csr_matrix(sparse.vstack(alike))
    fitted = TruncatedSVD(min(dimensions, min(stacked.shape)), random_state=seed).fit(stacked)
    return [np.asarray(one @ fitted.components_.T, np.float32) for one in matrices]


def _embedded(transfer: Transfer, carried: Mapping[str, Carried], name: str) -> list[Vectors]:
    """Return one source's vectors for the target's items that are linked to it, zeros for those of other sources."""
    found = []
    vectors = np.asarray(carried[name].arrays["vectors"], np.float32)
    for pair in transfer.pairs:
        if pair.source.name == name:
            links = pair.item_links
            there = np.zeros((len(transfer.target.interactions.items), vectors.shape[1]), np.float32)
            if links is not None:
                there = np.asarray(links.T @ vectors, np.float32)
            found.append(_unit(there))
            break
    for pair in transfer.pairs:
        own = pair.source.name == name
        found.append(vectors if own else np.zeros((len(pair.source.interactions.items), vectors.shape[1]), np.float32))
    return found


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
