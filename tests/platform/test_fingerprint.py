"""What makes another run, and what does not: content counts, places do not."""

import importlib
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evaluation.toy_experiment import Popular, Shelf, Taste, experiment, write_shops
from foretaste import Platform
from foretaste.platform import _code
from foretaste.platform._fingerprint import run_fingerprint, versions

PLUGIN = """
from foretaste import hookimpl
foretaste_api = 1

class Hand:
    foretaste_api = 1

    @hookimpl
    def run_finished(self, result):
        pass

@hookimpl
def run_finished(result):
    pass
"""


def fingerprint(folder: Path, *plugins: object, entry_points: bool = False, **changed: Any) -> str:
    made = Platform([Shelf(Popular, Taste), *plugins], folder=folder, entry_points=entry_points)
    return fingerprint_of(made, folder, **changed)


def fingerprint_of(made: Platform, folder: Path, **changed: Any) -> str:
    asked = experiment(**changed)
    domains = made._domains(asked, folder)
    transfers = [made._transfer(spec, domains, folder) for spec in asked.transfers]
    return run_fingerprint(asked, transfers, made.registry, made._host, None, "auto", {}, versions(made._host))


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """A folder that modules are imported from; what was imported is forgotten afterwards."""
    before = set(sys.modules)
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.syspath_prepend(str(code))
    yield code
    for name in set(sys.modules) - before:
        if str(code) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def installed(code: Path, name: str = "acme_code") -> Path:
    """Install a distribution whose plugin is a package that lies beside it, and return the package's folder."""
    info = code / "acme-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[foretaste]\nacme = {name}.hooks\n")
    (code / name).mkdir()
    (code / name / "__init__.py").write_text("")
    (code / name / "model.py").write_text("one = 1\n")
    (code / name / "hooks.py").write_text(PLUGIN)
    return code / name


def test_absolute_paths_and_other_names_of_files_make_no_other_run(shops, tmp_path):
    there = tmp_path / "moved"
    there.mkdir()
    write_shops(there)
    (there / "grocery.parquet").rename(there / "shelf.parquet")
    domains = {"grocery": {"path": str(there / "shelf.parquet")}, "drugstore": {"path": "drugstore.parquet"}}
    assert fingerprint(there, domains=domains) == fingerprint(shops)


def test_hidden_rows_in_files_count_by_what_they_hold_and_not_by_where_they_lie(shops, tmp_path):
    table = pl.read_parquet(shops / "drugstore.parquet")
    there = tmp_path / "moved"
    there.mkdir()
    for folder in (shops, there):
        table.tail(60).write_parquet(folder / "test.parquet")
        table.tail(60).write_parquet(folder / "lists.parquet")

    def found(folder):
        files = {"test": str(folder / "test.parquet")}
        holdout = {"kind": "given", "files": files, "candidates": str(folder / "lists.parquet")}
        return fingerprint(shops, holdout=holdout)

    first = found(shops)
    assert found(there) == first
    table.write_parquet(there / "lists.parquet")
    more = found(there)
    table.tail(61).write_parquet(there / "test.parquet")
    assert len({first, more, found(there)}) == 3


def test_another_way_of_reading_the_same_file_makes_another_run(shops):
    domains = {name: {"path": f"{name}.parquet", "missing": "drop"} for name in ("grocery", "drugstore")}
    assert fingerprint(shops, domains=domains) != fingerprint(shops)


@pytest.mark.parametrize("edited", ["more/model.py", "more/deep/er.py", "more/__init__.py"])
def test_a_plugin_folder_that_was_changed_makes_another_run(shops, edited):
    (shops / "more" / "deep").mkdir(parents=True)
    (shops / "more" / "__init__.py").write_text(PLUGIN)
    first = fingerprint(shops, "more")
    shutil.copytree(shops / "more", shops / "sub" / "more")
    assert fingerprint(shops, shops / "sub" / "more") == first
    with (shops / edited).open("a") as stream:
        stream.write("\nsomething = 1\n")
    assert fingerprint(shops, "more") != first


def test_what_an_editor_leaves_in_a_plugin_folder_is_passed_over(shops):
    """Emacs marks a file that is being changed with a link that leads nowhere."""
    (shops / "more" / "old.py").mkdir(parents=True)
    (shops / "more" / "__init__.py").write_text(PLUGIN)
    first = fingerprint(shops, "more")
    (shops / "more" / ".#__init__.py").symlink_to("somebody@somewhere.17")
    assert fingerprint(shops, "more") == first


def test_an_object_in_hand_is_known_by_the_text_of_its_module(shops, importable):
    (importable / "toys_in_hand.py").write_text(PLUGIN)
    hand = importlib.import_module("toys_in_hand").Hand()
    first = fingerprint(shops, hand)
    assert fingerprint(shops, hand) == first
    (importable / "toys_in_hand.py").write_text(PLUGIN + "something = 1\n")
    assert fingerprint(shops, hand) != first


def test_an_object_in_hand_is_known_by_the_text_of_its_strategies(shops, importable):
    source = "from evaluation.toy_experiment import Toy\n\nclass Own(Toy):\n    name = 'toy/own'\n"
    (importable / "toys_of_mine.py").write_text(source)
    shelf = Shelf(Popular, Taste, importlib.import_module("toys_of_mine").Own)
    made = Platform([shelf], entry_points=False)
    first = fingerprint_of(made, shops)
    (importable / "toys_of_mine.py").write_text(source + "    # said otherwise\n")
    assert fingerprint_of(made, shops) != first


def test_an_object_without_a_file_is_known_by_its_class(shops, monkeypatch):
    def hand(name):
        return type(name, (Shelf,), {"__module__": "no_such_module"})()

    assert fingerprint(shops, hand("One")) == fingerprint(shops, hand("One"))
    assert fingerprint(shops, hand("One")) != fingerprint(shops, hand("Two"))


def test_an_editable_install_is_known_by_the_text_of_its_package(shops, importable):
    package = installed(importable)
    assert metadata.version("acme") == "1.2"
    first = fingerprint(shops, entry_points=True)
    (package / "model.py").write_text("one = 2\n")
    assert fingerprint(shops, entry_points=True) != first


def test_an_install_in_site_packages_is_known_by_its_version(shops, importable, monkeypatch):
    site = importable / "lib" / "site-packages"
    site.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    package = installed(site)
    first = fingerprint(shops, entry_points=True)
    (package / "model.py").write_text("one = 2\n")
    assert fingerprint(shops, entry_points=True) == first
    info = site / "acme-1.2.dist-info" / "METADATA"
    info.write_text(info.read_text().replace("1.2", "1.3"))
    assert fingerprint(shops, entry_points=True) != first


def test_another_version_of_a_package_that_a_strategy_needs_makes_another_run(shops, importable):
    """A package goes by the distribution that brings it, whatever that is called."""
    info = importable / "heavy_lifting-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy-lifting\nVersion: 1.2\n")
    (info / "top_level.txt").write_text("heavy\n")
    needy = type("Needy", (Taste,), {"name": "toy/needy", "requires": ("heavy.bars",), "__module__": __name__})
    made = Platform([Shelf(Popular, needy)], entry_points=False)
    assert versions(made._host)["heavy-lifting"] == "1.2"
    first = fingerprint_of(made, shops)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy-lifting\nVersion: 1.3\n")
    assert fingerprint_of(made, shops) != first


def test_another_text_of_foretaste_itself_makes_another_run(shops, monkeypatch):
    first = fingerprint(shops)
    monkeypatch.setattr("foretaste.platform._fingerprint.code_of_core", lambda: "otherwise")
    assert fingerprint(shops) != first


def test_the_text_of_an_install_is_not_read(monkeypatch, tmp_path):
    module = type(sys)("foretaste")
    module.__file__ = str(tmp_path / "site-packages" / "foretaste" / "__init__.py")
    monkeypatch.setitem(sys.modules, "foretaste", module)
    assert _code.code_of_core() is None
