"""A bundle serves where nothing is installed that trained it: no training package, and no plugin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foretaste import PairFacts, Platform, Recommender, Strategy, Transfer, save_bundle
from foretaste.strategy import missing_packages
from foretaste.testing import fit_once, rating_world, taste_world
from strategies.test_linear_svm import told

ABSENT = (
    *("implicit", "joblib", "lightfm", "ot", "sklearn", "torch"),
    *(
        "foretaste_adaptive",
        "foretaste_align",
        "foretaste_baseline",
        "foretaste_deep",
        "foretaste_lightfm",
        "foretaste_linear",
    ),
)

SERVING = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT!r}))  # as if they were not installed
from pathlib import Path
from foretaste import load_bundle
for folder in sorted(Path(sys.argv[1]).iterdir()):
    model = load_bundle(folder)
    brought = {{"book-a0": 5.0, "book-a1": 2.0}} if "books" in model.rated_domains else ["book-a0", "book-a1"]
    answers = [*model.recommend(sys.argv[2:], 5), model.recommend_for({{"books": brought}}, 5)]
    print(folder.name, [list(one.items) for one in answers])
"""


def served(found: Recommender, people: list[str]) -> list[list[object]]:
    brought = {"book-a0": 5.0, "book-a1": 2.0} if "books" in found.rated_domains else ["book-a0", "book-a1"]
    answers = [*found.recommend(people, 5), found.recommend_for({"books": brought}, 5)]
    return [list(one.items) for one in answers]


def able(world: Transfer) -> list[type[Strategy]]:
    facts = [PairFacts.of(pair) for pair in world.pairs]
    kinds = [kind for kind in Platform().catalog.strategies.values() if kind.requires]
    return [kind for kind in kinds if not missing_packages(kind) and kind().objection(facts) is None]


def test_what_packages_trained_is_served_without_them(tmp_path: Path) -> None:
    worlds = [told(taste_world()), rating_world()]  # of the same people, by name
    kinds = {kind: world for world in reversed(worlds) for kind in able(world)}
    if not kinds:
        pytest.skip("no strategy that needs a package can run here")
    newcomer = worlds[0].target.interactions.history.argmin()
    people = [str(worlds[0].target.interactions.users.ids[int(row)]) for row in (0, newcomer)]
    expected = []
    for kind in sorted(kinds, key=lambda one: one.name):
        name, found = kind.name.replace("/", "-"), fit_once(kind(), kinds[kind])
        save_bundle(found, tmp_path / name, strategy=kind.name, params=kind().params())
        expected.append(f"{name} {served(found, people)}")
    asked = [sys.executable, "-c", SERVING, str(tmp_path), *people]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == sorted(expected)
