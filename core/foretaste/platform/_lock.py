"""One run at a time in a folder.

The lock is the operating system's, on a file in the folder: it ends with its process, however that ends. A file that
is left behind locks nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from foretaste.errors import OutputError

LOCK = ".foretaste.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder, other processes' and this one's. OutputError where another is there."""
    place = folder / LOCK
    try:
        descriptor = _take(place)
    except BlockingIOError as error:
        raise OutputError(
            f"{folder}: another run{_whose(place)} is writing there; wait for it, or choose another output folder"
        ) from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        _sign(descriptor, folder)
        yield
    finally:
        with suppress(OSError):
            place.unlink()  # before the lock ends, or it could be the next one's
        os.close(descriptor)


def _take(place: Path) -> int:
    import fcntl  # not everywhere, and only runs need it

    while True:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, place):  # else it was removed, by the run before, since we opened it
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sign(descriptor: int, folder: Path) -> None:
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError as error:  # a full disk
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error


def _is_at(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False


def _whose(place: Path) -> str:
    try:
        found = place.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return f" (process {found})" if found.isdigit() else ""
