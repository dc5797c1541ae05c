"""``foretaste run`` and ``foretaste adapt``: an experiment from its file to figures and a bundle."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from foretaste.cli._options import AsJson, Assignments, DeviceName, ExperimentFile, OnDevice, Threads
from foretaste.cli._output import console, stdout_kept, write_json
from foretaste.cli._progress import progress


class ControlName(StrEnum):
    """The controls that a run can do."""

    permuted = "permuted"


New = Annotated[bool, typer.Option("--new", help="Replace another run in the output folder.")]
Control = Annotated[
    ControlName | None,
    typer.Option(help="Fit again with the source's people shuffled: what then still helps is not taste."),
]
Output = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where to write; left out, the experiment's output.", readable=False)
]


def run(
    experiment: ExperimentFile,
    assignments: Assignments = None,
    new: New = False,
    control: Control = None,
    output: Output = None,
    device: OnDevice = DeviceName.auto,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment: choose, fit, and measure beside the baselines.

    Plugins that the experiment names are loaded, and so their code runs.
    """
    _run(experiment, [], assignments, new, control, output, device, threads, as_json)


def adapt(
    experiment: ExperimentFile,
    carried: Annotated[
        list[Path], typer.Option(metavar="DIR", help="What pretrain wrote; again for each source.", readable=False)
    ],
    assignments: Assignments = None,
    new: New = False,
    control: Control = None,
    output: Output = None,
    device: OnDevice = DeviceName.auto,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment with what was pretrained before: measured like any, and nothing is pretrained again.

    Plugins that the experiment names are loaded, and so their code runs.
    """
    _run(experiment, carried, assignments, new, control, output, device, threads, as_json)


def _run(
    experiment: Path,
    carried: list[Path],
    assignments: list[str] | None,
    new: bool,
    control: ControlName | None,
    output: Path | None,
    device: DeviceName,
    threads: int | None,
    as_json: bool,
) -> None:
    from foretaste.cli._show import show_matrix, show_transfer
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
            carried=carried,
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
    if len(result.transfers) > 1:
        out.print()
        show_matrix(out, result.matrix, result.metrics[0])
    for line in result.left_out:
        out.print(f"left out: {line}")
