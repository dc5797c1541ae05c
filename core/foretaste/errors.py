"""Every error that foretaste raises on purpose.

ForetasteError
├── ConfigError         experiment.yaml, registry.yaml, a parameter
├── DataError           a table, a column, a row, an id
│   └── UnknownIdError  an id that the recommender does not know
├── PluginError         a plugin that cannot be used
│   └── MissingPackageError
├── StrategyError       a strategy that cannot serve this transfer, or broke while it did
├── BundleError         a saved recommender, or saved source knowledge, that is damaged or not one
├── OutputError         a folder or file that cannot be written, or a folder that holds another run
└── CancelledError      a run that was asked to stop, and did

A message says where, what was found and what was expected. The command line prints it and exits with 2
(with 130 for what was cancelled).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ForetasteError(Exception):
    """The root of foretaste's exception tree."""


class ConfigError(ForetasteError):
    """Something written in a file or passed as a parameter is wrong."""


class DataError(ForetasteError):
    """A table does not hold what it must."""


class UnknownIdError(DataError):
    """A user or item id that the recommender does not know, under ``on_unknown="error"``."""


class PluginError(ForetasteError):
    """A plugin is broken, misplaced, or written for another version of the hooks."""


class MissingPackageError(PluginError):
    """An optional package is not installed; the message names the extra that brings it."""


class StrategyError(ForetasteError):
    """A strategy cannot serve this transfer, or failed while it did."""


class BundleError(ForetasteError):
    """A bundle is truncated, changed, or of an unknown format."""


class OutputError(ForetasteError):
    """A folder or file cannot be written, or a folder holds another run."""


class CancelledError(ForetasteError):
    """A run stopped because it was asked to; an equal one goes on from there."""


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or an empty string."""
    near = get_close_matches(found, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
