"""The output folder of a run: written whole or not at all, and never mixed with another run's."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from foretaste.bundle import load_bundle, read_manifest
from foretaste.data import Index
from foretaste.errors import BundleError, OutputError
from foretaste.platform._checkpoints import Checkpoints
from foretaste.platform._compare import Measured
from foretaste.platform._lock import locked
from foretaste.result import RunResult, TransferResult

_OURS = re.compile(r"\.?[0-9]+-.*\.(json|people\.parquet)(\.part)?")
"""Names of files in ``transfers/`` that may be removed: the folder may hold a user's own."""


@contextmanager
def open_output(folder: Path, fingerprint: str, *, new: bool) -> Iterator[Output]:
    """Hold a folder for one run; an equal fingerprint resumes what is there, unless it is to be done ``new``.

    Nothing in it is changed before ``Output.begin``, and a folder that was made for nothing is taken away again.
    Raises OutputError when the folder cannot be written, another run is writing there, or it holds another run and
    ``new`` is not set.
    """
    with held(folder, "transfers", "bundles", "checkpoints"):
        yield Output.found(folder, fingerprint, new=new)


@contextmanager
def held(folder: Path, *parts: str) -> Iterator[None]:
    """Hold a folder, made if it is missing, against other runs; ``parts`` of it that are files are an OutputError.

    A folder that is empty in the end, and was made for this, is taken away again.
    """
    made = _make(folder, *parts)
    try:
        with locked(folder):
            yield
    finally:
        for one in made:
            with suppress(OSError):  # not empty
                one.rmdir()


@dataclass(eq=False)
class Output:
    """``run.json`` says whose run this is; ``transfers/`` holds finished transfers, ``bundles/`` recommenders,
    ``checkpoints/`` the states of training until they are no longer needed.
    """

    folder: Path
    fingerprint: str
    resumes: bool
    told: list[str]
    """The transfers that ``run_finished`` was called for."""

    @classmethod
    def found(cls, folder: Path, fingerprint: str, *, new: bool) -> Output:
        """Return the folder as a run finds it."""
        output = cls(folder, fingerprint, False, [])
        if new:
            return output
        earlier, told = output._read_run()
        if earlier == fingerprint:
            return cls(folder, fingerprint, True, told)
        if earlier is not None and output._holds_results():
            raise OutputError(
                f"{folder}: holds another run (other configuration, data or versions);"
                " choose another output folder, or --new to replace it"
            )
        return output

    @property
    def checkpoints(self) -> Checkpoints:
        """Where the run's fits keep their states: all of its code is in its fingerprint."""
        return Checkpoints(self.folder / "checkpoints", self.fingerprint)

    def begin(self) -> None:
        """Let the folder be this run's: what another left there is removed, but for its bundles."""
        if not self.resumes:
            self._clear()
            self.checkpoints.remove()
        try:
            (self.folder / "transfers").mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        self._write_run()

    def _read_run(self) -> tuple[str | None, list[str]]:
        path = self.folder / "run.json"
        if not path.exists():
            return None, []
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return str(found["fingerprint"]), [str(key) for key in found.get("told", [])]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{path}: is not a run of foretaste; choose another output folder, or --new") from error

    def _write_run(self) -> None:
        self._write("run.json", json.dumps({"fingerprint": self.fingerprint, "told": self.told}, indent=1))

    def _holds_results(self) -> bool:
        # a run that failed before it finished anything does not hold the folder
        return any((self.folder / "transfers").glob("*.json"))

    def _clear(self) -> None:
        try:
            (self.folder / "result.json").unlink(missing_ok=True)
            for path in (self.folder / "transfers").glob("*"):
                if _OURS.fullmatch(path.name) and path.is_file():
                    path.unlink()
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be cleared: {error.strerror or error}") from error

    def finished(self, key: str) -> TransferResult | str | None:
        """Return a transfer that an earlier, equal run finished, or why it must be done again; None for none."""
        path = self.folder / "transfers" / f"{key}.json"
        if not self.resumes:
            return None
        try:
            result = TransferResult.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise OutputError(f"{path}: is damaged; run again with --new") from error
        return self._damage(key, result) or result

    def _damage(self, key: str, result: TransferResult) -> str | None:
        values = self.folder / "transfers" / f"{key}.people.parquet"
        try:
            pl.read_parquet(values, glob=False)
            if result.bundle is not None:
                load_bundle(self.folder / result.bundle)
                read_manifest(
                    (self.folder / result.bundle).parent
                )  # what CURRENT names: maybe an older one, set by hand
        except BundleError as error:
            return str(error)
        except (OSError, pl.exceptions.PolarsError) as error:
            first = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
            return f"{values}: cannot be read: {first}"
        return None

    def bundles(self, name: str) -> Path:
        """Return the folder of one transfer's bundles; ``name`` is one of ``bundle_names``."""
        return self.folder / "bundles" / name

    def publish(self, key: str, result: TransferResult, found: Mapping[str, Measured], people: Index) -> None:
        """Write a finished transfer, and what each person's values were; ``people`` are the target's."""
        if key in self.told:
            self.told.remove(key)
            self._write_run()
        self._write_table(f"transfers/{key}.people.parquet", values_table(found, people))
        self._write(f"transfers/{key}.json", result.model_dump_json(indent=1))
        self.checkpoints.remove("adapt")  # what a source taught may serve the next transfer

    def tell(self, key: str, call: Callable[[], object]) -> None:
        """Call, unless that was done for this transfer: a call that raises is made again by the next run."""
        if key not in self.told:
            call()
            self.told.append(key)
            self._write_run()

    def finish(self, result: RunResult) -> None:
        """Write the whole document."""
        self._write("result.json", result.model_dump_json(indent=1))
        self.checkpoints.remove()

    def _write(self, name: str, text: str) -> None:
        replaced(self.folder / name, lambda path: path.write_text(text + "\n", encoding="utf-8"))

    def _write_table(self, name: str, table: pl.DataFrame) -> None:
        replaced(self.folder / name, lambda path: table.write_parquet(path))


def replaced(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file, and put it in place of the one before; OutputError with that one left as it was."""
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


def _make(folder: Path, *parts: str) -> list[Path]:
    """Make a folder and return which folders were missing, innermost first; OutputError where it cannot be."""
    try:
        for one in (folder, *(folder / part for part in parts), *folder.parents):
            if one.exists() and not one.is_dir():
                what = "found a file, expected a folder" if one == folder else f"{one} is a file, expected a folder"
                raise OutputError(f"{folder}: cannot be written: {what}")
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return missing


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


def values_table(found: Mapping[str, Measured], people: Index) -> pl.DataFrame:
    """Return the values of each person, of each strategy and repeat."""
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
