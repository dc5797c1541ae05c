"""The members of a blend: whether they go together, and how they lie in the arrays of one bundle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import Index, sealed
from foretaste.recommender._gates import Gate
from foretaste.recommender._guarded_gate import gate_arrays, gate_from
from foretaste.recommender._interface import Recommender
from foretaste.recommender._kinds import PLAIN
from foretaste.recommender._rating_scale import RatingScale
from foretaste.recommender._roster import Roster

_NUMBERS, _OFFSETS = ("mean", "lowest", "highest"), ("user_offset", "item_offset")


def check_members(roster: Roster, members: Mapping[str, Recommender]) -> None:
    """Raise ValueError unless all are of the roster's people, items and training data."""
    if not members:
        raise ValueError("members: found none, expected one at least")
    for name, member in members.items():
        mine = member.roster
        for what in ("target", "sources", "users", "items"):
            if getattr(mine, what) != getattr(roster, what):
                raise ValueError(f"member '{name}': found other {what} than those of the blend")
        if not np.array_equal(mine.popularity, roster.popularity) or not _alike(mine.seen, roster.seen):
            raise ValueError(f"member '{name}': was fitted on other rows of '{roster.target}' than the blend")


def joined_items(found: Iterable[Mapping[str, Index]]) -> dict[str, Index]:
    """Return by domain the items that any of several readers knows: those of the one that knows most come first.

    A reader may leave out what says nothing to it, as one that goes by shared items does with a source's other items.
    """
    read: dict[str, list[Index]] = {}
    for mine in found:
        for domain, index in mine.items():
            read.setdefault(domain, []).append(index)
    joined = {}
    for domain, indexes in read.items():
        first, *others = sorted(indexes, key=len, reverse=True)
        for other in others:
            first = first if other is first else first.extended(other.ids)
        joined[domain] = first
    return joined


def places_in(joined: Mapping[str, Index], mine: Mapping[str, Index]) -> dict[str, NDArray[np.int64]]:
    """Return by domain where a reader's items stand in the joined ones; nothing where they are the same."""
    others = {domain: index for domain, index in mine.items() if index != joined[domain]}
    return {domain: sealed(joined[domain].rows(index.ids)) for domain, index in others.items()}


def shared_histories(
    members: Mapping[str, Recommender],
) -> tuple[dict[str, sparse.csr_matrix], dict[str, dict[str, str]]]:
    """Return the members' histories, those that are alike once, and by member and domain the key of its own.

    The first of a domain has its name, others ``books+2`` and so on: ``+`` stands in no domain's name.
    """
    kept: dict[str, sparse.csr_matrix] = {}
    places: dict[str, dict[str, str]] = {}
    for name, member in members.items():
        places[name] = {}
        for domain, matrix in member.histories().items():
            key = next(key for key in _keys(domain) if key not in kept or _alike(kept[key], matrix))
            kept.setdefault(key, matrix)
            places[name][domain] = key
    return kept, places


def _keys(domain: str) -> Iterator[str]:
    yield domain
    number = 2
    while True:
        yield f"{domain}+{number}"
        number += 1


def _alike(one: sparse.csr_matrix | None, other: sparse.csr_matrix | None) -> bool:
    if one is None or other is None:
        return one is other
    parts = ("indptr", "indices", "data")
    return bool(one.shape == other.shape) and all(
        mine is theirs or (mine.dtype == theirs.dtype and np.array_equal(mine, theirs))
        for mine, theirs in ((getattr(one, part), getattr(other, part)) for part in parts)
    )


def blend_arrays(
    members: Mapping[str, Recommender], gate: Gate, columns: Sequence[Mapping[str, NDArray[np.int64]]]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return members and gate as arrays and facts, without the histories. ValueError for what no bundle holds."""
    arrays, gate_facts = gate_arrays(gate)
    arrays = {f"gate.{part}": array for part, array in arrays.items()}
    listed = []
    _, places = shared_histories(members)
    for number, (name, member) in enumerate(members.items()):
        if PLAIN.get(member.kind) is not type(member):
            raise ValueError(f"member '{name}' is a {type(member).__name__}, which no bundle holds")
        mine, facts = member.arrays()
        arrays |= {f"member.{number}.model.{part}": array for part, array in mine.items()}
        arrays[f"member.{number}.paths"] = member.roster.paths
        arrays |= {f"member.{number}.items.{domain}": place for domain, place in columns[number].items()}
        about: dict[str, Any] = {"name": name, "kind": member.kind, "facts": facts, "histories": places[name]}
        if (scale := member.roster.rating_scale) is not None:
            arrays |= {f"member.{number}.rating.{part}": getattr(scale, part) for part in _OFFSETS}
            about["ratings"] = {part: float(getattr(scale, part)) for part in _NUMBERS}
        listed.append(about)
    return arrays, {"members": listed, "gate": gate_facts}


def blend_from(
    roster: Roster,
    arrays: Mapping[str, NDArray[Any]],
    facts: Mapping[str, Any],
    indexes: Mapping[str, Index],
    histories: Mapping[str, sparse.csr_matrix],
) -> tuple[dict[str, Recommender], Gate]:
    """Rebuild what ``blend_arrays`` gave."""
    members = {}
    for number, about in enumerate(facts["members"]):
        scale = None
        if "ratings" in about:
            offsets: dict[str, Any] = {part: arrays[f"member.{number}.rating.{part}"] for part in _OFFSETS}
            scale = RatingScale(**about["ratings"], **offsets)
        members[about["name"]] = PLAIN[about["kind"]].from_arrays(
            replace(roster, paths=arrays[f"member.{number}.paths"], rating_scale=scale),
            _under(f"member.{number}.model.", arrays),
            about["facts"],
            dict(indexes) | _own_items(indexes, _under(f"member.{number}.items.", arrays)),
            {domain: histories[key] for domain, key in about["histories"].items() if key in histories},
        )
    return members, gate_from(_under("gate.", arrays), facts["gate"])


def _own_items(joined: Mapping[str, Index], places: Mapping[str, NDArray[np.int64]]) -> dict[str, Index]:
    for name, place in places.items():
        if place.size and not 0 <= place.min() <= place.max() < len(joined[name]):
            raise ValueError(f"items of '{name}': found places that are none of the {len(joined[name])} items")
    return {name: Index(joined[name].ids.gather(place), joined[name].kind) for name, place in places.items()}


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
