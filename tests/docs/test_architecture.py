"""The page on the house says what the linter holds."""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def floors_of_the_linter() -> list[set[str]]:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:floors"]["layers"].strip().splitlines()
    return [set(re.findall(r"foretaste\.(\w+)", line)) for line in layers]


def test_the_floors_are_those_that_the_linter_holds() -> None:
    if not (ROOT / ".importlinter").exists():
        pytest.skip("not a checkout")
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page[page.index("| floor |") : page.index("## The road")]
    said = [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in table.splitlines()[2:] if row.startswith("|")]
    assert said == floors_of_the_linter()
