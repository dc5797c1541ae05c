"""Files of arrays and ids, written and read back the same; and what shows that a file is the one that was written."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from foretaste.bundle._manifest import MANIFEST, FileEntry, IndexEntry, manifest_id
from foretaste.data import Index, sealed
from foretaste.errors import BundleError

Arrays = dict[str, NDArray[Any]]


def write_arrays(place: Path, arrays: Arrays) -> None:
    """Write all arrays, and read them back: safetensors writes what is not C-contiguous wrong, without a word."""
    whole = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}  # () stays ()
    save_file(whole, place)
    place.chmod(place.parent.stat().st_mode & 0o666)  # safetensors makes it the owner's alone
    with safe_open(place, framework="np") as written:
        for name, array in whole.items():
            back = written.get_tensor(name)
            equal_nan = array.dtype.kind == "f"
            if back.dtype != array.dtype or not np.array_equal(back, array, equal_nan=equal_nan):
                raise ValueError(f"array '{name}' did not come back as it was written")


def read_arrays(place: Path) -> Arrays:
    """Return all arrays, read-only."""
    with safe_open(place, framework="np") as stored:
        return {name: sealed(np.asarray(stored.get_tensor(name))) for name in stored.keys()}  # noqa: SIM118 - not a mapping


def write_ids(place: Path, index: Index) -> dict[str, Any]:
    """Write ids, and return their entry for a manifest."""
    written = BytesIO()
    pl.DataFrame({"id": index.ids}).write_ipc(written, compression="uncompressed")
    place.write_bytes(written.getbuffer())
    return {"file": place.name, "type": str(index.ids.dtype), "rows": len(index)}


def read_ids(folder: Path, entry: IndexEntry, kind: str) -> Index:
    """Return ids; ValueError for what is not a file of them."""
    content = BytesIO((folder / entry.file).read_bytes())  # not mapped: the file may be replaced
    try:
        ids = pl.read_ipc(content)["id"]
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"{entry.file}: not an Arrow file of ids: {error}") from error
    if str(ids.dtype) != entry.type or len(ids) != entry.rows:
        raise ValueError(f"{entry.file}: found {len(ids)} {ids.dtype}, expected {entry.rows} {entry.type}")
    return Index(ids, kind)


def verify(folder: Path, name: str, entry: FileEntry) -> None:
    """Raise BundleError unless a file has the size and the hash that its manifest says."""
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


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest beside the files that it is about, with their hashes and its own id."""
    whole = manifest | {"files": {file.name: _entry(file) for file in sorted(folder.iterdir())}}
    whole["id"] = manifest_id(whole)
    text = json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _entry(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        return {"sha256": hashlib.file_digest(stream, "sha256").hexdigest(), "bytes": file.stat().st_size}


def version_of_foretaste() -> str:
    """Return the version that writes."""
    try:
        return importlib.metadata.version("foretaste")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def sentence(error: Exception) -> str:
    """Return the first line of an error, and what a missing key is."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return (str(error).splitlines() or [type(error).__name__])[0]
