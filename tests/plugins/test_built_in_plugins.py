"""Every folder of plugins/ is a built-in plugin: named where it has to be, and light to import."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT_IN = sorted(init.parent.name for init in (ROOT / "plugins").glob("*/__init__.py"))
HEAVY = ["torch", "implicit", "lightfm", "sklearn", "pandas", "matplotlib"]


def contracts() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read_string((ROOT / ".importlinter").read_text())
    return found


def test_each_has_an_entry_point_of_its_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["foretaste"] == {name.removeprefix("foretaste_"): name for name in BUILT_IN}


def test_the_import_contracts_know_each() -> None:
    roots = contracts()["importlinter"]["root_packages"].split()
    strangers = contracts()["importlinter:contract:plugins-are-strangers"]["layers"].strip().splitlines()
    assert sorted(roots) == ["foretaste", *BUILT_IN]
    assert [sorted(layer.split(" | ")) for layer in strangers] == [BUILT_IN, ["foretaste"]]


def test_importing_one_loads_no_heavy_package() -> None:
    code = f"""
import importlib, json, sys
heavy = {{}}
for name in {BUILT_IN}:
    importlib.import_module(name)
    heavy[name] = [module for module in {HEAVY} if module in sys.modules]
print(json.dumps(heavy))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: [] for name in BUILT_IN}
