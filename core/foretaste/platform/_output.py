"""The output folder of a run: written whole or not at all, and never mixed with another run's."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from foretaste.data import Index
from foretaste.errors import OutputError
from foretaste.platform._compare import Measured
from foretaste.result import RunResult, TransferResult

_OURS = re.compile(r"\.?[0-9]+-.*\.(json|people\.parquet)(\.part)?")
"""Names of files in ``transfers/`` that may be removed: the folder may hold a user's own."""


@dataclass(frozen=True)
class Output:
    """``run.json`` says whose run this is; ``transfers/`` holds finished transfers, ``bundles/`` recommenders."""

    folder: Path

    @classmethod
    def open(cls, folder: Path, fingerprint: str, *, new: bool) -> Output:
        """Open a folder for a run; an equal fingerprint resumes it.

        Raises OutputError when the folder cannot be written, or holds another run and ``new`` is not set.
        """
        output = cls(folder)
        try:
            (folder / "transfers").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
        found = None if new else output._fingerprint()
        if found not in (None, fingerprint) and output._holds_results():
            raise OutputError(
                f"{folder}: holds another run (other configuration, data or versions);"
                " choose another output folder, or --new to replace it"
            )
        if found != fingerprint:
            output._clear()
        output._write("run.json", json.dumps({"fingerprint": fingerprint}, indent=1))
        return output

    def _fingerprint(self) -> str | None:
        path = self.folder / "run.json"
        if not path.exists():
            return None
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{path}: is not a run of foretaste; choose another output folder, or --new") from error

    def _holds_results(self) -> bool:
        # a run that failed before it finished anything does not hold the folder
        return any((self.folder / "transfers").glob("*.json"))

    def _clear(self) -> None:
        try:
            for path in (self.folder / "transfers").iterdir():
                if _OURS.fullmatch(path.name) and path.is_file():
                    path.unlink()
            (self.folder / "result.json").unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be cleared: {error.strerror or error}") from error

    def finished(self, key: str) -> TransferResult | None:
        """Return a transfer that an earlier, equal run finished; None where its bundle is gone."""
        path = self.folder / "transfers" / f"{key}.json"
        if not path.exists():
            return None
        try:
            result = TransferResult.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{path}: is damaged; run again with --new") from error
        whole = result.bundle is None or (self.folder / result.bundle).is_dir()
        return result if whole else None

    def bundles(self, name: str) -> Path:
        """Return the folder of one transfer's bundles; ``name`` is one of ``bundle_names``."""
        return self.folder / "bundles" / name

    def publish(self, key: str, result: TransferResult, found: Mapping[str, Measured], people: Index) -> None:
        """Write a finished transfer, and what each person's values were; ``people`` are the target's."""
        self._write_table(f"transfers/{key}.people.parquet", _values(found, people))
        self._write(f"transfers/{key}.json", result.model_dump_json(indent=1))

    def finish(self, result: RunResult) -> None:
        """Write the whole document."""
        self._write("result.json", result.model_dump_json(indent=1))

    def _write(self, name: str, text: str) -> None:
        self._replace(name, lambda path: path.write_text(text + "\n", encoding="utf-8"))

    def _write_table(self, name: str, table: pl.DataFrame) -> None:
        self._replace(name, lambda path: table.write_parquet(path))

    def _replace(self, name: str, write: Any) -> None:
        path = self.folder / name
        part = path.with_name(f".{path.name}.part")
        try:
            write(part)
            part.replace(path)
        except BaseException as error:
            with suppress(OSError):
                part.unlink()
            if isinstance(error, OSError | pl.exceptions.PolarsError):
                raise OutputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
            raise


def bundle_names(names: Sequence[str]) -> list[str]:
    """Return a folder name for each transfer, in the order listed: its own, or from the second on ``name+2``, ...

    What comes later changes no name before it. ``+`` stands in no domain's name, so that ``a__b+2`` is no other
    transfer's. Letters that differ in case alone are one name to some file systems.
    """
    taken: Counter[str] = Counter()
    found = []
    for name in names:
        taken[name.casefold()] += 1
        count = taken[name.casefold()]
        found.append(name if count == 1 else f"{name}+{count}")
    return found


def _values(found: Mapping[str, Measured], people: Index) -> pl.DataFrame:
    tables = []
    for name, one in found.items():
        for repeat, scores in enumerate(one.scores):
            count = len(scores.people)
            columns: dict[str, Any] = {
                "strategy": np.repeat(name, count),
                "repeat": np.repeat(repeat, count),
                "user_id": people.ids.gather(scores.people),
                "population": scores.populations,
            }
            tables.append(pl.DataFrame(columns | scores.values))
    return pl.concat(tables)
