"""Where a long training keeps its state, so that it goes on after its process was killed.

One file holds arrays and meta, and takes the place of the one before in one step: who is killed while saving leaves
the old state or the new one, and never a part of either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from foretaste.disk import sync
from foretaste.errors import OutputError

Arrays = dict[str, NDArray[Any]]

STATE = "state.safetensors"


def _silent(line: str) -> None:
    """Take a line of progress and do nothing with it."""


class Checkpoint:
    """The state of one training in a folder, the last that was saved; the folder is made when it is needed.

    One process at a time writes there. ``tell`` takes a line where a state is damaged.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None] = _silent) -> None:
        self._folder = Path(folder)
        self.tell = tell

    @property
    def folder(self) -> Path:
        """Where the state is kept."""
        return self._folder

    def save(self, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Keep this state in place of the one before.

        ``arrays`` hold numbers or truth values, in any layout; ``meta`` must be JSON-ready, with text for keys, and no
        NaN: the state of a random generator is (``rng.bit_generator.state``). TypeError or ValueError for others;
        OutputError, with the state before left as it was, where the folder cannot be written.
        """
        whole = {name: _plain(name, array) for name, array in arrays.items()}
        text = json.dumps(dict(meta), allow_nan=False)
        # a folder, as safetensors writes beside the file first, under a name of its own, and a kill leaves that
        part = self.folder / f".{STATE}.part"
        try:
            rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            save_file(whole, part / STATE, {"meta": text, "digest": _digest(whole, text)})
            sync(part / STATE)
            (part / STATE).replace(self.folder / STATE)
            part.rmdir()
            sync(self.folder)
        except (OSError, SafetensorError) as error:
            rmtree(part, ignore_errors=True)
            why = getattr(error, "strerror", None) or error
            raise OutputError(f"{self.folder}: a checkpoint cannot be written: {why}") from error

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Return arrays and meta as they were saved; None where there is no state, or it is damaged, which is told."""
        place = self.folder / STATE
        if not place.is_file():
            return None
        try:
            return _read(place)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            self.tell(f"{place}: is damaged, training begins anew: {first}")
            return None


def _read(place: Path) -> tuple[Arrays, dict[str, Any]]:
    with safe_open(place, framework="np") as stored:
        said = stored.metadata() or {}
        arrays: Arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
    if said["digest"] != _digest(arrays, said["meta"]):
        raise ValueError("it changed since it was written")
    return arrays, json.loads(said["meta"])


def _plain(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as safetensors writes it right: what is not C-contiguous it writes wrong, without a word."""
    if array.dtype.kind not in "biuf":
        raise TypeError(f"checkpoint: array '{name}' holds {array.dtype}, expected numbers")
    # a shape of () would become (1,)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)


def _digest(arrays: Arrays, meta: str) -> str:
    digest = hashlib.blake2b(meta.encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
