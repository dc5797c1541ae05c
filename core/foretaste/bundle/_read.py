"""A recommender comes back from disk, bit for bit. Nothing of a bundle is run, and no plugin is imported."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from scipy import sparse

from foretaste.bundle._manifest import ARRAYS, FileEntry, IndexEntry, Manifest, manifest_in, version_folder
from foretaste.data import Feedback, Index, sealed
from foretaste.errors import BundleError, DataError
from foretaste.recommender import KINDS, RatingScale, Recommender, Roster


def load_bundle(path: Path) -> Recommender:
    """Return the recommender in a bundle folder (the version that CURRENT names) or in one version's folder.

    Size and hash of every file are verified before any is used. Raises BundleError for a bundle that is damaged, of a
    newer format, or not one at all.
    """
    folder = version_folder(path)
    manifest = manifest_in(folder)
    if manifest.kind not in KINDS:
        raise BundleError(f"{folder}: found kind '{manifest.kind}', expected one of {', '.join(sorted(KINDS))}")
    for name, entry in manifest.files.items():
        _verify(folder, name, entry)
    try:
        return _rebuild(folder, manifest)
    except (SafetensorError, DataError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise BundleError(f"{folder}: its parts do not fit together: {_sentence(error)}") from error
    except OSError as error:
        raise BundleError(f"{folder}: cannot be read: {error.strerror or error}") from error


def _verify(folder: Path, name: str, entry: FileEntry) -> None:
    place = folder / name
    try:
        if place.resolve().parent != folder.resolve():
            raise BundleError(f"{place}: leads out of the bundle, to {place.resolve()}")
        if not place.is_file():
            raise BundleError(f"{place}: is missing, expected {entry.bytes} bytes")
        size = place.stat().st_size
        if size != entry.bytes:
            raise BundleError(f"{place}: found {size} bytes, expected {entry.bytes}; is it truncated?")
        with place.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{place}: cannot be read: {error.strerror or error}") from error
    if found != entry.sha256:
        raise BundleError(f"{place}: changed since it was written: found SHA-256 {found}, expected {entry.sha256}")


def _rebuild(folder: Path, manifest: Manifest) -> Recommender:
    arrays = _read_arrays(folder / ARRAYS)
    matrices = {name: _matrix(arrays, name, shape) for name, shape in manifest.matrices.items()}
    entries = {manifest.items, *manifest.history_items.values()}
    items = {entry: _read_ids(folder, entry, "item") for entry in entries}
    roster = Roster(
        manifest.domains.target,
        manifest.domains.sources,
        _read_ids(folder, manifest.users, "user"),
        items[manifest.items],
        arrays["roster.popularity"],
        arrays["roster.paths"],
        matrices.get("roster.seen"),
        None if manifest.ratings is None else RatingScale(**dict(manifest.ratings), **_under("rating.", arrays)),
        {name: Feedback(**dict(facts)) for name, facts in manifest.feedback.items()},
    )
    return KINDS[manifest.kind].from_arrays(
        roster,
        _under("model.", arrays),
        manifest.facts,
        {name: items[entry] for name, entry in manifest.history_items.items()},
        _under("history.", matrices),
    )


def _read_arrays(place: Path) -> dict[str, NDArray[Any]]:
    with safe_open(place, framework="np") as stored:
        return {name: sealed(np.asarray(stored.get_tensor(name))) for name in stored.keys()}  # noqa: SIM118 - not a mapping


def _matrix(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, int]) -> sparse.csr_matrix:
    parts = tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    matrix = sparse.csr_matrix(parts, shape=shape)
    matrix.check_format(full_check=True)  # an index out of bounds would be read past the array's end
    return matrix


def _read_ids(folder: Path, entry: IndexEntry, kind: str) -> Index:
    content = BytesIO((folder / entry.file).read_bytes())  # not mapped: the file may be replaced
    try:
        ids = pl.read_ipc(content)["id"]
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"{entry.file}: not an Arrow file of ids: {error}") from error
    if str(ids.dtype) != entry.type or len(ids) != entry.rows:
        raise ValueError(f"{entry.file}: found {len(ids)} {ids.dtype}, expected {entry.rows} {entry.type}")
    return Index(ids, kind)


def _under(prefix: str, named: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def _sentence(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return (str(error).splitlines() or [type(error).__name__])[0]
