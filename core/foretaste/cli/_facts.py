"""``foretaste facts``: two files, measured against each other without a configuration."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretaste.cli._explain import plain, show_forecast
from foretaste.cli._options import AsJson
from foretaste.cli._output import console, write_json
from foretaste.cli._show import table

if TYPE_CHECKING:
    from rich.table import Table

    from foretaste.audit import AuditReport, Twins
    from foretaste.data import PairFacts, Transfer
    from foretaste.experiment import NewcomersHoldout


class SharedIds(StrEnum):
    """What two files may share."""

    users = "users"
    items = "items"
    both = "both"


def facts(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="A CSV, TSV or Parquet file, or a folder of parts.", readable=False),
    ],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Likewise.", readable=False)],
    shared: Annotated[SharedIds, typer.Option(help="What equal ids of the two files mean: the same users, items.")],
    as_json: AsJson = False,
) -> None:
    """Print the facts of a pair of files, what the leak audit finds, and what transfer can bring.

    Facts are measured on all rows, as nothing is hidden yet. The audit asks which rows of the default hold-out of
    newcomers the source would give away. The forecast is made on a sample, before anything is fitted.
    """
    from foretaste.audit import find_twins
    from foretaste.data import PairFacts
    from foretaste.forecast import forecast

    transfer = _transfer(source, target, shared.value)
    measured = PairFacts.of(transfer.pair)
    twins = find_twins(transfer.pair)
    report, holdout = _audit(transfer, twins)
    expected = forecast(transfer.pair, seed=_seed(), twins=twins)
    if as_json:
        write_json(
            {
                "facts": measured.as_dict(),
                "audit": _audit_document(report, holdout),
                "forecast": expected.as_dict(),
                "notes": transfer.notes,
            }
        )
        return
    out = console()
    out.print(_table(measured))
    out.print()
    for note in transfer.notes:
        out.print(f"note: {note}")
    out.print(f"audit: {report.sentence()}")
    show_forecast(out, expected)


def _transfer(source: Path, target: Path, shared: Any) -> Transfer:
    from foretaste.data import Domain, DomainSpec, Overlap, Transfer
    from foretaste.errors import DataError

    names = [source.name.split(".")[0], target.name.split(".")[0]]
    if names[0] == names[1]:
        names = ["source", "target"]
    try:
        here, there = (
            Domain.load(name, DomainSpec(path=str(path)), Path())
            for name, path in zip(names, (source, target), strict=True)
        )
    except DataError as error:
        if "columns: {" not in str(error):
            raise
        raise DataError(f"{error} of a domain in experiment.yaml, and ask foretaste explain") from error
    return Transfer.of(here, there, Overlap(shared))


def _audit(transfer: Transfer, twins: Twins) -> tuple[AuditReport, NewcomersHoldout | None]:
    """Audit the pair as a run with the default hold-out and seed would; without one where it leaves nobody to test."""
    from foretaste.audit import audit_pair
    from foretaste.errors import DataError
    from foretaste.evaluation import hold_out
    from foretaste.experiment import NewcomersHoldout

    seed = _seed()
    holdout = NewcomersHoldout()
    try:
        test = hold_out(transfer, holdout, seed).test
    except DataError:
        return audit_pair(transfer.pair, seed=seed, twins=twins), None
    return audit_pair(transfer.pair, (test.user_rows, test.item_rows), seed=seed, twins=twins), holdout


def _seed() -> int:
    """Return the seed of a run that names none."""
    from foretaste.experiment import Experiment

    seed: int = Experiment.model_fields["seed"].default
    return seed


def _audit_document(report: AuditReport, holdout: NewcomersHoldout | None) -> dict[str, Any]:
    return {
        "twins": report.twins,
        "twins_under_null": report.twins_under_null,
        "test_rows_given_away": report.test_rows_given_away,
        "holdout": None if holdout is None else holdout.model_dump(mode="json"),
    }


def _table(measured: PairFacts) -> Table:
    lines = table("fact", "value", "meaning", numbers=("value",))
    meanings = fact_meanings()
    for name, value in measured.as_dict().items():
        lines.add_row(name, plain(value), meanings[name])
    return lines


def fact_meanings() -> dict[str, str]:
    """Return what each fact means: the docstrings under the fields of PairFacts."""
    from foretaste.config import field_docstrings
    from foretaste.data import PairFacts

    return {name: " ".join(text.split()) for name, text in field_docstrings(PairFacts).items()}
