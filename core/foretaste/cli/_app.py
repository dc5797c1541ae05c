"""The typer application: global options and the list of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from foretaste.cli._compare import compare
from foretaste.cli._doctor import doctor
from foretaste.cli._explain import explain
from foretaste.cli._facts import facts
from foretaste.cli._guard import DebugAnywhere, GuardedCommand
from foretaste.cli._plugins import plugins
from foretaste.cli._pretrain import pretrain
from foretaste.cli._recommend import recommend
from foretaste.cli._registry import check
from foretaste.cli._run import adapt, run
from foretaste.cli._schema import schema

app = typer.Typer(
    cls=DebugAnywhere,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _command in (run, compare, pretrain, adapt, explain, facts, recommend, plugins, schema, doctor):
    app.command(cls=GuardedCommand)(_command)
_registry = typer.Typer(no_args_is_help=True, help="Look after a registry.yaml.", rich_markup_mode=None)
_registry.callback()(lambda: None)
_registry.command(cls=GuardedCommand)(check)
app.add_typer(_registry, name="registry")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"foretaste {version('foretaste')}")
        raise typer.Exit


@app.callback()
def foretaste(
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error; also accepted after the command.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Carry taste from one domain to another: a platform for cross-domain recommendation."""
