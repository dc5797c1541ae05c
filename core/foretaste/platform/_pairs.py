"""Pairs that a glob found: one that cannot be served is left out with the reason, and not the end of all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from foretaste.errors import DataError, StrategyError
from foretaste.experiment import TransferSpec

T = TypeVar("T")


def servable(specs: Sequence[TransferSpec], make: Callable[[int], T]) -> tuple[dict[int, T], list[str]]:
    """Return what is made of each transfer, by its place, and a line for each that is left out.

    DataError or StrategyError for a transfer that is written out, and where nothing is left.
    """
    made: dict[int, T] = {}
    left_out: list[str] = []
    first: DataError | StrategyError | None = None
    for place, spec in enumerate(specs):
        try:
            made[place] = make(place)
        except (DataError, StrategyError) as error:
            if not spec.by_glob:
                raise
            first = first or error
            left_out.append(_reason(spec, error))
    if first is not None and not made:
        raise first
    return made, left_out


def served_or_told(
    specs: Sequence[TransferSpec], make: Callable[[int], T], told: Callable[[TransferSpec, str], T]
) -> list[T]:
    """Return of each transfer what is made of it, or what is ``told`` where it is left out; see ``servable``."""
    made, left_out = servable(specs, make)
    why = iter(left_out)
    return [made[place] if place in made else told(spec, next(why)) for place, spec in enumerate(specs)]


def _reason(spec: TransferSpec, error: Exception) -> str:
    """Return why a transfer cannot be served, in a line that names it."""
    pair, text = f"{'+'.join(spec.sources)} -> {spec.target}", " ".join(str(error).split())
    return text if text.startswith(pair) else f"{pair}: {text}"
