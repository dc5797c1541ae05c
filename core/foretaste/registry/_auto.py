"""``auto`` in place of a strategy: a race says which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import pydantic
from pydantic import Field

from foretaste.config import StrictModel, validation_lines
from foretaste.errors import ConfigError

AUTO: Final = "auto"


class Auto(StrictModel):
    """How a run races for its strategy."""

    seconds: Annotated[float, Field(gt=0)] | None = None
    """Wall time of the race; left out, it takes as long as it takes."""


def read_auto(params: Mapping[str, Any]) -> Auto:
    """Return the settings of a race; ConfigError lists every wrong one."""
    try:
        return Auto.model_validate(dict(params))
    except pydantic.ValidationError as error:
        raise ConfigError("\n".join(validation_lines(error, Auto, AUTO))) from error
