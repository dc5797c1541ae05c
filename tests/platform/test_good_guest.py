import importlib
import json
import logging
import os
import random
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from evaluation.toy_experiment import experiment, run, write_shops
from foretaste import Platform, errors

HEAVY = ["torch", "implicit", "lightfm", "sklearn", "pandas", "matplotlib"]


def test_a_platform_loads_no_heavy_package():
    code = (
        f"import foretaste, sys, json; foretaste.Platform(); print(json.dumps(list({set(HEAVY)} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def state():
    return {
        "environ": dict(os.environ),
        "cwd": Path.cwd(),
        "argv": list(sys.argv),
        "path": list(sys.path),
        "root logger": (logging.getLogger().level, list(logging.getLogger().handlers)),
        "own logger": list(logging.getLogger("foretaste").handlers),
        "warnings": list(warnings.filters),
        "numpy": str(np.random.get_state()),  # noqa: NPY002 - the global state is what is watched
        "random": random.getstate(),
        "numpy errors": np.geterr(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "hook": (sys.excepthook, threading.excepthook),
    }


def test_a_run_leaves_the_process_as_it_was(shops, capfd):
    before = state()
    run(shops, {"strategy": "toy/taste", "beside": ["toy/plain"]})
    assert state() == before
    assert capfd.readouterr() == ("", "")


def test_a_run_does_not_ask_how_the_process_was_called(shops, monkeypatch):
    monkeypatch.delattr(sys, "argv")
    run(shops)


OTHERS = {"implicit", "logging", "numpy", "os", "polars", "random", "scipy", "sys", "threading", "tqdm", "warnings"}


def others():
    """What the modules and classes of others hold that can be called, by place."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in OTHERS:
            for key, value in list(vars(module).items()):
                found[name, key] = value
                if issubclass(type(value), type):  # isinstance would ask what is only there when it is asked for
                    found |= {(name, key, part): held for part, held in list(vars(value).items())}
    return {place: value for place, value in found.items() if callable(value)}


def test_a_run_with_installed_strategies_patches_nothing_of_others(shops):
    for module in ("implicit", "implicit.cpu.als", "scipy.linalg", "scipy.optimize", "scipy.sparse.linalg"):
        importlib.import_module(module)
    before = others()
    Platform().run(experiment({"strategy": "align/ridge", "beside": ["linear/naive-bayes"]}, tries=1), folder=shops)
    after = others()
    assert [place for place, value in before.items() if after.get(place, value) is not value] == []


def test_all_errors_stand_in_one_tree():
    raised = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(raised) == 10
    assert all(issubclass(kind, errors.ForetasteError) for kind in raised)


def test_a_run_writes_into_its_folder_only(shops, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    before = sorted(path.name for path in shops.iterdir())
    run(shops)
    assert list(elsewhere.iterdir()) == []
    assert sorted(path.name for path in shops.iterdir()) == sorted([*before, "out"])


def figures(result):
    """All but the time it took."""
    found = result.model_dump()
    for transfer in found["transfers"]:
        for entry in transfer["leaderboard"]:
            del entry["cpu_seconds"]
    return found


def test_the_same_seed_gives_the_same_result(shops):
    asked = {"strategy": "toy/taste", "beside": ["toy/bad"]}
    first, second = (run(shops, asked, output=name) for name in ("one", "two"))
    assert figures(first) == figures(second)


INSTALLED = {"strategy": "linear/naive-bayes", "beside": ["align/ridge"]}


@pytest.fixture(scope="module")
def threads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("threads")
    write_shops(folder)

    def go(n, output):
        return Platform().run(experiment(INSTALLED, threads=n, tries=1, output=output), folder=folder)

    return [go(n, f"out{place}") for place, n in enumerate((1, 1, 2))]


def test_installed_strategies_are_bit_equal_with_equal_threads(threads):
    first, second, _ = threads
    assert figures(first) == figures(second)


def test_installed_strategies_agree_to_a_millionth_with_one_thread_and_two(threads):
    one, _, two = (result.transfers[0] for result in threads)
    assert one.chosen == two.chosen
    for entry in one.leaderboard:
        other = two.entry(entry.strategy)
        assert other.metrics == pytest.approx(entry.metrics, abs=1e-6)
        assert other.validation == pytest.approx(entry.validation, abs=1e-6)
