"""docs/experiment.md says what experiment.yaml may say: every key with its default, as the models have it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest

from docs.model_keys import keys, models, written
from docs.page import Page
from foretaste import Experiment, OutputError, run_experiment
from foretaste.config import parse_yaml, validate
from foretaste.experiment import HoldoutSpec
from foretaste.testing import save_world, taste_world

PAGE = Page("experiment.md")


def documented() -> dict[str, str]:
    return {row[0].strip("`"): row[1] for row in PAGE.table("key | default")}


def modelled() -> dict[str, str]:
    """Every key and its default; keys that several kinds of hold-out share may have several."""
    found: dict[str, list[str]] = {}
    for key, field in keys(Experiment):
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            continue  # a kind's own name, or a number that it cannot change
        found.setdefault(key, []).append(written(field))
    found["holdout.kind"] = ["`newcomers`"]
    return {key: " or ".join(dict.fromkeys(each)) for key, each in found.items()}


def test_every_key_is_there_and_no_other():
    assert sorted(documented()) == sorted(modelled())


@pytest.mark.parametrize("key", sorted(documented()))
def test_a_default_is_that_of_the_model(key):
    assert documented()[key] == modelled().get(key)


def test_every_key_has_a_meaning():
    assert [row[0] for row in PAGE.table("key | default") if not row[2]] == []


def test_the_kinds_of_holdout_are_all_there():
    kinds = [kind.model_fields["kind"].annotation for kind in models(get_args(HoldoutSpec)[0])]
    (meaning,) = (row[2] for row in PAGE.table("key | default") if row[0] == "`holdout.kind`")
    assert all(f"`{get_args(kind)[0]}`" in meaning for kind in kinds)
    assert get_origin(HoldoutSpec) is Annotated


@pytest.mark.parametrize("block", PAGE.blocks("yaml"))
def test_every_example_is_valid(block):
    assert validate(Experiment, parse_yaml(block, "experiment.md"))


# Paths, and the output folder


SMALL = ["tries=1", "folds=2", "metrics=[ndcg@5]", "transfers[0].strategy=linear/naive-bayes"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first example of the page, run from another folder."""
    folder = tmp_path_factory.mktemp("experiment")
    save_world(taste_world(), folder)
    (folder / "experiment.yaml").write_text(PAGE.blocks("yaml")[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        run_experiment(folder / "experiment.yaml", assignments=SMALL)
    return folder / "experiment.yaml"


def test_output_lies_beside_the_file_and_holds_what_the_page_says(finished: Path) -> None:
    output = finished.parent / "out"
    versions = [path for path in output.glob("bundles/*/*") if path.is_dir()]
    files = [path for path in output.rglob("*") if path.is_file() and path.parent not in versions]
    found = [f"{path.relative_to(output)}" for path in files] + [f"{path.relative_to(output)}/" for path in versions]
    assert sorted(PAGE.keys("file | holds")) == sorted(found)


def test_an_equal_run_resumes_and_another_is_refused_until_it_is_new(finished: Path) -> None:
    bundles = finished.parent / "out" / "bundles" / "books__films"
    run_experiment(finished, assignments=SMALL)
    assert (bundles / "CURRENT").read_text() == "v1\n"
    with pytest.raises(OutputError, match=r"holds another run .*, or --new to replace it"):
        run_experiment(finished, assignments=[*SMALL, "seed=8"])
    run_experiment(finished, assignments=[*SMALL, "seed=8"], new=True)
    assert (bundles / "CURRENT").read_text() == "v2\n"
    assert (bundles / "v1").is_dir()


def test_only_the_output_option_starts_at_the_current_folder(finished: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    run_experiment(finished, assignments=[*SMALL, "output=beside"])
    run_experiment(finished, assignments=SMALL, output=Path("here"))
    assert (finished.parent / "beside" / "result.json").exists()
    assert (tmp_path / "here" / "result.json").exists()
