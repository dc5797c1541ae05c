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
    place, count = own.device, np.sum(known, axis=0)
    total = torch.zeros_like(own)
    for vectors, knows in zip(others, known, strict=True):
        total = total + vectors * torch.from_numpy(knows.astype(np.float32)).to(place)[:, None]
    mapped = total / torch.from_numpy(np.maximum(count, 1).astype(np.float32)).to(place)[:, None]
    trust = np.where(count > 0, own_share(shown, kappa), 1.0).astype(np.float32)
    share = torch.from_numpy(trust).to(place)[:, None]
    return share * own + (1 - share) * mapped
