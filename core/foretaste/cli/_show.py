"""What a run found out, as words and tables."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from foretaste.result import Cell, Control, Entry, Group, Lift, Population, TransferResult, Verdict

NARROW: Final = 100
"""A terminal of fewer columns has no room for all figures."""

_WORDS: Final[dict[Verdict, str]] = {
    "helps": "helps",
    "no evidence": "shows no evidence that it helps",
    "hurts": "hurts",
    "leak": "cannot be judged, as twins give test rows away",
    "baseline": "uses the target alone, so that nothing is carried over",
}


def table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    """Return an empty table without a frame; ``numbers`` are the columns that are set to the right.

    On a narrow terminal neither they nor the first column, which holds names, are folded.
    """
    from rich.table import Table

    lines = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        number = column in numbers
        whole = number or column == columns[0]
        lines.add_column(column, justify="right" if number else "left", no_wrap=whole, overflow="fold")
    return lines


def show_transfer(out: Console, result: TransferResult, metrics: Sequence[str], output: Path) -> None:
    """Print all that a reader wants to know of one transfer; ``output`` is the run's folder."""
    out.print(f"{result.source} -> {result.target}", style="bold")
    out.print(headline(result))
    for line in result.trace:
        out.print(f"  {line}")
    for note in result.notes:
        out.print(f"note: {note}")
    out.print()
    out.print(board(result.leaderboard, metrics, out.width, result.chosen))
    out.print()
    if result.populations:
        out.print(population_table(result.populations, result.leaderboard, metrics[0], result.handed_on.served_by))
        out.print()
    out.print(f"audit: {result.audit.get('sentence') or 'nothing found'}")
    if result.bundle is None:
        out.print("bundle: none")
        return
    # as a person would write it: an experiment's output is often ../../out
    bundle = os.path.normpath(output / result.bundle)
    out.print(f"bundle: {bundle}")
    out.print(f"recommend: {shlex.join(_asking(bundle))}", soft_wrap=True)  # whole, so that it can be pasted


def _asking(bundle: str) -> list[str]:
    """Return the command that recommends to one person: the first newcomer, if there is one."""
    from foretaste.bundle import load_bundle

    roster = load_bundle(Path(bundle)).roster
    user = str(roster.users.ids[int(roster.newcomers.argmax())])
    return [_program(), "recommend", bundle, *(["--"] if user.startswith("-") else []), user]


def _program() -> str:
    """Return what to type: a virtual environment that is not activated has no ``foretaste`` on the path."""
    called = sys.argv[0]
    return called if Path(called).name == "foretaste" and shutil.which("foretaste") is None else "foretaste"


def headline(result: TransferResult) -> str:
    """Return the choice and its verdict in one line."""
    served, lift = result.handed_on.served_by, result.handed_on.lift
    apart = [f"{name} for {group} people" for group, name in served.items() if name != result.chosen]
    head = ", but ".join([f"{result.chosen} is handed on", *([", ".join(apart)] if apart else [])])
    choice = judged(result.entry(result.rule_choice), result.people, result.facts)
    if result.chosen != result.rule_choice:
        why = f"the guard replaced {result.rule_choice}, which does worse on validation"
        return f"{head}: {why}; on the test people, {choice}"
    if not apart or lift is None:
        return choice
    together = f"together {lift.metric} {interval(lift)} over {lift.over}, {_counted(result.people)}"
    return f"{head}, where it does worse on validation: {together}; on its own, {choice}"


def judged(entry: Entry, people: int, facts: Sequence[Mapping[str, Any]]) -> str:
    """Return ``linear/naive-bayes helps: ndcg@10 +0.024 [+0.018, +0.030] over baseline/popular, 712 people``.

    ``facts`` are those of the pairs.
    """
    head = f"{entry.strategy} {_WORDS[entry.verdict]}"
    if entry.lift is None:
        return f"{head}, {_counted(people)}"
    line = f"{head}: {entry.lift.metric} {interval(entry.lift)} over {entry.lift.over}, {_counted(people)}"
    if entry.control != "not run":
        left, beyond = entry.control.lift, entry.control.beyond
        return f"{line}; {interval(beyond)} over itself with {_permuted(facts)} permuted, {interval(left)}"
    return f"{line}; control not run" if entry.verdict == "helps" else line


def _permuted(facts: Sequence[Mapping[str, Any]]) -> str:
    """Say what the control shuffles: the source's people, or its items, or both."""
    found = [(one["linked_users"] > 0, one["linked_items"] > 0 or not one["linked_users"]) for one in facts]
    people, items = (any(kind) for kind in zip(*found, strict=True))
    kinds = " and ".join(["people"] * people + ["items"] * items)
    return f"the source's {kinds}" if len(found) == 1 else f"the sources' {kinds}"


def interval(lift: Lift) -> str:
    """Return ``+0.024 [+0.018, +0.030]``."""
    return f"{lift.value:+.3f} [{lift.low:+.3f}, {lift.high:+.3f}]"


def _counted(people: int) -> str:
    return "1 person" if people == 1 else f"{people} people"


def board(
    entries: Sequence[Entry],
    metrics: Sequence[str],
    width: int,
    chosen: str,
    memory: Mapping[str, int] | None = None,
) -> Table:
    """Return a leaderboard; with ``memory`` (bytes by strategy) a column for it."""
    # where the table must be narrow, nothing is lost: the headline says that no control was run
    controlled = width >= NARROW or any(entry.control != "not run" for entry in entries)
    lines = table("strategy", *metrics, numbers=metrics)
    for column in ("lift", "verdict", *(["control"] if controlled else [])):
        lines.add_column(column, overflow="fold", min_width=8)  # the longest word of its lines
    lines.add_column("CPU s", justify="right", no_wrap=True)
    if memory:
        lines.add_column("MB", justify="right", no_wrap=True)
    for entry in entries:
        lines.add_row(
            f"{entry.strategy} *" if entry.strategy == chosen else entry.strategy,
            *(_figure(entry.metrics.get(metric)) for metric in metrics),
            "-" if entry.lift is None else interval(entry.lift),
            entry.verdict,
            *([_control(entry)] if controlled else []),
            f"{entry.cpu_seconds:.2f}{' (cached)' if entry.cached else ''}",
            *([f"{memory.get(entry.strategy, 0) / 1e6:.0f}"] if memory else []),
        )
    lines.caption = f"* {'is handed on' if memory is None else 'wins'}; lift in {metrics[0]}"
    lines.caption_justify = "left"
    return lines


def _control(entry: Entry) -> str:
    control: Control | str = entry.control
    if entry.verdict == "baseline":
        return "-"
    return control if isinstance(control, str) else interval(control.lift)


def population_table(
    groups: Sequence[Population], entries: Sequence[Entry], metric: str, served_by: Mapping[Group, str] | None = None
) -> Table:
    """Return one column for each group of people: the first metric, and the lift over what is best for them."""
    lines = table(metric, *(f"{one.population}, {_counted(one.people)}" for one in groups))
    for entry in entries:
        lines.add_row(entry.strategy, *(_for_them(one, entry.strategy, metric) for one in groups))
    lines.add_row("(lift over)", *(one.over for one in groups))
    if served_by is not None:
        lines.add_row("(served by)", *(served_by[one.population] for one in groups))
    return lines


def _for_them(one: Population, strategy: str, metric: str) -> str:
    figure = _figure(one.metrics.get(strategy, {}).get(metric))
    lift = one.lifts.get(strategy)
    return figure if lift is None else f"{figure}  {interval(lift)}"


def show_matrix(out: Console, cells: Sequence[Cell], metric: str) -> None:
    """Print what is handed on gains, sources down and targets across."""
    targets = list(dict.fromkeys(cell.target for cell in cells))
    lines = table("source", *targets)
    for source in dict.fromkeys(cell.source for cell in cells):
        found = [[_gain(cell) for cell in cells if (cell.source, cell.target) == (source, one)] for one in targets]
        lines.add_row(source, *("\n".join(one) or "-" for one in found))
    out.print(f"lift in {metric} of what is handed on, over the best baseline of each target:")  # a caption is folded
    out.print(lines)


def _gain(cell: Cell) -> str:
    return cell.verdict if cell.lift is None else f"{cell.lift.value:+.3f} {cell.verdict}"


def _figure(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}"
