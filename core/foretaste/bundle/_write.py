"""A recommender goes to disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from scipy import sparse

from foretaste.bundle._files import Arrays, version_of_foretaste, write_arrays, write_ids, write_manifest
from foretaste.bundle._manifest import (
    ARRAYS,
    FORMAT_VERSION,
    RATING_ARRAYS,
    RatingFacts,
    canonical,
)
from foretaste.bundle._publish import publish
from foretaste.errors import OutputError
from foretaste.recommender import KINDS, Recommender, Roster


def save_bundle(
    recommender: Recommender,
    folder: Path,
    *,
    strategy: str,
    params: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
    histories: bool = True,
) -> Path:
    """Write ``folder/v{n}``, n the next free number, let ``folder/CURRENT`` name it, and return it.

    ``params`` and ``metadata`` must be JSON-ready; a time of creation and plugin versions are metadata, so that equal
    recommenders get equal ids. ``histories=False`` leaves out people's histories and seen items: then nothing seen is
    kept out of an answer, a FactorModel cannot explain, and a HistoryModel answers its people by popularity until
    their history is given with the question.

    Raises OutputError, and leaves nothing behind, where the folder cannot be written or the recommender is of a kind
    that no bundle holds.
    """
    folder = Path(folder)
    if KINDS.get(recommender.kind) is not type(recommender):
        raise OutputError(
            f"{folder}: cannot save a {type(recommender).__name__}: no bundle could be loaded as one;"
            f" expected {', '.join(kind.__name__ for kind in KINDS.values())}"
        )
    about = {"strategy": strategy, "params": dict(params), "metadata": dict(metadata or {})}
    try:
        about = json.loads(canonical(about))  # as it will be read: JSON has no keys but strings, and the id their order
        return publish(folder, lambda made: _write(recommender, made, about, histories))
    except OSError as error:
        raise OutputError(f"{folder}: cannot save the recommender: {error.strerror or error}") from error
    except (SafetensorError, TypeError, ValueError) as error:
        raise OutputError(f"{folder}: cannot save the recommender: {error}") from error


def _write(recommender: Recommender, made: Path, about: Mapping[str, Any], histories: bool) -> None:
    roster = recommender.roster
    arrays, facts = recommender.arrays()
    kept = recommender.histories() if histories else {}
    matrices = {f"history.{name}": matrix for name, matrix in kept.items()}
    if histories and roster.seen is not None:
        matrices["roster.seen"] = roster.seen
    ids = _write_indexes(recommender, made)
    write_arrays(made / ARRAYS, _all_arrays(recommender, arrays, matrices))
    manifest = {
        "format_version": FORMAT_VERSION,
        "kind": recommender.kind,
        "foretaste": version_of_foretaste(),
        "domains": {"target": roster.target, "sources": list(roster.sources)},
        "contains": _contents(arrays, kept, roster, "roster.seen" in matrices),
        "matrices": {name: [int(side) for side in matrix.shape] for name, matrix in matrices.items()},
        "facts": facts,
        **_rating_facts(roster),
        "feedback": {name: asdict(one) for name, one in roster.feedback.items()},
        **about,
        **ids,
    }
    write_manifest(made, manifest)


def _all_arrays(recommender: Recommender, arrays: Arrays, matrices: Mapping[str, sparse.csr_matrix]) -> Arrays:
    found: Arrays = {f"model.{name}": array for name, array in arrays.items()}
    found |= {"roster.popularity": recommender.roster.popularity, "roster.paths": recommender.roster.paths}
    if recommender.roster.rating_scale is not None:
        found |= {f"rating.{name}": getattr(recommender.roster.rating_scale, name) for name in RATING_ARRAYS}
    for name, matrix in matrices.items():
        found |= {f"{name}.{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}
    return found


def _rating_facts(roster: Roster) -> dict[str, Any]:
    scale = roster.rating_scale
    return (
        {} if scale is None else {"ratings": {name: float(getattr(scale, name)) for name in RatingFacts.model_fields}}
    )


def _write_indexes(recommender: Recommender, made: Path) -> dict[str, Any]:
    roster = recommender.roster
    items = write_ids(made / "items.arrow", roster.items)
    others: dict[str, Any] = {}
    for number, (name, index) in enumerate(recommender.indexes().items(), 1):
        others[name] = items if index == roster.items else write_ids(made / f"items.{number}.arrow", index)
    return {"users": write_ids(made / "users.arrow", roster.users), "items": items, "history_items": others}


def _contents(arrays: Arrays, kept: Iterable[str], roster: Roster, seen: bool) -> list[str]:
    kept = {name.partition("+")[0] for name in kept}  # a blend may keep several readings of one domain
    held = {
        "factors": any(name.rsplit(".")[-1] == "user_factors" for name in arrays),
        "seen items": seen,
        "source histories": any(name in roster.sources for name in kept),
        "target histories": roster.target in kept,
        "user features": any(name not in (roster.target, *roster.sources) for name in kept),
    }
    return [what for what, is_held in held.items() if is_held]
