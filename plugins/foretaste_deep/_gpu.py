"""Whether there is a GPU: torch's to find, and imported for that alone."""

from __future__ import annotations


def unsupported(device: str) -> str | None:
    """Return why nothing can be trained on a device here, or None."""
    if device != "cuda":
        return None
    import torch

    return None if torch.cuda.is_available() else "torch sees no GPU here; expected cpu or auto"
