"""``foretaste schema``: the JSON Schema of a configuration file, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from foretaste.cli._output import write_json


class ConfigFile(StrEnum):
    """The files that have a schema."""

    experiment = "experiment"
    registry = "registry"


def schema(
    what: Annotated[ConfigFile, typer.Argument(help="Which file.")] = ConfigFile.experiment,
) -> None:
    """Print the JSON Schema of experiment.yaml or registry.yaml."""
    if what is ConfigFile.registry:
        from foretaste.registry import RegistryFile

        write_json(RegistryFile.model_json_schema())
    else:
        from foretaste.experiment import Experiment

        write_json(Experiment.model_json_schema())
