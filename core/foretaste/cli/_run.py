"""``foretaste run``: an experiment from its file to figures and a bundle."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from foretaste.cli._options import AsJson, Assignments, ExperimentFile
from foretaste.cli._output import console, stdout_kept, write_json
from foretaste.cli._progress import progress


class DeviceName(StrEnum):
    """The devices that a run can ask for."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class ControlName(StrEnum):
    """The controls that a run can do."""

    permuted = "permuted"


def run(
    experiment: ExperimentFile,
    assignments: Assignments = None,
    new: Annotated[bool, typer.Option("--new", help="Replace another run in the output folder.")] = False,
    control: Annotated[
        ControlName | None,
        typer.Option(help="Fit again with the source's people shuffled: what then still helps is not taste."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to write; left out, the experiment's output.", readable=False),
    ] = None,
    device: Annotated[
        DeviceName, typer.Option(help="Where to train, for strategies that can choose.")
    ] = DeviceName.auto,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Threads to train with; left out, the experiment's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment: choose, fit, and measure beside the baselines.

    Plugins that the experiment names are loaded, and so their code runs.
    """
    from foretaste.cli._show import show_transfer
    from foretaste.experiment import read_experiment
    from foretaste.platform import run_experiment

    spec, _ = read_experiment(experiment, assignments)
    with stdout_kept(as_json), progress(hidden=as_json) as tell:
        result = run_experiment(
            experiment,
            assignments=assignments or [],
            new=new,
            control=None if control is None else "permuted",
            output=output,
            device=device.value,
            threads=threads,
            progress=tell,
        )
    if as_json:
        write_json(result.model_dump_json(indent=2))
        return
    out = console()
    for transfer in result.transfers:
        show_transfer(out, transfer, result.metrics, output or experiment.parent / spec.output)
        if transfer is not result.transfers[-1]:
            out.print()
