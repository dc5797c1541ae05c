"""One machine for everybody, as vectors of people and items: which profiles there are, and who teaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretaste import DomainPair, Encoder, Mix, Transfer
from foretaste_linear._binary import binary
from foretaste_linear._global_svm import Shop, Vectors, learn, profile
from foretaste_linear._item_space import ItemSpace, people_space
from foretaste_linear._judgements import Judgements

_MOST_FEATURES = 16


@dataclass(frozen=True, eq=False)
class Everybody:
    """``people`` (target users, width), ``items`` (target items, width), ``bias`` (target items,), and an encoder of
    histories for the target and each source with shared people.
    """

    people: Vectors
    items: Vectors
    bias: NDArray[np.float32]
    encoders: Mapping[str, Encoder]


def fit_everybody(
    transfer: Transfer,
    space: ItemSpace,
    *,
    sources: bool,
    weight: float,
    kappa: float,
    sampling: float,
    negatives: int,
    most_rows: int,
    regularization: float,
    epochs: int,
    seed: int,
) -> Everybody:
    """Fit. A person is, side by side, a profile of the target, one of each source, and features.

    Without ``sources`` the target alone counts. ``weight`` is how many rows of a source are learnt
    from for each row of the target.
    """
    target, d = transfer.target.interactions, space.target.shape[1]
    pairs = transfer.pairs if sources else ()
    told = people_space(transfer, _MOST_FEATURES, seed)
    columns = d * (1 + len(pairs))
    width = columns + told[transfer.target.name].shape[1]
    encoders = {
        transfer.target.name: profile(target.items, space.target, binary(target.preference), width, 0),
        **{
            pair.source.name: _brought(pair, space, width, d * (1 + n)) for n, pair in enumerate(pairs) if _shared(pair)
        },
    }
    mix = Mix(kappa, np.zeros(width, np.float32))
    histories = {name: one.histories for name, one in encoders.items() if one.histories is not None}
    others = {name: rows for name, rows in histories.items() if name != transfer.target.name}
    known = _placed(told[transfer.target.name], columns)
    elsewhere = mix.people(encoders, transfer.target.name, others) if others else np.zeros_like(known)
    judged = Judgements.of(transfer.target, sampling)
    shops = [Shop(judged, encoders[transfer.target.name], space.target, elsewhere, known, most_rows)]
    likes = int(np.minimum(judged.liked.getnnz(axis=1), most_rows).sum())
    for pair in pairs if weight else ():
        rows, vectors = pair.source.interactions, space.sources[pair.source.name]
        own = profile(rows.items, vectors, binary(rows.preference), width, 0)
        features = _placed(told[pair.source.name], columns)
        judged = Judgements.of(pair.source, sampling)
        shops.append(Shop(judged, own, vectors, np.zeros_like(features), features, most_rows, int(weight * likes)))
    crosses = learn(shops, kappa=kappa, negatives=negatives, regularization=regularization, epochs=epochs, seed=seed)
    people = mix.people(encoders, transfer.target.name, histories) + known
    items = np.asarray(space.target @ crosses[:-1].T, np.float32)
    return Everybody(people, items, np.asarray(space.target @ crosses[-1], np.float32), encoders)


def _shared(pair: DomainPair) -> bool:
    return bool(pair.source_history.nnz)


def _brought(pair: DomainPair, space: ItemSpace, width: int, start: int) -> Encoder:
    vectors, histories = space.sources[pair.source.name], binary(pair.source_history)
    return profile(pair.source.interactions.items, vectors, histories, width, start)


def _placed(features: Vectors, start: int) -> Vectors:
    """Return the features in the last columns, after ``start`` zeros, at most of length 1."""
    return np.hstack([np.zeros((len(features), start), np.float32), features])
