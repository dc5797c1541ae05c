"""A recommender comes back from disk, bit for bit. Nothing of a bundle is run, and no plugin is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from scipy import sparse

from foretaste.bundle._files import read_arrays, read_ids, sentence, verify
from foretaste.bundle._manifest import ARRAYS, Manifest, manifest_in, version_folder
from foretaste.data import Feedback
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
        verify(folder, name, entry)
    try:
        return _rebuild(folder, manifest)
    except (SafetensorError, DataError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise BundleError(f"{folder}: its parts do not fit together: {sentence(error)}") from error
    except OSError as error:
        raise BundleError(f"{folder}: cannot be read: {error.strerror or error}") from error


def _rebuild(folder: Path, manifest: Manifest) -> Recommender:
    arrays = read_arrays(folder / ARRAYS)
    matrices = {name: _matrix(arrays, name, shape) for name, shape in manifest.matrices.items()}
    entries = {manifest.items, *manifest.history_items.values()}
    items = {entry: read_ids(folder, entry, "item") for entry in entries}
    roster = Roster(
        manifest.domains.target,
        manifest.domains.sources,
        read_ids(folder, manifest.users, "user"),
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


def _matrix(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, int]) -> sparse.csr_matrix:
    parts = tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    matrix = sparse.csr_matrix(parts, shape=shape)
    matrix.check_format(full_check=True)  # an index out of bounds would be read past the array's end
    return matrix


def _under(prefix: str, named: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}
