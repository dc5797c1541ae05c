"""From a user's YAML to a validated model, or to one error that lists everything wrong with the file."""

from __future__ import annotations

from foretaste.config._docstrings import field_docstrings
from foretaste.config._document import Document, KeyPath, Plain, dotted
from foretaste.config._model import StrictModel
from foretaste.config._override import override
from foretaste.config._validate import PlacedError, validate, validation_lines
from foretaste.config._yaml import parse_yaml, read_text, read_yaml

__all__ = [
    "Document",
    "KeyPath",
    "PlacedError",
    "Plain",
    "StrictModel",
    "dotted",
    "field_docstrings",
    "override",
    "parse_yaml",
    "read_text",
    "read_yaml",
    "validate",
    "validation_lines",
]
