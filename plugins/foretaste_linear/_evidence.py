"""What speaks for an item: what people had, and what is declared of them; and other markets with the same items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Index, Side, Transfer, feature_matrices
from foretaste_linear._binary import binary


@dataclass(frozen=True, eq=False)
class Evidence:
    """``histories`` (target people, items or tokens), ones, of one domain; ``items`` names the columns."""

    items: Index
    histories: sparse.csr_matrix


def evidence_of(transfer: Transfer, user_features: bool) -> dict[str, Evidence]:
    """Return what is known of the target's people, by the name of a side.

    ``films`` is what they had there, ``films:user_features`` what is declared of them there, as tokens ``age=25``.
    """
    rows = transfer.target.interactions
    found = {
        pair.source.name: Evidence(pair.source.interactions.items, binary(pair.source_history))
        for pair in transfer.pairs
        if pair.user_links is not None
    }
    found[transfer.target.name] = Evidence(rows.items, binary(rows.preference))
    return found | declared_in(transfer) if user_features else found


def declared_in(transfer: Transfer) -> dict[str, Evidence]:
    """Return what is declared of the target's people, there and in domains that share them, by the name of a side."""
    found = {}
    linked = [pair for pair in transfer.pairs if pair.user_links is not None]
    tables = [(transfer.target, None), *((pair.source, pair.user_links) for pair in linked)]
    for domain, links in tables:
        if domain.user_features is not None:
            tokens = feature_matrices([domain.user_features], weighting="ones")
            (told,) = tokens.matrices
            if not told.nnz:
                continue
            brought = told if links is None else sparse.csr_matrix(links.T @ told, dtype=np.float32)
            index = Index(list(tokens.names), "token")
            found[f"{domain.name}:user_features"] = Evidence(index, binary(brought))
    return found


def described(evidence: Mapping[str, Evidence]) -> NDArray[np.bool_]:
    """Return (target people,) of whom anything is known."""
    known = [np.diff(one.histories.indptr) > 0 for one in evidence.values()]
    return np.asarray(np.any(known, axis=0), bool)


def markets(transfer: Transfer) -> dict[str, sparse.csr_matrix]:
    """Return by source with items of the target what its people (source people, target items) had of these, as ones."""
    found = {}
    for pair in transfer.pairs:
        if pair.item_links is not None:
            had = sparse.csr_matrix(pair.source.interactions.preference @ pair.item_links, dtype=np.float32)
            found[pair.source.name] = binary(had[np.flatnonzero(had.getnnz(axis=1))])
    return found


def item_links(transfer: Transfer) -> dict[str, Evidence]:
    """Return by source of which the items alone are shared what each is in the target (items, target items).

    Rows add up to 1: an item with several partners is half the one and half the other.
    """
    found = {}
    for pair in transfer.pairs:
        if pair.user_links is None and pair.item_links is not None:
            rows = np.flatnonzero(pair.item_links.getnnz(axis=1))
            links = pair.item_links[rows]
            shares = sparse.csr_matrix(sparse.diags(1 / np.asarray(links.sum(axis=1)).ravel()) @ links)
            items = pair.source.interactions.items
            found[pair.source.name] = Evidence(Index(items.ids.gather(rows), items.kind), shares)
    return found


def through_items(links: Evidence, own: Side) -> Side:
    """Return the side of such a source: an item says what its partners in the target say."""
    return Side(links.items, sparse.csr_matrix(links.histories @ own.map), own.power, None, own.offset)
