"""Where the command line writes: answers to stdout, everything else to stderr."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import IO, TYPE_CHECKING, Any, Final, cast

import typer

from foretaste.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 400
"""Columns of a line that no terminal folds: nothing is cut or wrapped for ``grep``."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys, breaks a line at or cannot show: control characters, directions, half characters."""


def console() -> Console:
    """Return stdout, as wide as the terminal; in a pipe, wide enough for any table.

    Text is printed as ``readable`` text.
    """
    from rich.console import Console

    class Readable(Console):
        def render_str(self, text: str, **options: Any) -> Any:
            return super().render_str(readable(text), **options)

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError(errno.EPIPE, "the reader went away")  # and not SystemExit, as plugins might

    found = Readable(highlight=False, markup=False, emoji=False)
    if found.is_terminal:
        return found
    return Readable(highlight=False, markup=False, emoji=False, width=PIPE_WIDTH, file=cast(IO[str], _Trimmed()))


def readable(text: str) -> str:
    r"""Return a line with ``\x1b`` and the like for what a terminal would obey instead of showing it."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


class _Trimmed:
    """Stdout in UTF-8, without the spaces that fill up the last column of a table."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        _write("\n".join(line.rstrip() for line in text.split("\n")).encode(), nl=False)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def write_json(document: str | dict[str, Any]) -> None:
    """Write one JSON document to stdout, in UTF-8 whatever the terminal's encoding."""
    text = document if isinstance(document, str) else json.dumps(document, indent=2, ensure_ascii=False)
    _write(text.encode(), nl=True)


def _write(text: bytes, *, nl: bool) -> None:
    try:
        typer.echo(text, nl=nl)
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_stdout()
        raise OutputError(f"stdout: cannot be written: {error.strerror or error}") from error


def give_up_stdout() -> None:
    """Let what is left in stdout's buffer go nowhere, as Python would fail once more when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def stdout_kept(wanted: bool) -> Iterator[None]:
    """Send to stderr what plugins print meanwhile, where stdout must hold our one document and nothing else."""
    if not wanted:
        yield
        return
    with _descriptor_kept(), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _descriptor_kept() -> Iterator[None]:
    """Do so for child processes and compiled code too, which do not ask ``sys.stdout``."""
    kept = _descriptor_moved()
    if kept is None:
        yield
        return
    try:
        yield
    finally:
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()  # what was written past the redirection
        os.dup2(kept, 1)
        os.close(kept)


def _descriptor_moved() -> int | None:
    """Let descriptor 1 lead to stderr; return where it led before, None where one of them is closed."""
    try:
        os.fstat(2)
        kept = os.dup(1)
    except OSError:
        return None
    os.dup2(2, 1)
    return kept
