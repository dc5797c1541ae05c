"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class DeviceName(StrEnum):
    """The devices that can be asked for."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


# readable=False everywhere: typer would ask first, and tell how commands are used instead of what is wrong
ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="An experiment.yaml.", readable=False)]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Override a value of the experiment; may be given again."),
]
OnDevice = Annotated[DeviceName, typer.Option("--device", help="Where to train, for strategies that can choose.")]
Threads = Annotated[
    int | None, typer.Option("--threads", metavar="N", help="Threads to train with; left out, the experiment's.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document (see docs/json.md).")]
NoPlugins = Annotated[bool, typer.Option("--no-plugins", help="Load no plugin that the experiment names.")]
