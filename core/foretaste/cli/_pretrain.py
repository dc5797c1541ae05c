"""``foretaste pretrain``: what one source teaches, saved for many targets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from foretaste.cli._options import AsJson, Assignments, DeviceName, ExperimentFile, OnDevice, Threads
from foretaste.cli._output import console, stdout_kept, write_json
from foretaste.cli._progress import progress


def pretrain(
    experiment: ExperimentFile,
    source: Annotated[str, typer.Option(metavar="NAME", help="The domain of the experiment to learn from.")],
    strategy: Annotated[str, typer.Option(metavar="NAME", help="A portable strategy, such as align/ridge.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where to save what is carried.", readable=False)],
    params: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="A=B", help="A setting of its pretraining; may be given again."),
    ] = None,
    assignments: Assignments = None,
    with_people: Annotated[
        bool, typer.Option("--with-people", help="Save what has a row per person too, and the ids of people.")
    ] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Left out, the experiment's.")] = None,
    device: OnDevice = DeviceName.auto,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Pretrain a strategy on one source, and save what it carries: no row of the source, and nothing of any person.

    Plugins that the experiment names are loaded, and so their code runs.
    """
    from foretaste.bundle import load_carried
    from foretaste.errors import ConfigError
    from foretaste.platform import pretrain_experiment

    if seed is not None and seed < 0:
        raise ConfigError(f"--seed: found {seed}, expected a whole number of at least 0")
    seeded = [] if seed is None else [f"seed={seed}"]
    with stdout_kept(as_json), progress(hidden=as_json) as tell:
        folder = pretrain_experiment(
            experiment,
            source,
            strategy,
            _settings(params or []),
            assignments=[*(assignments or []), *seeded],
            output=output,
            people=with_people,
            device=device.value,
            threads=threads,
            progress=tell,
        )
    said = load_carried(folder).manifest
    if as_json:
        keys = ("id", "strategy", "params", "source", "contains")
        write_json({"folder": str(folder), **{key: getattr(said, key) for key in keys}, "items": said.items.rows})
        return
    out = console()
    held = f"of people: {', '.join(said.contains)}" if said.contains else "nothing of any person"
    out.print(f"{said.strategy} carries {said.items.rows} items of {said.source}; {held}")
    out.print(f"saved: {folder}")


def _settings(params: list[str]) -> Mapping[str, object]:
    from foretaste.config import Document, override

    return override(Document({}, "--param"), params, "--param").data
