"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# readable=False everywhere: typer would ask first, and tell how commands are used instead of what is wrong
ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="An experiment.yaml.", readable=False)]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Override a value of the experiment; may be given again."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document (see docs/json.md).")]
NoPlugins = Annotated[bool, typer.Option("--no-plugins", help="Load no plugin that the experiment names.")]
