"""``foretaste registry check``: everything wrong with a registry.yaml, and evidence in it that is stale."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from foretaste.cli._options import AsJson
from foretaste.cli._output import console, stdout_kept, write_json
from foretaste.errors import ConfigError

if TYPE_CHECKING:
    from foretaste.registry import EvidenceReport, Registry

STALE: Final = 3
"""The exit code of a registry without mistakes some of whose evidence is stale."""


def check(
    path: Annotated[
        Path | None, typer.Argument(help="Left out, the registry that foretaste brings.", readable=False)
    ] = None,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Load no plugin: check the file alone, not what it names.")
    ] = False,
    experiment: Annotated[
        Path | None,
        typer.Option(metavar="EXPERIMENT", help="Compare evidence with the data of its domains.", readable=False),
    ] = None,
    older_than: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, help="Tell which evidence is older; that is no mistake.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a registry: its form, that what it names exists, and whether its evidence is stale (exit code 3).

    Strategies of a plugin that is not installed here are mistakes too; --no-plugins asks for the form alone.
    """
    from foretaste.registry import check_registry, read_registry, shipped_registry

    registry = shipped_registry() if path is None else read_registry(path)
    if not no_plugins:
        from foretaste.platform import Platform

        if problems := check_registry(registry, Platform().catalog):
            raise ConfigError("\n".join(problems))
    with stdout_kept(as_json):
        reports = _reports(registry, experiment, not no_plugins)
    count = len(registry.rules)
    what = "form" if no_plugins else "form, strategies and settings"
    if as_json:
        write_json({"registry": registry.origin, "rules": count, "evidence": [asdict(one) for one in reports]})
    else:
        out = console()
        out.print(f"{registry.origin}: {count} {'rule' if count == 1 else 'rules'}, no mistake found ({what})")
        for report in reports:
            for line in _lines(report, older_than):
                out.print(f"{report.rule}: {line}")
    if any(report.stale for report in reports):
        raise typer.Exit(STALE)


def _reports(registry: Registry, path: Path | None, plugins: bool) -> list[EvidenceReport]:
    from foretaste.registry import check_evidence

    if path is None:
        return check_evidence(registry)
    from foretaste.experiment import read_experiment
    from foretaste.platform import Platform

    experiment, _ = read_experiment(path)
    names = {name for rule in registry.rules if rule.evidence for name in rule.evidence.data}
    platform = Platform(entry_points=plugins)  # checking runs no code that a file names: not the experiment's plugins
    return check_evidence(registry, *platform.data_fingerprints(experiment, names, folder=path.parent))


def _lines(report: EvidenceReport, older_than: int | None) -> list[str]:
    old = [] if older_than is None or report.days <= older_than else [f"{report.days} days old"]
    return [
        *(f"stale: {line}" for line in report.stale),
        *(f"not compared: {line}" for line in report.not_compared),
        *old,
    ]
