"""The command line. The only part of foretaste that prints.

Each command is a file; what is heavy is imported inside it, so that ``foretaste --help`` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretaste.cli._app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; the ``foretaste`` script."""
    try:  # an interrupt may come while the commands are still being imported
        from foretaste.cli._app import app

        app(prog_name="foretaste")
    except KeyboardInterrupt:
        import sys

        sys.stderr.write("interrupted\n")
        sys.exit(130)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name != "app":
            raise AttributeError(f"module 'foretaste.cli' has no attribute {name!r}")
        from foretaste.cli._app import app

        return app
