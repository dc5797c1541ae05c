"""Strategies that mix others, for each person or each group of people."""

from foretaste import Strategy, hookimpl
from foretaste_adaptive._gate import Gate
from foretaste_adaptive._stack import Stack

foretaste_api = 1


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Return the adaptive strategies."""
    return [Gate, Stack]
