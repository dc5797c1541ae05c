"""What can be done about twins: drop them from the source, or declare them to be the same item.

``twins_by_pair`` holds the twins of each source by its name; a source that is not named stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foretaste.audit._twins import Twins
from foretaste.data import DomainPair, Interactions, Transfer


def drop_twins(
    transfer: Transfer, twins_by_pair: Mapping[str, Twins], people: NDArray[np.int64] | None = None
) -> Transfer:
    """Return the transfer without the source rows on twins; the target, and so the test, is unchanged.

    With ``people`` (rows of the target's user index) only theirs are dropped.
    """
    changed = {
        name: _without(pair, twins_by_pair[name], people) for name, pair in _with_twins(transfer, twins_by_pair).items()
    }
    return transfer.replaced(sources=changed)


def merge_twins(transfer: Transfer, twins_by_pair: Mapping[str, Twins]) -> Transfer:
    """Return the transfer with twins added to the item links; no row changes.

    That alone does not close the leak: ``drop_twins`` must follow for all people with rows on both sides. Dropping
    only what is hidden would say by itself what is hidden: a copy that stays means that the person has no such row.
    """
    named = _with_twins(transfer, twins_by_pair)
    pairs = tuple(
        _linked(pair, twins_by_pair[pair.source.name]) if pair.source.name in named else pair for pair in transfer.pairs
    )
    return replace(transfer, pairs=pairs)


def _with_twins(transfer: Transfer, twins_by_pair: Mapping[str, Twins]) -> dict[str, DomainPair]:
    pairs = {pair.source.name: pair for pair in transfer.pairs}
    unknown = set(twins_by_pair) - set(pairs)
    if unknown:
        raise ValueError(f"this transfer has no source '{min(unknown)}'")
    return {name: pair for name, pair in pairs.items() if len(twins_by_pair.get(name, ()))}


def _linked(pair: DomainPair, twins: Twins) -> DomainPair:
    links = twins.links(pair)
    return replace(pair, item_links=links if pair.item_links is None else pair.item_links.maximum(links).tocsr())


def _without(pair: DomainPair, twins: Twins, people: NDArray[np.int64] | None) -> Interactions:
    source = pair.source.interactions
    dropped = np.isin(source.item_rows, twins.source_rows)
    if people is not None:
        assert pair.user_links is not None  # there are no twins without
        theirs = pair.user_links.tocsc()[:, people].tocsr().getnnz(axis=1) > 0
        dropped &= theirs[source.user_rows]
    return source.take(~dropped)
