"""All that is known of the target's people and items before anything is learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from foretaste import DomainPair, Encoder, Transfer, feature_matrices
from foretaste_lightfm._readers import Reader, Vectors, chosen, unit


@dataclass(frozen=True, eq=False)
class Knowledge:
    """``sources`` read source histories, by name; ``people`` (target users, a) is what they read, and what domains
    declare; ``own`` reads what somebody had in the target. ``items`` (target items, b) are the features of items.
    ``linked`` (source items, k) are vectors in whose space ``own`` reads, by the name of a source with linked items.
    """

    sources: Mapping[str, Reader]
    people: sparse.csr_matrix
    own: Reader
    items: sparse.csr_matrix
    linked: Mapping[str, Vectors]

    def encoders(self, transfer: Transfer, of_people: Vectors, of_own: Vectors) -> dict[str, Encoder]:
        """Return how histories become vectors: ``of_people`` (a, d) and ``of_own`` (k, d) are the embeddings of the
        features. Items that are linked say the same on either side.
        """
        rows = transfer.target.interactions
        found = {transfer.target.name: self.own.encoder(of_own, rows.preference)}
        starts = dict(zip(self.sources, _starts(one.width for one in self.sources.values()), strict=True))
        spaces = dict(zip(self.linked, _starts(one.shape[1] for one in self.linked.values()), strict=True))
        for pair in transfer.pairs:
            name = pair.source.name
            if name in self.sources:
                reader, learnt, start = self.sources[name], of_people, starts[name]
            elif name in self.linked:
                reader, learnt = Reader(pair.source.interactions.items, self.linked[name]), of_own
                start = spaces[name]
            else:
                continue
            found[name] = reader.encoder(learnt[start : start + reader.width], pair.source_history)
        return found


def known(
    transfer: Transfer, vectors: Mapping[str, Vectors], source_items: int, *, declared: bool, sources: bool
) -> Knowledge:
    """Read everybody's features. ``vectors`` (source items, k) are those of a source; of one without any, the
    ``source_items`` most popular items are features.
    """
    rows = transfer.target.interactions
    readers = {
        pair.source.name: _reader(pair, vectors.get(pair.source.name), source_items)
        for pair in transfer.pairs
        if sources and pair.user_links is not None
    }
    read = [readers[p.source.name].read(p.source_history) for p in transfer.pairs if p.source.name in readers]
    told = [*read, *(_declared(transfer) if declared else ())]
    pairs = {p.source.name: p for p in transfer.pairs if p.item_links is not None and p.source.name in vectors}
    spaces = {name: _placed(pair, vectors[name]) for name, pair in pairs.items()}
    here = np.arange(len(rows.items))
    own = Reader(rows.items, np.hstack(list(spaces.values()))) if spaces else chosen(rows.items, here)
    items = [sparse.identity(len(here), np.float32), *(sparse.csr_matrix(unit(one)) for one in spaces.values())]
    if declared and transfer.target.item_features is not None:
        items.append(feature_matrices([transfer.target.item_features]).matrices[0])
    return Knowledge(
        readers,
        _beside(told, len(rows.users)),
        own,
        _beside(items, len(here)),
        {name: vectors[name] for name in spaces},
    )


def _reader(pair: DomainPair, vectors: Vectors | None, source_items: int) -> Reader:
    rows = pair.source.interactions
    if vectors is not None:
        return Reader(rows.items, vectors)
    return chosen(rows.items, np.sort(np.argsort(-rows.popularity, kind="stable")[:source_items]))


def _placed(pair: DomainPair, vectors: Vectors) -> Vectors:
    """Return vectors (target items, k): the means of those of the source items that they are linked to."""
    links = sparse.csr_matrix(pair.item_links.T, dtype=np.float64)  # type: ignore[union-attr]
    total = np.asarray(links.sum(axis=1)).ravel()
    return np.asarray((links @ vectors) / np.where(total > 0, total, 1)[:, None], np.float32)


def _declared(transfer: Transfer) -> Iterator[sparse.csr_matrix]:
    """Yield what domains declare of people (target users, tokens)."""
    if transfer.target.user_features is not None:
        yield feature_matrices([transfer.target.user_features]).matrices[0]
    for pair in transfer.pairs:
        if pair.source.user_features is not None and pair.user_links is not None:
            links = sparse.csr_matrix(pair.user_links.T, dtype=np.float32)
            yield links @ feature_matrices([pair.source.user_features]).matrices[0]


def _beside(parts: list[sparse.csr_matrix], rows: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(sparse.hstack([sparse.csr_matrix((rows, 0)), *parts]), dtype=np.float32)


def _starts(widths: Iterator[int]) -> list[int]:
    return [0, *np.cumsum(list(widths)).tolist()][:-1]
