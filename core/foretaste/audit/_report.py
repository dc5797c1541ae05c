"""What the audit of one pair found, as counts, as one or two sentences, and as a verdict."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from foretaste.audit._twins import Twins, find_twins, shuffled, source_rows_of_people, stored
from foretaste.data import DomainPair, Interactions

Rows = NDArray[np.int64]

GIVEN_AWAY = 0.01
"""The share of test rows that twins may give away before it is a leak."""
_VARIANT_PEOPLE = 3


@dataclass(frozen=True)
class AuditReport:
    """Counts of one pair on the whole data. None means *not available*."""

    source: str
    """name of the source"""
    target: str
    """name of the target"""
    audited: bool
    """False where people are not shared: then there are no twins to look for"""
    twins: int
    """pairs of a source item and a target item with the same people"""
    twin_source_items: int
    """source items that have a twin"""
    twins_under_null: int
    """twins that are left when the source's people are shuffled: what chance makes"""
    equal_events: int | None
    """target rows whose person has a source row of the same time and value; None without times on both sides"""
    test_rows_given_away: float | None
    """share of the test rows whose person has a source row on a twin of the item, 0-1"""
    given_away_under_null: float | None
    """the same share when the source's people are shuffled: what chance gives away, as on items that everyone has"""
    source_rows_after_test: int | None
    """source rows of test people that are later than the person's first test row"""
    variants: int
    """pairs of target items with exactly the same people, at least 3"""

    @property
    def leaks(self) -> bool:
        """Whether twins give away more than 1 % of the test rows beyond what they do by chance."""
        if self.test_rows_given_away is None or self.given_away_under_null is None:
            return False
        return self.test_rows_given_away - self.given_away_under_null > GIVEN_AWAY

    def as_dict(self) -> dict[str, Any]:
        """Return all counts and ``leaks``, ready for JSON."""
        return {**asdict(self), "leaks": self.leaks}

    def sentence(self) -> str:
        """Return one or two plain sentences for the report."""
        place = f"{self.source} -> {self.target}"
        if not self.audited:
            return (
                f"{place}: people are not shared, so items that stand in both domains cannot be found by their people."
            )
        if not self.twins:
            return f"{place}: no item of the source has the same people as an item of the target."
        items = "source item has" if self.twin_source_items == 1 else "source items have"
        pairs = "pair" if self.twins == 1 else "pairs"
        found = (
            f"{place}: {self.twin_source_items:,} {items} the same people as an item of the target"
            f" ({self.twins:,} {pairs}; {self.twins_under_null:,} with people shuffled)."
        )
        if self.test_rows_given_away is None or self.given_away_under_null is None:
            return found
        share, by_chance = (f"{100 * share:.1f} %" for share in (self.test_rows_given_away, self.given_away_under_null))
        end = ", so the source leaks the test" if self.leaks else ""
        return f"{found} They give away {share} of the test rows ({by_chance} with people shuffled){end}."


def audit_pair(
    pair: DomainPair,
    test_rows: tuple[Rows, Rows] | None = None,
    test_times: NDArray[np.float64] | None = None,
    *,
    seed: int,
    twins: Twins | None = None,
) -> AuditReport:
    """Audit a pair on the whole data.

    ``test_rows`` are the user rows and item rows, in the target, that will be hidden; ``test_times`` their times.
    ``seed`` shuffles people for the null. ``twins`` are those of ``find_twins(pair)``, if they are at hand.
    """
    twins = find_twins(pair) if twins is None else twins
    null = shuffled(pair, seed)
    null_twins = find_twins(null)
    return AuditReport(
        source=pair.source.name,
        target=pair.target.name,
        audited=twins.audited,
        twins=len(twins),
        twin_source_items=len(np.unique(twins.source_rows)),
        twins_under_null=len(null_twins),
        equal_events=_equal_events(pair),
        test_rows_given_away=None if test_rows is None else _given_away(pair, twins, *test_rows),
        given_away_under_null=None if test_rows is None else _given_away(null, null_twins, *test_rows),
        source_rows_after_test=None if test_rows is None else _after_test(pair, test_rows[0], test_times),
        variants=_variants(pair.target.interactions),
    )


def _given_away(pair: DomainPair, twins: Twins, user_rows: Rows, item_rows: Rows) -> float | None:
    if not twins.audited or not len(user_rows):
        return None
    people, place = np.unique(user_rows, return_inverse=True)
    had = source_rows_of_people(pair)[people] @ twins.links(pair)  # (people, target items)
    return float(stored(had, place.astype(np.int64), item_rows).mean())


def _equal_events(pair: DomainPair) -> int | None:
    source, target = pair.source.interactions, pair.target.interactions
    if pair.user_links is None or source.times is None or target.times is None:
        return None
    theirs = _events(source).join(_people(pair), on="account").drop("account")
    ours = _events(target).rename({"account": "person"})
    return ours.join(theirs, on=["person", "time", "value"], how="semi").height


def _after_test(pair: DomainPair, user_rows: Rows, test_times: NDArray[np.float64] | None) -> int | None:
    source = pair.source.interactions
    if pair.user_links is None or source.times is None or test_times is None:
        return None
    first = pl.DataFrame({"person": user_rows, "time": test_times}).group_by("person").agg(pl.col("time").min())
    # an account that is linked to several people is later than the test as soon as one of them is tested
    by_account = first.join(_people(pair), on="person").group_by("account").agg(pl.col("time").min().alias("test"))
    return _events(source).join(by_account, on="account").filter(pl.col("time") > pl.col("test")).height


def _events(rows: Interactions) -> pl.DataFrame:
    return pl.DataFrame({"account": rows.user_rows, "time": rows.times, "value": rows.values})


def _people(pair: DomainPair) -> pl.DataFrame:
    assert pair.user_links is not None
    links = pair.user_links.tocoo()
    return pl.DataFrame({"account": links.row.astype(np.int64), "person": links.col.astype(np.int64)})


def _variants(rows: Interactions) -> int:
    items = rows.seen.T.tocsr()
    items.sort_indices()
    sets = Counter(
        items.indices[start:stop].tobytes() for start, stop in pairwise(items.indptr) if stop - start >= _VARIANT_PEOPLE
    )
    return sum(count * (count - 1) // 2 for count in sets.values())
