"""``foretaste registry check``: everything wrong with a registry.yaml, before any data is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretaste.cli._output import console
from foretaste.errors import ConfigError


def check(
    path: Annotated[
        Path | None, typer.Argument(help="Left out, the registry that foretaste brings.", readable=False)
    ] = None,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Load no plugin: check the file alone, not what it names.")
    ] = False,
) -> None:
    """Check a registry: its form, and that the strategies and settings it names exist.

    Strategies of a plugin that is not installed here are mistakes too; --no-plugins asks for the form alone.
    """
    from foretaste.registry import check_registry, read_registry, shipped_registry

    registry = shipped_registry() if path is None else read_registry(path)
    if not no_plugins:
        from foretaste.platform import Platform

        if problems := check_registry(registry, Platform().catalog):
            raise ConfigError("\n".join(problems))
    count = len(registry.rules)
    what = "form" if no_plugins else "form, strategies and settings"
    console().print(f"{registry.origin}: {count} {'rule' if count == 1 else 'rules'}, no mistake found ({what})")
