"""docs/recommenders.md says how a recommender is asked: its prompts are typed, its tables are the code's."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args

import pytest

from docs.page import Page
from foretaste import DataError, Platform, Recommender, load_bundle, save_bundle
from foretaste.bundle._manifest import Contents, read_manifest
from foretaste.recommender._roster import AnswerPath
from foretaste.testing import rating_world, taste_world

PAGE = Page("recommenders.md")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundle of the page, made as it says."""
    monkeypatch.chdir(tmp_path)
    exec(PAGE.block("python", having="save_bundle(model"), {})
    return tmp_path / "out" / "bundles" / "books__films"


def test_what_is_typed_at_the_prompt_prints_what_stands_there(toy: Path) -> None:
    PAGE.try_prompts()


def test_every_way_of_asking_is_there():
    asking = [name for name, found in vars(Recommender).items() if not name.startswith("_") and callable(found)]
    inner = {"rank", "places", "arrays", "indexes", "histories", "from_arrays", "predict_rows"}
    for name in {*asking, "predict"} - inner:
        assert f"recommender.{name}(" in PAGE.text or f"**`{name}(" in PAGE.text, f"the page does not show {name}"


def test_the_arguments_of_recommend_and_what_they_are_left_out():
    parameters = list(inspect.signature(Recommender.recommend).parameters.values())[2:]
    said = {row[0].strip("`"): row[1].strip("`") for row in PAGE.table("argument of `recommend`")}
    assert said == {one.name: repr(one.default) for one in parameters}


def test_the_answer_paths_are_all_there():
    assert PAGE.keys("`path` | who") == list(get_args(AnswerPath))


def test_what_a_bundle_contains_is_all_there(toy: Path) -> None:
    assert PAGE.keys("`contains` | is") == list(get_args(Contents))
    assert read_manifest(toy).contains == ("seen items", "source histories", "target histories")


def test_the_files_of_a_version_are_all_there(toy: Path) -> None:
    assert sorted(PAGE.keys("file of a version")) == sorted(file.name for file in (toy / "v1").iterdir())


def test_an_older_version_is_gone_back_to_by_hand(toy: Path) -> None:
    model = Platform().fit("baseline/popular", taste_world())
    save_bundle(model, toy, strategy="baseline/popular", params={})
    assert read_manifest(toy).strategy == "baseline/popular"
    (toy / "CURRENT").write_text("v1\n")
    assert read_manifest(toy).strategy == "linear/naive-bayes"
    assert load_bundle(toy / "v2").recommend(["a4"])[0].path == "popular"


def test_a_newcomer_of_a_model_of_the_target_alone_gets_what_is_popular() -> None:
    assert Platform().fit("baseline/ease", taste_world()).recommend(["a4"])[0].path == "popular"


def test_without_histories_a_model_of_vectors_places_people_and_cannot_explain(tmp_path: Path) -> None:
    model = Platform().fit("align/ridge", taste_world(), {"factors": 8, "regularization": 1.0})
    lean = load_bundle(save_bundle(model, tmp_path, strategy="align/ridge", params={}, histories=False))
    assert [answer.path for answer in lean.recommend(["a4", "a0"])] == ["newcomer", "known"]
    with pytest.raises(DataError, match="saved without the histories"):
        lean.explain("a4", "film-a0")


def test_a_model_of_ratings_predicts() -> None:
    model = Platform().fit("baseline/rating-item-user", rating_world())
    assert model.predicts_ratings
    assert (model.predict(["a4", "stranger"], ["film-a0", "film-a0"]) >= 1).all()
