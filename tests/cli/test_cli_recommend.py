"""``recommend``: a bundle is asked, and no plugin is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretaste import Blend, GroupGate, Platform, load_bundle, save_bundle
from foretaste.testing import fit_once, rating_world, taste_world
from foretaste_align import Ratings


def test_ids_given_as_text_are_found_among_whole_numbers(call: Any, bundle: Path) -> None:
    answer = call("recommend", bundle, "1000", "1007", "-k", "3")
    assert answer.code == 0, answer
    assert "user 1000 (" in answer.out
    assert "user 1007 (" in answer.out
    assert "rank" in answer.out


def test_people_get_items_of_their_own_taste(call: Any, bundle: Path) -> None:
    lists = call("recommend", bundle, "1000", "1007", "-k", "3", "--json").json["recommendations"]
    assert [one["user"] for one in lists] == [1000, 1007]
    for taste, one in enumerate(lists):
        assert [int(line["item"][1:]) // 10 for line in one["items"]] == [taste] * 3


def test_a_stranger_gets_what_is_popular(call: Any, bundle: Path) -> None:
    (one,) = call("recommend", bundle, "3", "--json").json["recommendations"]
    assert one["user"] == 3
    assert one["path"] == "popular"
    assert len(one["items"]) == 10


def test_why_names_items_of_the_history(call: Any, bundle: Path) -> None:
    (one,) = call("recommend", bundle, "1000", "-k", "2", "--why", "--json").json["recommendations"]
    for line in one["items"]:
        domains = {reason["domain"] for reason in line["reasons"]}
        assert domains <= {"grocery", "drugstore", None}
        assert "grocery" in domains
        assert sum(reason["share"] for reason in line["reasons"]) != 0
    assert "grocery: g" in call("recommend", bundle, "1000", "--why").out


@pytest.fixture(scope="module")
def blend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books to films: newcomers by naive Bayes, who has rows by a mix of it and popularity."""
    world = taste_world()
    members = {name: Platform().fit(name, world) for name in ("linear/naive-bayes", "baseline/popular")}
    model = Blend.of(world, members, GroupGate(np.array([[1, 0], [0.75, 0.25], [0.75, 0.25]])))
    return save_bundle(model, tmp_path_factory.mktemp("blend"), strategy="toy/blend", params={})


def test_why_tells_what_the_members_of_a_blend_weigh_for_each_person(call: Any, blend: Path) -> None:
    answer = call("recommend", blend, "a0", "a4", "-k", "1", "--why")
    assert answer.out.count("weights: linear/naive-bayes 0.75, baseline/popular 0.25\n") == 1
    assert answer.out.count("weights: linear/naive-bayes 1, baseline/popular 0\n") == 1
    assert "(linear/naive-bayes)" in answer.out
    lists = call("recommend", blend, "a0", "nobody", "-k", "1", "--why", "--json").json["recommendations"]
    assert [one["weights"] for one in lists] == [{"linear/naive-bayes": 0.75, "baseline/popular": 0.25}, None]
    told = {reason["member"] for reason in lists[0]["items"][0]["reasons"]}
    assert told == {"linear/naive-bayes", "baseline/popular"}


def test_what_is_no_blend_has_no_weights(call: Any, bundle: Path) -> None:
    assert "weights" not in call("recommend", bundle, "1000", "--why").out
    (one,) = call("recommend", bundle, "1000", "--why", "--json").json["recommendations"]
    assert one["weights"] == {}
    assert one["items"][0]["reasons"][0]["member"] is None
    (one,) = call("recommend", bundle, "1000", "--json").json["recommendations"]
    assert one["weights"] is None


def test_why_has_no_reasons_for_a_stranger(call: Any, bundle: Path) -> None:
    (one,) = call("recommend", bundle, "3", "--why", "--json").json["recommendations"]
    assert one["items"][0]["reasons"] is None
    assert call("recommend", bundle, "3", "--why").code == 0


def test_a_history_stands_for_a_new_person(call: Any, bundle: Path) -> None:
    answer = call("recommend", bundle, "--history", "grocery=g0,g1", "--history", "grocery=g2", "-k", "3", "--json")
    (one,) = answer.json["recommendations"]
    assert one["user"] is None
    assert one["path"] == "folded-in"
    assert [int(line["item"][1:]) // 10 for line in one["items"]] == [0, 0, 0]


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books to films, with ratings."""
    model = fit_once(Ratings(), rating_world())
    return save_bundle(model, tmp_path_factory.mktemp("rated"), strategy="align/ratings", params={})


def test_a_history_of_ratings_is_given_as_ids_with_ratings(call: Any, rated: Path) -> None:
    answer = call("recommend", rated, "--history", "books=book-a0:5, book-b1:1.5", "--json")
    (one,) = answer.json["recommendations"]
    assert one["path"] == "folded-in"
    given = {"books": {"book-a0": 5, "book-b1": 1.5}}
    assert [line["item"] for line in one["items"]] == load_bundle(rated).recommend_for(given).items


@pytest.mark.parametrize("text", ["book-a0", "book-a0:", "book-a0:good", ":4"])
def test_a_history_without_ratings_is_told_how_they_are_given(call: Any, rated: Path, text: str) -> None:
    answer = call("recommend", rated, "--history", f"books={text}")
    assert answer.code == 2
    expected = f"error: --history books: found '{text}', expected a rating with it, as in books=id:4,id:2\n"
    assert answer.err == expected


def test_why_names_what_was_rated_elsewhere_and_the_item(call: Any, rated: Path) -> None:
    answer = call("recommend", rated, "a0", "--why").out
    assert "books: book-" in answer
    assert "the item itself" in " ".join(answer.split())
    assert "popularity" not in answer


@pytest.mark.parametrize("as_json", [False, True])
def test_no_plugin_is_loaded(bundle: Path, as_json: bool) -> None:
    code = f"""
import sys
from foretaste.cli import app
try:
    app(["recommend", {str(bundle)!r}, "1000", *{["--json"] if as_json else []}])
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in sys.modules if name.startswith(("foretaste_", "sklearn", "implicit", "torch"))]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if as_json:
        assert json.loads(done.stdout)["recommendations"]


def test_a_history_that_a_baseline_does_not_read_is_answered_by_popularity(call: Any, tmp_path: Path) -> None:
    """A guard may have handed on a baseline: who asks need not know."""
    world = taste_world()
    popular = Platform().fit("baseline/popular", world)
    save_bundle(popular, tmp_path, strategy="baseline/popular", params={})
    best, second, *_ = popular.recommend(["nobody"], 3)[0].items
    (one,) = call("recommend", tmp_path, "--history", "books=book-a0", "--json").json["recommendations"]
    assert (one["path"], one["items"][0]["item"]) == ("popular", best)
    (one,) = call("recommend", tmp_path, "--history", f"films={best}", "--json").json["recommendations"]
    assert (one["path"], one["items"][0]["item"]) == ("popular", second)
    refused = call("recommend", tmp_path, "--history", "book=book-a0")
    assert refused.code == 2
    assert "unknown domain 'book'; this recommender knows films, books; did you mean 'books'?" in refused.err
