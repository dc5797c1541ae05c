"""What was carried from a source comes back from disk: knowledge of items, without the rows it came from.

Ids of the source's items go with it, as arrays are in the order of items. Nothing is in it of any person, unless that
is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError

from foretaste.bundle._files import read_arrays, read_ids, sentence, verify
from foretaste.bundle._manifest import (
    ARRAYS,
    CARRIED,
    MANIFEST,
    FeedbackFacts,
    FileEntry,
    IndexEntry,
    check_names,
    document_in,
    validated,
    version_folder,
)
from foretaste.config import StrictModel
from foretaste.data import Feedback, Index
from foretaste.errors import BundleError, DataError
from foretaste.strategy import Carried

CARRIED_FORMAT_VERSION = 1
Personal = Literal["rows per person", "user ids"]


class CarriedManifest(StrictModel):
    """What manifest.json says of saved source knowledge, verified."""

    format_version: int
    """Layout of the folder; old ones keep loading, newer ones are refused."""
    id: str
    """SHA-256 of the canonical JSON of all other keys."""
    kind: Literal["carried"]
    """Tells it from a recommender's."""
    strategy: str
    """The strategy that pretrained, and that alone can adapt."""
    params: dict[str, Any]
    """The settings that pretraining depended on."""
    foretaste: str
    """The version that wrote it."""
    source: str
    """The name of the domain."""
    contains: tuple[Personal, ...]
    """What it holds of people: nothing, unless that was asked for."""
    files: dict[str, FileEntry]
    """Size and hash of each file beside the manifest."""
    items: IndexEntry
    """Ids of the source's items."""
    users: IndexEntry | None
    """Ids of the source's people, where arrays have a row for each."""
    version: int
    """The strategy's own layout of the arrays (``Carried.version``)."""
    meta: dict[str, Any]
    """What the strategy notes beside arrays."""
    personal: tuple[str, ...]
    """Names of the arrays that have a row per person."""
    feedback: FeedbackFacts
    """How the source's values were read."""
    metadata: dict[str, Any]
    """Whatever the writer wanted to note: plugin and versions, seed, fingerprint of the rows."""


@dataclass(frozen=True, eq=False)
class SavedCarried:
    """Source knowledge as it lies in ``folder``: arrays, and the ids of the items (and people) that they are about."""

    carried: Carried
    manifest: CarriedManifest
    items: Index
    users: Index | None
    folder: Path

    @property
    def feedback(self) -> Feedback:
        """How the source's values were read."""
        return Feedback(**dict(self.manifest.feedback))


def load_carried(path: Path) -> SavedCarried:
    """Return what was saved in a folder (the version that CURRENT names), or in one version's folder.

    Size and hash of every file are verified before any is used, and no code is run. Raises BundleError for what is
    damaged, of a newer format, or no saved source knowledge.
    """
    folder = version_folder(path, "saved source knowledge")
    place = folder / MANIFEST
    found = document_in(folder, CARRIED_FORMAT_VERSION)
    if found.get("kind") != CARRIED:
        raise BundleError(
            f"{place}: is a recommender's, expected that of saved source knowledge, as pretrain writes it"
        )
    manifest = validated(CarriedManifest, found, place)
    indexes = [entry for entry in (manifest.items, manifest.users) if entry is not None]
    check_names(manifest.files, [ARRAYS, *(entry.file for entry in indexes)], place)
    for name, entry in manifest.files.items():
        verify(folder, name, entry)
    try:
        return _rebuild(folder, manifest)
    except (SafetensorError, DataError, ValueError, LookupError, TypeError) as error:
        raise BundleError(f"{folder}: its parts do not fit together: {sentence(error)}") from error
    except OSError as error:
        raise BundleError(f"{folder}: cannot be read: {error.strerror or error}") from error


def _rebuild(folder: Path, manifest: CarriedManifest) -> SavedCarried:
    arrays = read_arrays(folder / ARRAYS)
    items = read_ids(folder, manifest.items, "item")
    users = None if manifest.users is None else read_ids(folder, manifest.users, "user")
    for name in manifest.personal:
        if users is None or arrays[name].shape[:1] != (len(users),):
            raise ValueError(f"array '{name}' has not a row for each person")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"array '{name}' holds values that are not finite")
    carried = Carried(arrays, manifest.meta, manifest.version, manifest.personal)
    return SavedCarried(carried, manifest, items, users, folder)
