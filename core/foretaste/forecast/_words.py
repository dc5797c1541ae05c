"""A forecast in plain sentences, the one that matters first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from foretaste.evaluation import FEW
from foretaste.forecast._newcomers import FACTORS

if TYPE_CHECKING:
    from foretaste.forecast._forecast import Expected, Forecast
    from foretaste.forecast._shift import Shift

PEOPLE_PER_FACTOR: Final = 10
"""With fewer a linear map between factors learns people by heart."""
THIN: Final = 3.0
"""Target rows per person: with more every pair of docs/benchmarks.md gained surely, with fewer every other one."""


def sentences(forecast: Forecast) -> list[str]:
    """Return what to expect, then what speaks for or against relying on it."""
    if forecast.reason is not None:
        return [f"no forecast: {forecast.reason}", *_shifts(forecast)]
    return [_headline(forecast.expected), *_reliance(forecast), *_shifts(forecast)]


def _headline(expected: Sequence[Expected]) -> str:
    """Return ``expect +0.020 to +0.040 ndcg@10 for newcomers, nothing for people with 3 target interactions``."""
    parts: list[str] = []
    unit, whom = " ndcg@10", "for newcomers"
    for one in expected:
        if one.rows is None:
            whom = "for people who keep half of their target interactions"
        elif one.rows:
            rows = str(one.rows) if one.rows <= FEW else f"more than {FEW}"
            whom = f"with {rows}" if len(parts) > 1 else f"for people with {rows} target interactions"
        gain = f"{one.low:+.3f} to {one.high:+.3f}{unit}" if one.low > 0 else "nothing"
        unit = unit if gain == "nothing" else ""
        parts.append(f"{gain} {whom}")
    return f"expect {', '.join(parts)}"


def _reliance(forecast: Forecast) -> Iterator[str]:
    assert forecast.detectable is not None
    assert forecast.target_rows is not None
    if forecast.leave_one_out is None:  # people are not shared
        yield (
            f"judged on {forecast.people:,} people of the target, {forecast.target_items:,} of its items and"
            f" {forecast.source_items:,} linked source items; gains below {forecast.detectable:.3f} would not show"
        )
        yield f"control: they gain {forecast.control:+.3f} where the source's items are shuffled"
        return
    yield (
        f"judged on {forecast.people:,} people with both histories, {forecast.source_items:,} source and"
        f" {forecast.target_items:,} target items; newcomers' gains below {forecast.detectable:.3f} would not show"
    )
    yield f"control: newcomers gain {forecast.control:+.3f} where source histories are those of the wrong people"
    if forecast.twins:
        yield f"twins: {forecast.twins:,} source items that the target has too are left out"
    needed = PEOPLE_PER_FACTOR * FACTORS
    if forecast.people < needed:
        yield f"overlap: {forecast.people:,} people are few: a map of {FACTORS} factors wants {needed}"
    yield f"to rank pairs: {forecast.leave_one_out:+.3f}, leave-one-person-out from source histories"
    if forecast.target_rows < THIN:
        yield (
            f"density: {forecast.target_rows:.1f} target interactions per person are few:"
            f" of the pairs that were measured with fewer than {THIN:.0f}, every other one gained surely"
        )


def _shifts(forecast: Forecast) -> Iterator[str]:
    for domain, whom, shift in (
        ("target", "the target's other people", forecast.target_shift),
        ("source", "people with source rows alone", forecast.source_shift),
    ):
        if shift is not None:
            yield _shift(domain, whom, shift)


def _shift(domain: str, whom: str, shift: Shift) -> str:
    line = (
        f"popularity in the {domain}: {shift.common:.0%} of it is common to people with both histories and {whom}"
        f" ({shift.people:,}), {shift.by_chance:.0%} by chance"
    )
    return f"{line}: they differ, and the forecast may not hold for these" if shift.shifted else line
