"""What every model of ours that is read from a file has in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

from foretaste.config._docstrings import field_docstrings


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys and numbers that are not finite.

    A docstring under a field becomes its description in the JSON Schema.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        """Describe the fields by what stands under them."""
        found = handler(core_schema)
        properties = handler.resolve_ref_schema(found).get("properties", {})
        for name, text in field_docstrings(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return found
