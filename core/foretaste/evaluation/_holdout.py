"""Hold-outs: what is hidden from training, and whose hidden rows are asked for afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Domain, Interactions, Transfer, span
from foretaste.errors import DataError
from foretaste.experiment import (
    GivenHoldout,
    HoldoutSpec,
    LastItemsHoldout,
    NewcomersHoldout,
    RandomHoldout,
    TimeHoldout,
)

Population = Literal["newcomer", "few-shot", "warm"]
POPULATIONS: tuple[Population, ...] = get_args(Population)
FEW = 20
"""The most target rows in training that a few-shot person has."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A training transfer, and the hidden target rows (an Interactions over the same indexes).

    ``candidates`` (users, items): its stored entries are the only items to rank for each person; None for all items.
    """

    train: Transfer
    test: Interactions
    candidates: sparse.csr_matrix | None = None

    @cached_property
    def people(self) -> NDArray[np.int64]:
        """Rows of the people who have a preferred hidden row: those who are evaluated."""
        return np.unique(self.test.user_rows[self.test.preferred])

    @cached_property
    def raters(self) -> NDArray[np.int64]:
        """Rows of the people who have a hidden row, preferred or not: those whose predicted ratings are evaluated."""
        return np.unique(self.test.user_rows)

    @cached_property
    def truth(self) -> sparse.csr_matrix:
        """(people, items) the preferred hidden rows."""
        return self.test.preference[self.people]

    def populations(self, people: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (people,) 0 newcomer, 1 few-shot, 2 warm: by rows in the target's training data."""
        length = self.train.target.interactions.history[people]
        return np.where(length == 0, 0, np.where(length <= FEW, 1, 2))


def hold_out(transfer: Transfer, spec: HoldoutSpec, seed: int, *, remedied: Transfer | None = None) -> HeldOut:
    """Hide rows as ``spec`` says. The same seed hides the same rows.

    ``remedied`` is the same transfer with fewer source rows (twins dropped): it is what is trained on, while who is
    hidden goes by ``transfer``, so that a remedy never changes the test. Raises DataError where the data cannot be
    split that way (no times, no split column, nobody to hide).
    """
    rows = transfer.target.interactions
    trained = transfer if remedied is None else remedied
    candidates = None
    sources: dict[str, Interactions] = {}
    if isinstance(spec, NewcomersHoldout):
        hidden, test = _newcomers(transfer, spec, np.random.default_rng([seed, 1]))
    elif isinstance(spec, LastItemsHoldout):
        hidden = test = last_rows(rows, spec.n, np.random.default_rng([seed, 6]))
    elif isinstance(spec, TimeHoldout):
        hidden, sources = after(trained, spec)
        test = hidden
        _refuse_emptied(trained, sources, hidden)
    elif isinstance(spec, RandomHoldout):
        hidden = test = random_rows(rows, spec.fraction, np.random.default_rng([seed, 2]))
    else:
        hidden = test = _given(rows, spec)
        candidates = transfer.target.candidates
    return checked(replace(split(trained, hidden, test, sources), candidates=candidates))


def split(
    transfer: Transfer, hidden: NDArray[np.bool_], test: NDArray[np.bool_], sources: dict[str, Interactions]
) -> HeldOut:
    """Return the hold-out that these masks over the target's rows (and changed sources) make."""
    rows = transfer.target.interactions
    return HeldOut(prepared(transfer.replaced(rows.take(~hidden), sources)), rows.take(test))


def checked(held: HeldOut) -> HeldOut:
    """Return a hold-out that can be evaluated; DataError otherwise."""
    name = held.train.target.name
    if not len(held.people):
        raise DataError(f"{name}: the hold-out leaves nobody to evaluate{_why_nobody(held.test)}")
    if not len(held.train.target.interactions):
        least = held.train.target.minimum
        everything = least.user == least.item == 1
        why = ": it hides all" if everything else f" above minimum: {{user: {least.user}, item: {least.item}}}"
        raise DataError(f"{name}: the hold-out leaves no row to train on{why}")
    return held


def prepared(transfer: Transfer) -> Transfer:
    """Return what is trained on: each domain's minimum numbers of interactions applied, and no candidate lists.

    What a minimum dropped is in the notes of its domain, counted.
    """
    target = above_minimum(replace(transfer.target, candidates=None))  # a list holds the answer
    pairs = tuple(replace(pair, target=target, source=above_minimum(pair.source)) for pair in transfer.pairs)
    return replace(transfer, target=target, pairs=pairs)


def above_minimum(domain: Domain) -> Domain:
    """Return a domain without rows below its minimum numbers of interactions, with a note of what that dropped."""
    rows, least = domain.interactions, domain.minimum
    if least.user == least.item == 1:
        return domain
    keep = (rows.popularity_of_rows[rows.item_rows] >= least.item) & (rows.history[rows.user_rows] >= least.user)
    if keep.all():
        return domain
    left = replace(rows.take(keep), dropped=rows.take(~keep))
    users = int((rows.history > 0).sum() - (left.history > 0).sum())
    items = int((rows.popularity_of_rows > 0).sum() - (left.popularity_of_rows > 0).sum())
    note = (
        f"{len(rows) - len(left)} of {len(rows)} training rows dropped (minimum),"
        f" and with them all of {users} users and {items} items"
    )
    return domain.with_interactions(left).noted(note)


def _why_nobody(test: Interactions) -> str:
    if not len(test):
        return ": it hides no row of the target"
    if test.feedback.kind != "explicit":
        return ""
    least = test.feedback.positive_min
    return (
        f": none of the {len(test)} hidden ratings is a preference (positive.min is {least:g});"
        " are these ratings, or should feedback be implicit?"
    )


def _newcomers(
    transfer: Transfer, spec: NewcomersHoldout, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    shared = transfer.shared_people
    if not len(shared):
        raise DataError(
            f"{transfer.place}: holdout newcomers needs people with rows on both sides; there are none"
            f" ({_who_is_who(transfer)}holdout: {{kind: random}} needs nobody in common)"
        )
    hidden_people = rng.permutation(shared)[: max(1, round(spec.fraction * len(shared)))]
    return hide_people(transfer.target.interactions, hidden_people, spec, rng)


def _who_is_who(transfer: Transfer) -> str:
    """Say what declares people, where nothing does."""
    if any(pair.user_links is not None for pair in transfer.pairs):
        return ""
    items = any(pair.item_links is not None for pair in transfer.pairs)
    shared = "shared: both, or users beside links of items," if items else "shared: users"
    return f"nothing says who is who: set {shared} if equal ids are the same people; "


def hide_people(
    rows: Interactions, people: NDArray[np.int64], spec: NewcomersHoldout, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks of the rows hidden and of the rows tested when these people are newcomers."""
    chosen = np.zeros(len(rows.users), bool)
    chosen[people] = True
    place = _places_in_history(rows, rng)
    mine = chosen[rows.user_rows]
    return mine & (place >= spec.visible), mine & (place >= max([spec.visible, *spec.levels]))


def _places_in_history(rows: Interactions, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return each row's place in its person's history: by time, ties and missing times by lot."""
    lot = rng.random(len(rows))
    time = np.zeros(len(rows)) if rows.times is None else rows.times
    order = np.lexsort((lot, time, rows.user_rows))
    ordered = rows.user_rows[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    places = np.empty(len(rows), np.int64)
    places[order] = np.arange(len(rows)) - starts
    return places


def last_rows(rows: Interactions, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the mask of each person's last ``n`` rows; people with no more rows than that keep them."""
    if rows.times is None:
        raise DataError("holdout last-items needs timestamps in the target")
    places = _places_in_history(rows, rng)
    length = rows.history[rows.user_rows]
    return (places >= length - n) & (length > n)


def random_rows(rows: Interactions, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a random mask: each row by its own lot."""
    return rng.random(len(rows)) < fraction


def after(transfer: Transfer, spec: TimeHoldout) -> tuple[NDArray[np.bool_], dict[str, Interactions]]:
    """Return the mask of the target's rows after the instant, and the sources without theirs."""
    rows = transfer.target.interactions
    for domain in (transfer.target, *(pair.source for pair in transfer.pairs)):
        if domain.interactions.times is None:
            raise DataError(f"holdout time needs timestamps; {domain.name} has none")
    assert rows.times is not None
    instant = spec.at if spec.at is not None else float(np.quantile(rows.times, 1 - spec.fraction))
    sources = {}
    for pair in transfer.pairs:
        theirs = pair.source.interactions
        assert theirs.times is not None
        sources[pair.source.name] = theirs.take(theirs.times <= instant)
    return rows.times > instant, sources


def _refuse_emptied(transfer: Transfer, left: Mapping[str, Interactions], hidden: NDArray[np.bool_]) -> None:
    """Raise DataError where a source has rows, and all of them are later than the instant."""
    for pair in transfer.pairs:
        rows, there = pair.source.interactions, transfer.target.interactions
        if len(rows) and not len(left[pair.source.name]):
            assert rows.times is not None
            assert there.times is not None
            theirs, apart = f"those of the target {span(there.times)}", rows.times.min() > there.times.max()
            kept = "" if apart or hidden.all() else f", those that it keeps {span(there.times[~hidden])}"
            why = "are both in seconds?" if apart else "holdout: {at: ...} sets another instant"
            raise DataError(
                f"{transfer.place}: holdout time leaves no row of {pair.source.name}: its times are {span(rows.times)},"
                f" {theirs}{kept}; {why}"
            )


def _given(rows: Interactions, spec: GivenHoldout) -> NDArray[np.bool_]:
    if rows.splits is None:
        raise DataError(
            "holdout given needs a split column in the target (columns: {split: name}),"
            " or files of hidden rows (holdout.files: {test: path})"
        )
    hidden = np.asarray(rows.splits == spec.test, bool)
    if not hidden.any():
        found = ", ".join(sorted({str(s) for s in set(rows.splits.tolist())}))
        raise DataError(f"holdout given: no row is called '{spec.test}'; found {found}")
    return hidden
