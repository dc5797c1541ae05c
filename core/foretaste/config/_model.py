"""What every model of ours that is read from a file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys and numbers that are not finite.

    A docstring under a field becomes its description in the JSON Schema.
    """

    model_config = ConfigDict(
        extra="forbid", defer_build=True, frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )
