"""The one place where an exception becomes a message and an exit code.

2: the user can put it right, and the message says how. 1: a bug of ours. 130: interrupted.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from foretaste.cli._output import give_up_stdout, readable
from foretaste.errors import CancelledError, ForetasteError


class GuardedCommand(TyperCommand):
    """A command whose errors are told in a line, or with ``--debug`` as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        debug = bool(ctx.find_root().params.get("debug"))
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except CancelledError as error:
            typer.echo(readable(str(error)), err=True)
            raise typer.Exit(130) from None
        except ForetasteError as error:
            _tell(str(error), debug)
            raise typer.Exit(2) from None
        except SystemExit as error:  # we never raise it: a metric or a recommender of a plugin did
            _tell(f"a plugin tried to end the process (exit code {error.code})", debug)
            raise typer.Exit(2) from None
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            hint = "" if debug else "; this is a bug in foretaste or a plugin: run again with --debug"
            _tell(f"{type(error).__name__}: {lines[0]}{hint}", debug)
            raise typer.Exit(1) from None


class DebugAnywhere(TyperGroup):
    """A group that takes ``--debug`` after the command too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move ``--debug`` to the front, unless it stands after ``--``."""
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            args = ["--debug", *(arg for arg in args[:end] if arg != "--debug"), *args[end:]]
        return super().parse_args(ctx, args)

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the global options; ``--help`` and ``--version`` are answered here."""
        with _guarded():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _guarded():
            return super().invoke(ctx)


@contextmanager
def _guarded() -> Iterator[None]:
    """Tell what may happen anywhere: an interrupt, and an answer that cannot be written."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise
    except OSError as error:  # help and the like; what commands write goes through _output
        give_up_stdout()
        _tell(f"stdout: cannot be written: {error.strerror or error}", debug=False)
        raise typer.Exit(2) from None


def _tell(message: str, debug: bool) -> None:
    if debug:
        typer.echo(traceback.format_exc(), err=True, nl=False)
    typer.echo("error: " + "\n".join(readable(line) for line in message.split("\n")), err=True)
