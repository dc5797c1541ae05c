"""How parameters move."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Movement:
    """How fast parameters move, and what holds them: see the fields of ``deep/finetune`` of these names."""

    learning_rate: float
    encoder_rate: float = 1.0
    thaw: int = 0
    pull: float = 0.0
    regularization: float = 0.0
    sparse: bool = False
