"""A person's vector from what several domains say, as it will be served."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from foretaste import own_share


def mixed(
    own: torch.Tensor,
    others: Sequence[torch.Tensor],
    known: Sequence[NDArray[np.bool_]],
    shown: NDArray[np.integer],
    kappa: float,
) -> torch.Tensor:
    """Return b own + (1 - b) m (people, d), m the mean of ``others`` over those of them that know the person.

    b = k / (k + kappa), with ``shown`` (people,) k own rows; 1 for people whom nobody else knows.
    """
    trust = np.where(np.any(known, axis=0), own_share(shown, kappa), 1.0).astype(np.float32)
    share = torch.from_numpy(trust).to(own.device)[:, None]
    return share * own + (1 - share) * mean_of_known(others, known)


def mean_of_known(vectors: Sequence[torch.Tensor], known: Sequence[NDArray[np.bool_]]) -> torch.Tensor:
    """Return (people, d) the mean of ``vectors`` over those of them that know the person, zeros where none does."""
    where = vectors[0].device
    told = [
        one * torch.from_numpy(knows.astype(np.float32)).to(where)[:, None]
        for one, knows in zip(vectors, known, strict=True)
    ]
    count = np.maximum(np.sum(known, axis=0), 1).astype(np.float32)
    return torch.stack(told).sum(0) / torch.from_numpy(count).to(where)[:, None]
