"""What a strategy must leave as it was: the data, the process, and the packages that nobody asked for yet."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretaste.data import Domain, Transfer
from foretaste.strategy import Strategy

_UNLIKELY = 1_741_085_263

_LISTING = """
import importlib.util, json, sys
path, name, file, roots = json.loads(sys.argv[1])
sys.path[:] = path
try:
    spec = importlib.util.find_spec(name)
except ImportError:
    spec = None
if spec is None or spec.origin != file:
    spec = importlib.util.spec_from_file_location(name, file)  # a plugin in one file, or a test
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
else:
    importlib.import_module(name)
print(json.dumps([root for root in roots if root in sys.modules]))
"""


def rows_state(transfer: Transfer) -> str:
    """Return a hash of all arrays that a strategy may read; no cached fingerprint, as those would not notice."""
    digest = hashlib.blake2b()
    for array in _arrays(transfer):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _arrays(transfer: Transfer) -> Iterator[NDArray[Any]]:
    for domain in (transfer.target, *(pair.source for pair in transfer.pairs)):
        yield from _domain_arrays(domain)
    for pair in transfer.pairs:
        for matrix in (pair.user_links, pair.item_links, pair.source_history):
            if matrix is not None:
                yield from (matrix.data, matrix.indices, matrix.indptr)
        yield from (pair.source_length, pair.shared_people)


def _domain_arrays(domain: Domain) -> Iterator[NDArray[Any]]:
    rows = domain.interactions
    yield from (rows.user_rows, rows.item_rows, rows.values, rows.popularity, rows.history)
    ratings = [rows.ratings] if rows.feedback.kind == "explicit" else []
    for matrix in (rows.preference, rows.seen, *ratings):
        yield from (matrix.data, matrix.indices, matrix.indptr)


def process_state() -> dict[str, object]:
    """Return what a good guest leaves alone, by name; torch only where it is imported already."""
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - the global state is what is watched
    root = logging.getLogger()
    state: dict[str, object] = {
        "NumPy's global random state": str(numpy_state),
        "Python's global random state": random.getstate(),
        "environment variables": dict(os.environ),
        "working directory": Path.cwd(),
        "root logger": (root.level, list(root.handlers)),
        "warnings filters": list(warnings.filters),
        "sys.path": list(sys.path),
        # but for the one that tqdm keeps for all progress bars of a process, which implicit makes
        "threads": sum(type(thread).__name__ != "TMonitor" for thread in threading.enumerate()),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch's global random state"] = torch.get_rng_state().numpy().tobytes()
        state["torch's number of threads"] = torch.get_num_threads()
        state["torch's default type"] = torch.get_default_dtype()
        state["torch's deterministic mode"] = torch.are_deterministic_algorithms_enabled()
    return state


@contextmanager
def stirred_seeds() -> Iterator[None]:
    """Set all global seeds to what nobody else would, so that setting them again shows; afterwards as before."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002 - the global state is meant
    torch = sys.modules.get("torch")
    torch_state = None if torch is None else torch.get_rng_state()
    try:
        np.random.seed(_UNLIKELY)  # noqa: NPY002
        random.seed(_UNLIKELY)
        if torch is not None:
            torch.manual_seed(_UNLIKELY)
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
        if torch is not None:
            torch.set_rng_state(torch_state)


def imported_by_listing(strategy: type[Strategy]) -> list[str]:
    """Return which of the packages in ``requires`` a fresh process has imported with the strategy's module alone."""
    roots = sorted({module.partition(".")[0] for module in strategy.requires})
    if not roots:
        return []
    name = strategy.__module__
    what = json.dumps([sys.path, name, inspect.getsourcefile(strategy), roots])
    command = [sys.executable, "-c", _LISTING, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{name} cannot be imported alone:\n{done.stderr}")
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found
