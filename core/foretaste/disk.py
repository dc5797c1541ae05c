"""What was written is on the disk, and not only on its way there; and a file is replaced whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from foretaste.errors import OutputError


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, would outlast the machine's stopping."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes, before: bytes | None) -> bool:
    """Put ``content`` in the place of a file that holds ``before`` (None: that is not there), in one step.

    Returns False, and changes nothing, where the file holds something else by now. A symlink stays one, and the file
    keeps its permissions. OutputError, with the file as it was, where it cannot be written.
    """
    place = Path(os.path.realpath(path))
    part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
    try:
        if before is not None and not os.access(place, os.W_OK):
            raise PermissionError(None, "it is read-only")
        with part.open("xb") as file:
            file.write(content)
        if before is not None:
            _like(place, part)
        sync(part)
        if not _replaced(place, part, before):
            return False
        sync(place.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return True


def _like(place: Path, part: Path) -> None:
    shutil.copymode(place, part)
    owner = place.stat()
    with suppress(OSError):  # another's file, in a folder that we may write to
        os.chown(part, owner.st_uid, owner.st_gid)


def _replaced(place: Path, part: Path, before: bytes | None) -> bool:
    """Rename, unless the file was changed since; one process of ours at a time looks and renames in a folder."""
    import fcntl  # not everywhere, and only writing needs it

    folder = os.open(place.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folder
            fcntl.flock(folder, fcntl.LOCK_EX)
        if (place.read_bytes() if place.exists() else None) != before:
            return False
        part.replace(place)
    finally:
        os.close(folder)
    return True
