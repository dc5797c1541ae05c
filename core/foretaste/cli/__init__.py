"""The command line. The only part of foretaste that prints.

Each command is a file; what is heavy is imported inside it, so that ``foretaste --help`` answers at once.
"""

from __future__ import annotations

from foretaste.cli._app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; the ``foretaste`` script."""
    app(prog_name="foretaste")
