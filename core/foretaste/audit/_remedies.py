"""What can be done about twins: drop them from the source, or declare them to be the same item.

``twins_by_pair`` holds the twins of each source by its name; a source that is not named stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.audit._twins import Twins, stored
from foretaste.data import DomainPair, Interactions, Transfer


def drop_twins(transfer: Transfer, twins_by_pair: Mapping[str, Twins]) -> Transfer:
    """Return the transfer without the source rows on twins; the target, and so the test, is unchanged."""
    changed = {
        name: pair.source.interactions.take(
            ~np.isin(pair.source.interactions.item_rows, twins_by_pair[name].source_rows)
        )
        for name, pair in _with_twins(transfer, twins_by_pair).items()
    }
    return transfer.replaced(sources=changed)


def merge_twins(transfer: Transfer, twins_by_pair: Mapping[str, Twins]) -> Transfer:
    """Return the transfer with twins added to the item links; no row changes.

    That alone does not close the leak: see ``hide_twin_rows``, which must follow with the rows that are hidden.
    """
    named = _with_twins(transfer, twins_by_pair)
    pairs = tuple(
        _linked(pair, twins_by_pair[pair.source.name]) if pair.source.name in named else pair for pair in transfer.pairs
    )
    return replace(transfer, pairs=pairs)


def hide_twin_rows(
    transfer: Transfer,
    twins_by_pair: Mapping[str, Twins],
    user_rows: NDArray[np.int64],
    item_rows: NDArray[np.int64],
) -> Transfer:
    """Return the transfer without the source rows of a person on a twin of an item hidden from that person.

    ``user_rows`` and ``item_rows`` are the hidden rows of the target. One event on a merged item stands in both
    domains: hiding it in the target alone leaves its copy in the source, and an item link then tells even a simple
    strategy where to find it. All other rows on twins stay, as item overlap may honestly be used.
    """
    changed = {
        name: _hidden(pair, twins_by_pair[name], user_rows, item_rows)
        for name, pair in _with_twins(transfer, twins_by_pair).items()
    }
    return transfer.replaced(sources=changed)


def _with_twins(transfer: Transfer, twins_by_pair: Mapping[str, Twins]) -> dict[str, DomainPair]:
    pairs = {pair.source.name: pair for pair in transfer.pairs}
    unknown = set(twins_by_pair) - set(pairs)
    if unknown:
        raise ValueError(f"this transfer has no source '{min(unknown)}'")
    return {name: pair for name, pair in pairs.items() if len(twins_by_pair.get(name, ()))}


def _linked(pair: DomainPair, twins: Twins) -> DomainPair:
    links = twins.links(pair)
    return replace(pair, item_links=links if pair.item_links is None else pair.item_links.maximum(links).tocsr())


def _hidden(pair: DomainPair, twins: Twins, user_rows: NDArray[np.int64], item_rows: NDArray[np.int64]) -> Interactions:
    target, source = pair.target.interactions, pair.source.interactions
    assert pair.user_links is not None
    hidden = sparse.csr_matrix((np.ones(len(user_rows), np.float32), (user_rows, item_rows)), shape=target.shape)
    copies = pair.user_links @ hidden @ twins.links(pair).T  # (source users, source items)
    return source.take(~stored(copies, source.user_rows, source.item_rows))
