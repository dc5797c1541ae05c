"""examples/host-app: foretaste inside an application."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

APP = Path(__file__).parents[2] / "examples" / "host-app" / "app.py"
TRAINING = ("foretaste_", "implicit", "sklearn", "torch", "pandas")


@pytest.fixture(scope="module")
def shop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("host_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(shop: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("host")
    return folder, shop.train(folder)


def test_the_shop_keeps_its_own_record(trained: tuple[Path, list[str]]) -> None:
    _, record = trained
    (line,) = [line for line in record if line.startswith("linear/naive-bayes")]
    assert line.endswith("helps  (handed on)")
    assert [line.split()[0] for line in record if line.endswith("baseline")].count("baseline/popular") == 1


def test_each_way_to_be_served_is_shown(shop: ModuleType, trained: tuple[Path, list[str]]) -> None:
    said = list(shop.serve(trained[0]))
    assert [line.partition(":")[0] for line in said] == [
        "customer-1 (known)",
        "customer-20 (newcomer)",
        "customer-30 (newcomer)",
        "a passer-by (popular)",
        "a basket of space books (folded-in)",
        "on_unknown='error'",
    ]
    assert said[-1] == "on_unknown='error': unknown user 'a passer-by'"
    for line, genre in ((said[1], "space"), (said[2], "crime"), (said[4], "space")):
        assert line.count(f"{genre}-film-") == 3, line


def test_training_again_is_finished_again(shop: ModuleType, tmp_path: Path) -> None:
    assert [bool(shop.train(tmp_path)) for _ in range(2)] == [True, True]


def test_serving_loads_no_plugin_and_no_training_package(trained: tuple[Path, list[str]]) -> None:
    code = f"""
import runpy, sys
sys.argv = ["app.py", "serve", {str(trained[0])!r}]
runpy.run_path({str(APP)!r}, run_name="__main__")
assert not [name for name in sys.modules if name.startswith({TRAINING!r})]
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 6


def test_without_a_step_it_says_how_it_is_called() -> None:
    done = subprocess.run([sys.executable, str(APP)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "usage: python app.py train|serve FOLDER\n")
