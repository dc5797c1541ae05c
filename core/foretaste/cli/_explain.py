"""``foretaste explain``: what would be chosen, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretaste.cli._options import AsJson, Assignments, ExperimentFile, NoPlugins
from foretaste.cli._output import console, stdout_kept, write_json
from foretaste.cli._show import table

if TYPE_CHECKING:
    from rich.console import Console

    from foretaste.forecast import Forecast
    from foretaste.platform import Explained


def explain(
    experiment: ExperimentFile,
    assignments: Assignments = None,
    no_plugins: NoPlugins = False,
    forecast: Annotated[bool, typer.Option("--forecast", help="Say what each source can bring, in seconds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say which rule would choose which strategy for each transfer, and what a fit of it would take.

    Fits nothing, but with a part of the people where the experiment's budget has seconds.

    The facts are those that the rules test: measured on the training data, after the hold-out. A forecast is made of
    the same, for each source by itself.
    """
    from foretaste.platform import explain_experiment

    with stdout_kept(as_json):
        explained = explain_experiment(
            experiment, assignments=assignments or [], no_plugins=no_plugins, forecasts=forecast
        )
    if as_json:
        write_json({"transfers": [_document(one) for one in explained]})
        return
    out = console()
    for one in explained:
        _show(out, one)
        if one is not explained[-1]:
            out.print()


def _document(one: Explained) -> dict[str, Any]:
    return {
        "source": one.source,
        "target": one.target,
        "facts": [facts.as_dict() for facts in one.facts],
        "decision": None if one.decision is None else asdict(one.decision),
        "notes": one.notes,
        "costs": [asdict(cost) for cost in one.costs],
        "forecasts": None if one.forecasts is None else [pair.as_dict() for pair in one.forecasts],
    }


def _show(out: Console, one: Explained) -> None:
    out.print(f"{one.source} -> {one.target}", style="bold")
    if one.decision is None:
        out.print(f"left out: {'; '.join(one.notes)}")
        return
    settings = ", ".join(f"{name}={value}" for name, value in one.decision.params.items()) or "tuned"
    out.print(f"{one.decision.strategy} ({settings}), by {one.decision.rule}")
    for line in one.decision.trace:
        out.print(f"  {line}")
    for cost in one.costs:
        out.print(str(cost))
    for note in one.notes:
        out.print(f"note: {note}")
    for pair in one.forecasts or ():
        show_forecast(out, pair.forecast, f"forecast of {pair.source} alone" if len(one.facts) > 1 else "forecast")
    out.print()
    sources = one.source.split("+") if len(one.facts) > 1 else [one.source]
    lines = table("fact", *sources, numbers=sources)
    for name in one.facts[0].names() if one.facts else []:
        lines.add_row(name, *(plain(facts.as_dict()[name]) for facts in one.facts))
    out.print(lines)


def show_forecast(out: Console, forecast: Forecast, called: str = "forecast") -> None:
    """Print what to expect, then what speaks for or against relying on it."""
    headline, *rest = forecast.sentences()
    out.print(f"{called}: {headline}")
    for sentence in rest:
        out.print(f"  {sentence}")


def plain(value: Any) -> str:
    """Return the value of a fact as registry.yaml would write it."""
    if value is None:
        return "not available"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
