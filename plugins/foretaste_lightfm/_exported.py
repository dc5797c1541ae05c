"""What LightFM learnt, as plain vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste import Encoder, Transfer
from foretaste_lightfm._knowledge import Knowledge
from foretaste_lightfm._lessons import Lessons
from foretaste_lightfm._readers import Vectors


@dataclass(frozen=True, eq=False)
class Fitted:
    """``people`` (target users, d) and ``items`` (target items, d), ``bias`` (target items,), and the encoders.

    A person's bias is left out: it moves all of their scores alike.
    """

    people: Vectors
    items: Vectors
    bias: NDArray[np.float32]
    encoders: Mapping[str, Encoder]


def exported(model: Any, lessons: Lessons, knowledge: Knowledge, transfer: Transfer) -> Fitted:
    """Return everybody's representation: newcomers without a column of their own."""
    bias, items = model.get_item_representations(knowledge.items)
    _, people = model.get_user_representations(features_of_everybody(lessons, knowledge, transfer))
    of_people, of_own, _ = (model.user_embeddings[columns] for columns in lessons.columns)
    return Fitted(people, items, bias, knowledge.encoders(transfer, of_people, of_own))


def features_of_everybody(lessons: Lessons, knowledge: Knowledge, transfer: Transfer) -> sparse.csr_matrix:
    """Return the features (target users, all) by which each of them is served."""
    preference = transfer.target.interactions.preference
    n_users, held = preference.shape[0], lessons.members
    own = sparse.csr_matrix((np.ones(len(held)), (held, np.arange(len(held)))), shape=(n_users, len(held)))
    none = sparse.csr_matrix((n_users, 1))
    return sparse.csr_matrix(
        sparse.hstack([knowledge.people, knowledge.own.read(preference), own, none]), dtype=np.float32
    )
