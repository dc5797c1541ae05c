"""manifest.json: what a bundle holds, and the hashes that show that it still does.

Unknown keys are refused, and the id covers every byte of meaning: a change by hand is damage like any other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic

from foretaste.config import StrictModel
from foretaste.errors import BundleError

FORMAT_VERSION = 1
MANIFEST, CURRENT, ARRAYS = "manifest.json", "CURRENT", "arrays.safetensors"

RATING_ARRAYS = ("user_offset", "item_offset")
"""Arrays of a rating scale; in the array file as ``rating.user_offset`` and so on."""

CARRIED = "carried"
"""The kind of saved source knowledge, which no recommender has."""

Contents = Literal["factors", "seen items", "source histories", "target histories", "user features"]

_VERSION_NAME = re.compile(r"v[1-9][0-9]*")
_FILE_NAME = re.compile(r"[a-z0-9]+(\.[a-z0-9]+)+")
_MOST_BYTES = 64 * 2**20


class Ends(StrictModel):
    """The domains of a transfer, by name."""

    target: str
    sources: tuple[str, ...]


class FileEntry(StrictModel):
    """What a file must be before it is used."""

    sha256: str
    bytes: int


class IndexEntry(StrictModel):
    """A file of ids; row order is array order."""

    file: str
    type: Literal["Int64", "String"]
    rows: int


class RatingFacts(StrictModel):
    """What a rating scale has beside its arrays."""

    mean: float
    lowest: float
    highest: float


class FeedbackFacts(StrictModel):
    """How values of a domain are read, in training and in a history that comes with a question."""

    kind: Literal["explicit", "implicit"]
    positive_min: float
    weighting: Literal["binary", "log1p", "raw"]


class Manifest(StrictModel):
    """What manifest.json says, verified."""

    format_version: int
    """Layout of the bundle; old ones keep loading, newer ones are refused."""
    id: str
    """SHA-256 of the canonical JSON of all other keys: equal recommenders with equal metadata have equal ids."""
    kind: str
    """Kind of recommender, a key of ``foretaste.recommender.KINDS``."""
    strategy: str
    """The strategy that made it, for the record: loading does not need it."""
    params: dict[str, Any]
    """Settings of the strategy."""
    foretaste: str
    """The version that wrote the bundle."""
    domains: Ends
    """Names of the target and its sources."""
    contains: tuple[Contents, ...]
    """What it holds about people: vectors (``factors``), seen items, histories."""
    files: dict[str, FileEntry]
    """Size and hash of each file beside the manifest."""
    users: IndexEntry
    """Ids of the people."""
    items: IndexEntry
    """Ids of the target's items."""
    history_items: dict[str, IndexEntry]
    """Per domain whose history can be read, the ids of its items."""
    matrices: dict[str, tuple[int, int]]
    """Shape of each sparse matrix, whose data, indices and indptr are in the array file."""
    facts: dict[str, Any]
    """What the recommender needs beside arrays."""
    ratings: RatingFacts | None = None
    """How scores become ratings; left out where the recommender predicts none."""
    feedback: dict[str, FeedbackFacts] = {}
    """Per domain, how its values were read; left out by older versions, whose histories bring weights as they count."""
    metadata: dict[str, Any]
    """Whatever the writer wanted to note: plugin versions, fingerprints, metrics, a time."""


def canonical(manifest: dict[str, Any]) -> bytes:
    """Return the bytes that the id is the hash of. Raises TypeError or ValueError for what is not JSON."""
    plain = {key: value for key, value in manifest.items() if key != "id"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def manifest_id(manifest: dict[str, Any]) -> str:
    """Return the id of a manifest."""
    return hashlib.sha256(canonical(manifest)).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of a bundle folder (the version that CURRENT names) or of one version's folder.

    Raises BundleError where there is none, or it is damaged or newer than this foretaste. Files are not looked at.
    """
    return manifest_in(version_folder(path))


def version_folder(path: Path, what: str = "a bundle") -> Path:
    """Return the folder that holds the manifest: ``path`` itself, or the version that its CURRENT names."""
    path = Path(path)
    try:
        return _version_in(path, what)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error


def _version_in(path: Path, what: str) -> Path:
    if (path / MANIFEST).is_file():
        return path
    if not path.is_dir():
        raise BundleError(f"{path}: not {what}: expected a folder, found {'a file' if path.exists() else 'nothing'}")
    if not (path / CURRENT).is_file():
        lacks = f"{MANIFEST} is missing" if (path / ARRAYS).is_file() else f"expected {CURRENT} or {MANIFEST} in it"
        raise BundleError(f"{path}: not {what}: {lacks}{_bundles_below(path)}")
    named = _read(path / CURRENT).decode(errors="replace").strip()
    if not _VERSION_NAME.fullmatch(named):
        raise BundleError(f"{path / CURRENT}: found {named[:40]!r}, expected a version such as v1")
    if not (path / named / MANIFEST).is_file():
        raise BundleError(f"{path / CURRENT}: names {named}, but {named}/{MANIFEST} is missing")
    return path / named


def _bundles_below(path: Path) -> str:
    """Name the bundle that an output folder or its ``bundles`` holds: who asks for these means one of them."""
    found = sorted(place.parent for pattern in (f"*/{CURRENT}", f"bundles/*/{CURRENT}") for place in path.glob(pattern))
    return f"; did you mean '{found[0]}'?" if found else ""


def manifest_in(folder: Path) -> Manifest:
    """Return the verified manifest of the bundle in one version's folder."""
    place = folder / MANIFEST
    found = document_in(folder, FORMAT_VERSION)
    if found.get("kind") == CARRIED:
        raise BundleError(f"{place}: is what was carried from a source, expected a recommender; adapt makes one of it")
    manifest = validated(Manifest, found, place)
    check_names(manifest.files, _needed(manifest), place)
    return manifest


M = TypeVar("M", bound=StrictModel)


def validated(kind: type[M], found: dict[str, Any], place: Path) -> M:
    """Return a manifest as a model; BundleError where it is none."""
    try:
        return kind.model_validate(found)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{place}: {where}: {first['msg']}") from error


def document_in(folder: Path, newest: int) -> dict[str, Any]:
    """Return the manifest of one version's folder, of a format that is known, and with the id that it says."""
    place = folder / MANIFEST
    try:
        found = json.loads(_read(place))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{place}: not JSON: {error}") from error
    version = found.get("format_version") if isinstance(found, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleError(f"{place}: not a bundle's manifest: expected format_version {newest}")
    if version > newest:
        raise BundleError(
            f"{place}: found format_version {version}, expected {newest} at most; a newer foretaste reads it"
        )
    _check_id(found, place)
    return dict(found)


def _check_id(found: dict[str, Any], place: Path) -> None:
    try:
        expected = manifest_id(found)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{place}: not JSON: {error}") from error
    if found.get("id") != expected:
        raise BundleError(f"{place}: damaged: its id is {found.get('id')!r}, its contents have {expected!r}")


def _needed(manifest: Manifest) -> list[str]:
    indexes = [manifest.users, manifest.items, *manifest.history_items.values()]
    return [ARRAYS, *(entry.file for entry in indexes)]


def check_names(files: Collection[str], needed: Iterable[str], place: Path) -> None:
    """Raise BundleError unless all files have plain names, and those that are needed are among them."""
    for name in files:
        if not _FILE_NAME.fullmatch(name):
            raise BundleError(f"{place}: file {name!r}: expected a plain name such as {ARRAYS}, without a folder")
    for name in needed:
        if name not in files:
            raise BundleError(f"{place}: file {name!r} is needed but not listed")


def _read(place: Path) -> bytes:
    try:
        size = place.stat().st_size
        if size > _MOST_BYTES:
            raise BundleError(f"{place}: found {size} bytes, expected {_MOST_BYTES} at most")
        return place.read_bytes()
    except OSError as error:
        raise BundleError(f"{place}: cannot be read: {error.strerror}") from error
