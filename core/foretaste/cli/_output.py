"""Where the command line writes: answers to stdout, everything else to stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 400
"""Columns of a line that no terminal folds: nothing is cut or wrapped for ``grep``."""


def console() -> Console:
    """Return stdout, as wide as the terminal; in a pipe, wide enough for any table."""
    from rich.console import Console

    found = Console(highlight=False, markup=False, emoji=False)
    if found.is_terminal:
        return found
    return Console(highlight=False, markup=False, emoji=False, width=PIPE_WIDTH, file=cast(IO[str], _Trimmed()))


class _Trimmed:
    """Stdout in UTF-8, without the spaces that fill up the last column of a table."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        typer.echo("\n".join(line.rstrip() for line in text.split("\n")).encode(), nl=False)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def write_json(document: str | dict[str, Any]) -> None:
    """Write one JSON document to stdout, in UTF-8 whatever the terminal's encoding."""
    text = document if isinstance(document, str) else json.dumps(document, indent=2, ensure_ascii=False)
    typer.echo(text.encode())


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield what takes lines about the work going on: a spinner on a terminal, silence elsewhere."""
    from rich.console import Console
    from rich.markup import escape

    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield lambda message: None
        return
    with terminal.status("starting") as status:
        yield lambda message: status.update(escape(message))
