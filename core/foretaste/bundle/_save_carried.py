"""What was carried from a source goes to disk, without the rows it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from foretaste.bundle._carried import CARRIED_FORMAT_VERSION
from foretaste.bundle._files import Arrays, version_of_foretaste, write_arrays, write_ids, write_manifest
from foretaste.bundle._manifest import ARRAYS, CARRIED, canonical
from foretaste.bundle._publish import publish
from foretaste.data import Domain, Index
from foretaste.errors import OutputError, StrategyError
from foretaste.strategy import Carried, Strategy, pretraining_settings


def save_carried(
    carried: Carried,
    source: Domain,
    folder: Path,
    *,
    strategy: Strategy,
    people: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``folder/v{n}``, n the next free number, let ``folder/CURRENT`` name it, and return it.

    ``source`` is the domain that ``strategy`` pretrained on: its item ids go in, none of its rows. Arrays with a row
    per person (``carried.personal``), and then the ids of people, go in with ``people=True`` alone.

    Raises StrategyError where the strategy is not portable or nothing is left without people, OutputError where the
    folder cannot be written.
    """
    folder, arrays = Path(folder), _kept(carried, source, strategy, people)
    personal = [name for name in carried.personal if name in arrays]
    try:
        about = json.loads(
            canonical(
                {
                    "format_version": CARRIED_FORMAT_VERSION,
                    "kind": CARRIED,
                    "strategy": strategy.name,
                    "params": pretraining_settings(strategy),
                    "foretaste": version_of_foretaste(),
                    "source": source.name,
                    "contains": ["rows per person", "user ids"] if personal else [],
                    "version": carried.version,
                    "meta": dict(carried.meta),
                    "personal": personal,
                    "feedback": asdict(source.interactions.feedback),
                    "metadata": dict(metadata or {}),
                }
            )
        )
        users = source.interactions.users if personal else None
        return publish(folder, lambda made: _write(made, about, arrays, source.interactions.items, users))
    except OSError as error:
        raise OutputError(f"{folder}: cannot save what was carried: {error.strerror or error}") from error
    except (SafetensorError, TypeError, ValueError) as error:
        raise OutputError(f"{folder}: cannot save what was carried: {error}") from error


def _kept(carried: Carried, source: Domain, strategy: Strategy, people: bool) -> Arrays:
    if not strategy.portable:
        raise StrategyError(
            f"{strategy.name}: is not portable: what it carries is of no use without the rows of {source.name}"
        )
    if carried.version != strategy.carried_version:
        raise StrategyError(
            f"{strategy.name}: pretrain returned layout {carried.version}, expected {strategy.carried_version}, as"
            " carried_version says"
        )
    for name, array in carried.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise StrategyError(f"{strategy.name}: carried array '{name}' holds values that are not finite")
    count = len(source.interactions.users)
    for name in carried.personal:
        if name not in carried.arrays or carried.arrays[name].shape[:1] != (count,):
            raise StrategyError(
                f"{strategy.name}: personal names '{name}', which has not a row for each of {count} people"
            )
    if people:
        return dict(carried.arrays)
    kept = {name: array for name, array in carried.arrays.items() if name not in carried.personal}
    for name, array in kept.items():
        # rather a refusal too many than a row of somebody
        if array.shape[:1] == (count,) and count != len(source.interactions.items):
            raise StrategyError(
                f"{strategy.name}: array '{name}' has {count} rows, as many as there are people; a strategy names such"
                " arrays in Carried.personal, and they are saved with people only"
            )
    if carried.personal and not kept:
        raise StrategyError(
            f"{strategy.name}: all that it carries from {source.name} has a row per person, and can be saved with"
            " people only"
        )
    return kept


def _write(made: Path, about: dict[str, Any], arrays: Arrays, items: Index, users: Index | None) -> None:
    write_arrays(made / ARRAYS, arrays)
    ids = {
        "items": write_ids(made / "items.arrow", items),
        "users": None if users is None else write_ids(made / "users.arrow", users),
    }
    write_manifest(made, about | ids)
