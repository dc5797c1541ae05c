"""``foretaste compare``: a race over strategies, and the registry rule that it ends in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretaste.cli._options import AsJson, Assignments, DeviceName, ExperimentFile, OnDevice, Threads
from foretaste.cli._output import console, stdout_kept, write_json
from foretaste.cli._progress import progress
from foretaste.cli._run import Output

if TYPE_CHECKING:
    from rich.console import Console

    from foretaste.comparison import TransferComparison
    from foretaste.experiment import Experiment


class SearchName(StrEnum):
    """How settings can be found."""

    grid = "grid"
    optuna = "optuna"


def compare(
    experiment: ExperimentFile,
    assignments: Assignments = None,
    strategies: Annotated[
        list[str] | None,
        typer.Option("--strategy", metavar="NAME", help="Race this one; again for each. Left out: all that can serve."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="S", help="End within so many seconds.", min=1)
    ] = None,
    memory: Annotated[
        float | None, typer.Option("--memory", metavar="MB", help="What the process of a strategy may hold.", min=1)
    ] = None,
    no_control: Annotated[
        bool, typer.Option("--no-control", help="Do not race again with the source's people shuffled.")
    ] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="Measure what cannot win, too.")] = False,
    search: Annotated[SearchName, typer.Option("--search", help="How settings are found.")] = SearchName.grid,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="REGISTRY", help="Put what wins into this registry.yaml.", readable=False),
    ] = None,
    output: Output = None,
    device: OnDevice = DeviceName.auto,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Race strategies for each transfer on validation people, and measure them on others.

    Each fit is made in a process of its own, so that one that crashes or hangs is a line in the table. What was done is
    not done again when the same comparison is started once more. Plugins that the experiment names are loaded.
    """
    from foretaste.experiment import read_experiment
    from foretaste.platform import compare_experiment
    from foretaste.strategy import Budget

    spec, _ = read_experiment(experiment, assignments)
    if write is not None:
        _expect_rules(write, spec)
    with stdout_kept(as_json), progress(hidden=as_json) as tell:
        result = compare_experiment(
            experiment,
            assignments=assignments or [],
            strategies=strategies,
            budget=Budget(seconds, None if memory is None else int(memory * 1e6)),
            control=None if no_control else "permuted",
            thorough=thorough,
            search=search.value,
            output=output,
            device=device.value,
            threads=threads,
            progress=tell,
        )
    if as_json:
        write_json(result.model_dump_json(indent=2))
    else:
        out = console()
        for transfer in result.transfers:
            _show(out, transfer, result.metrics)
            out.print()
        for line in result.left_out:
            out.print(f"left out: {line}")
        out.print(f"written: {(output or experiment.parent / spec.output) / 'compare.json'}")
    if write is not None:
        count = _write_rules(write, result.transfers)
        if not as_json:
            out.print(f"rules written: {count} in {write}")


def _expect_rules(path: Path, experiment: Experiment) -> None:
    """Raise what would keep rules from being written, before it costs a race."""
    from foretaste.errors import ConfigError, OutputError
    from foretaste.registry import read_registry

    if path.exists():
        read_registry(path)
    elif not path.parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}")
    for spec in experiment.transfers:
        if len(spec.sources) > 1:
            raise ConfigError(
                f"{spec.place}: --write: found {len(spec.sources)} sources ({', '.join(spec.sources)}),"
                " expected one: a rule is about a pair"
            )
    first: dict[tuple[str, str], str] = {}
    for spec in experiment.transfers:
        pair = spec.sources[0], spec.target
        if pair in first:
            raise ConfigError(
                f"{spec.place}: --write: found {' -> '.join(pair)} again, after {first[pair]}; expected each pair once:"
                " a rule knows its domains' names alone, and the later one would replace the earlier"
            )
        first[pair] = spec.place


def _write_rules(path: Path, transfers: Sequence[TransferComparison]) -> int:
    """Write the rules of all transfers that can have one, and return how many; ConfigError names the others."""
    from foretaste.comparison import rule_of
    from foretaste.errors import ConfigError
    from foretaste.registry import write_rule

    refused = []
    for one in transfers:
        try:
            rule = rule_of(one)
        except ConfigError as error:
            refused.append(str(error))
            continue
        assert one.evidence is not None
        write_rule(path, rule, one.evidence)
    if refused:
        raise ConfigError("\n".join(refused))
    return len(transfers)


def _show(out: Console, result: TransferComparison, metrics: list[str]) -> None:
    from foretaste.cli._show import board, interval, judged, population_table, table

    out.print(f"{result.source} -> {result.target}", style="bold")
    out.print(f"{result.winner} wins; {judged(result.entry(result.winner), result.people, result.facts)}")
    lift = result.choice.lift
    out.print(f"chosen by validation in each repeat: {lift.metric} {interval(lift)} over {lift.over}")
    for line in result.trace:
        out.print(f"  {line}")
    for note in result.notes:
        out.print(f"note: {note}")
    out.print()
    out.print(board(result.leaderboard, metrics, out.width, result.winner, result.memory))
    out.print()
    if result.populations:
        out.print(population_table(result.populations, result.leaderboard, metrics[0]))
        out.print()
    if result.unmeasured:
        lines = table("not measured", "why", "validation", numbers=("validation",))
        for one in result.unmeasured:
            figure = "-" if one.validation is None else f"{one.validation:.4f}"
            lines.add_row(one.strategy, f"{one.state}: {one.reason}", figure)
        out.print(lines)
        out.print()
    out.print(f"audit: {result.audit.get('sentence') or 'nothing found'}")
