"""``foretaste plugins``: what was found, what was loaded, and why something was not."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from foretaste.cli._options import AsJson
from foretaste.cli._output import console, stdout_kept, write_json
from foretaste.cli._show import table

if TYPE_CHECKING:
    from rich.table import Table

    from foretaste.plugins import PluginReport


def plugins(as_json: AsJson = False) -> None:
    """Say which installed plugins are loaded, and what each brings."""
    from foretaste.platform import Platform

    with stdout_kept(as_json):
        reports = Platform().reports
    if as_json:
        write_json({"plugins": [asdict(report) for report in reports]})
    else:
        console().print(_table(list(reports)))


def _table(reports: list[PluginReport]) -> Table:
    lines = table("plugin", "state", "from", "strategies", "reason")
    for report in reports:
        origin = f"{report.distribution} {report.version}" if report.distribution else "-"
        lines.add_row(report.name, report.state, origin, ", ".join(report.strategies) or "-", report.reason or "-")
    return lines
