"""Folders that appear whole or not at all.

Everything is written to a temporary folder beside the versions, synced, and renamed to ``v{n}``; then the CURRENT
pointer is replaced. Readers see the old version or the new one. Two writers at once get two versions. A machine that
stops half-way may leave a ``.new-`` folder, which nobody reads.
"""

from __future__ import annotations

import errno
import re
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from foretaste.bundle._manifest import CURRENT
from foretaste.disk import sync

_VERSION = re.compile(r"v([0-9]+)")


def publish(folder: Path, write: Callable[[Path], None]) -> Path:
    """Make ``folder/v{n}`` of what ``write`` puts into the folder it is given, and let CURRENT name it.

    Whatever goes wrong before CURRENT names the new version, nothing of it is left behind; the error is passed on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f".new-{uuid.uuid4().hex}"
    try:
        made.mkdir()
        write(made)
        for file in made.iterdir():
            sync(file)
        sync(made)
        made = _take_version(folder, made)
        sync(folder)
        _point(folder, made.name)
    except BaseException:
        if not _is_current(folder, made.name):
            shutil.rmtree(made, ignore_errors=True)
        raise
    sync(folder)
    return made


def _take_version(folder: Path, made: Path) -> Path:
    """Rename to the next free version; another writer may have taken it since we looked."""
    while True:
        taken = [int(match[1]) for one in folder.iterdir() if (match := _VERSION.fullmatch(one.name))]
        version = folder / f"v{max(taken, default=0) + 1}"
        try:
            made.rename(version)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return version


def _point(folder: Path, version: str) -> None:
    pointer = folder / f".current-{uuid.uuid4().hex}"
    try:
        pointer.write_text(f"{version}\n", encoding="ascii")
        sync(pointer)
        pointer.replace(folder / CURRENT)
    except BaseException:
        pointer.unlink(missing_ok=True)
        raise


def _is_current(folder: Path, version: str) -> bool:
    try:
        return (folder / CURRENT).read_text(encoding="ascii").strip() == version
    except (OSError, ValueError):
        return False
