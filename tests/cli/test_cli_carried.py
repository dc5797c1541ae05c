"""``pretrain`` and ``adapt``: what the pages show, and mistakes in one line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from docs.page import Page

PRETRAIN = ("--source", "grocery", "--strategy", "align/ridge")


def shown(page: str) -> list[list[str]]:
    """The commands of a page about saved knowledge, as a shell would read them."""
    lines = re.findall(r"^\$ foretaste ((?:pretrain|adapt) .*)$", Page(page).text, re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.fixture
def here(experiment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a fresh world, and the current one."""
    monkeypatch.chdir(experiment.parent)
    return experiment.parent


@pytest.mark.parametrize("page", ["cli.md", "carried.md"])
def test_the_pages_show_what_happens(call: Any, here: Path, page: str) -> None:
    pretrained, adapted = (call(*command) for command in shown(page))
    assert pretrained.code == 0, pretrained
    assert pretrained.out in Page("cli.md").text
    assert adapted.code == 0, adapted
    assert "  align/ridge takes what was carried from grocery before" in adapted.out
    assert "bundle: out/adapted/bundles/grocery__drugstore/v1\n" in adapted.out
    assert sorted(path.name for path in (here / "knowledge").iterdir()) == ["CURRENT", "v1"]


def test_the_files_of_the_page_are_those_of_a_folder(call: Any, here: Path) -> None:
    assert call("pretrain", "experiment.yaml", *PRETRAIN, "--output", "knowledge").code == 0
    named = set(Page("carried.md").keys("file of a version"))
    assert named - {path.name for path in (here / "knowledge" / "v1").iterdir()} == {"users.arrow"}


def test_settings_seed_and_set_reach_pretraining(call: Any, here: Path) -> None:
    how = ("--param", "source_factors=3", "--param", "embedding=ials", "--seed", "5", "--set", "threads=2")
    answer = call("pretrain", "experiment.yaml", *PRETRAIN, "--output", "k", *how, "--json")
    assert answer.code == 0, answer
    assert (answer.json["params"]["source_factors"], answer.json["params"]["embedding"]) == (3, "ials")
    assert '"seed": 5' in (here / "k" / "v1" / "manifest.json").read_text()
    again = call("adapt", "experiment.yaml", "--carried", "k", "--json").json["transfers"][0]
    (entry,) = [one for one in again["leaderboard"] if one["strategy"] == "align/ridge"]
    assert (entry["params"]["source_factors"], entry["params"]["embedding"]) == (3, "ials")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ("pretrain", "--source", "grocery", "--strategy", "linear/ridge", "--output", "k"),
            "linear/ridge is not portable",
        ),
        (("pretrain", "--source", "shop", "--strategy", "align/ridge", "--output", "k"), "no domain is called 'shop'"),
        (
            ("pretrain", *PRETRAIN, "--output", "k", "--param", "epochs"),
            "--param epochs: found no '=', expected key=value",
        ),
        (("pretrain", *PRETRAIN, "--output", "k", "--param", "epoch=3"), "epoch: unknown key; did you mean 'epochs'?"),
        (("pretrain", *PRETRAIN, "--output", "k", "--param", "kappa=3"), "pretraining does not depend on kappa"),
        (
            ("pretrain", *PRETRAIN, "--output", "k", "--seed", "-1"),
            "error: --seed: found -1, expected a whole number of at least 0",
        ),
        (
            ("pretrain", "--source", "grocery", "--strategy", "align/ratings", "--output", "k"),
            "error: align/ratings: grocery: found implicit feedback, expected ratings (feedback: explicit)",
        ),
        (("pretrain", *PRETRAIN, "--output", "grocery.parquet"), "found a file, expected a folder"),
        (("adapt", "--carried", "k"), "k: not saved source knowledge: expected a folder, found nothing"),
    ],
)
def test_a_mistake_is_told_in_one_line(call: Any, here: Path, command: tuple[str, ...], words: str) -> None:
    name, *options = command
    answer = call(name, "experiment.yaml", *options)
    assert (answer.code, answer.out) == (2, ""), answer
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert words in answer.err, answer
    assert sorted(path.name for path in here.iterdir()) == ["drugstore.parquet", "experiment.yaml", "grocery.parquet"]


def test_with_people_says_so(call: Any, here: Path) -> None:
    asked = ("--source", "grocery", "--strategy", "deep/finetune", "--output", "k", "--param", "model=factors")
    few = ("--param", "source_epochs=1", "--param", "factors=2")
    refused = call("pretrain", "experiment.yaml", *asked, *few)
    if "needs torch" in refused.err:
        pytest.skip("torch is not installed")
    assert "all that it carries from grocery has a row per person" in refused.err
    answer = call("pretrain", "experiment.yaml", *asked, *few, "--with-people")
    assert answer.code == 0, answer
    assert answer.out.startswith("deep/finetune carries 20 items of grocery; of people: rows per person, user ids\n")
