"""How parameters move, and how far they went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Movement:
    """How fast parameters move, and what holds them: see the fields of ``deep/finetune`` of these names."""

    learning_rate: float
    encoder_rate: float = 1.0
    thaw: int = 0
    pull: float = 0.0
    regularization: float = 0.0
    sparse: bool = False


def remember(model: nn.Module, parameters: Mapping[str, nn.Parameter]) -> None:
    """Keep where parameters begin: on the device where the model is, and in no state of it."""
    for name, held in parameters.items():
        model.register_buffer(_start(name), held.detach().clone(), persistent=False)


def began(model: nn.Module, name: str) -> torch.Tensor:
    """Return where a remembered parameter began."""
    return model.get_buffer(_start(name))


def distance(model: nn.Module, name: str, held: nn.Parameter) -> torch.Tensor:
    """Return the squared distance of a remembered parameter to there."""
    return functional.mse_loss(held, began(model, name), reduction="sum")


def _start(name: str) -> str:
    return f"start_of_{name.replace('.', '_')}"
