"""What README shows works as it stands there."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from foretaste.cli import app

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(language, *, having):
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if having in b]
    assert len(found) == 1, f"README has {len(found)} {language} blocks with {having!r}"
    return found[0]


@pytest.fixture(scope="module")
def two_tables(tmp_path_factory):
    """A grocery and a drugstore where 120 people of two tastes buy, written as README's experiment names them."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    rows = []
    for person in range(120):
        taste = person % 2
        for shop, count in (("grocery", 8), ("drugstore", 5)):
            likes = np.where(np.arange(30) % 2 == taste, 4.0, 1.0)
            items = rng.choice(30, count, replace=False, p=likes / likes.sum())
            rows += [(shop, person, f"{shop[0]}{item}") for item in items]
    table = pl.DataFrame(rows, schema=["shop", "user_id", "item_id"], orient="row")
    table.filter(pl.col("shop") == "grocery").drop("shop").write_parquet(folder / "grocery.parquet")
    drugstore = table.filter(pl.col("shop") == "drugstore").drop("shop")
    drugstore.rename({"user_id": "household", "item_id": "product"}).write_csv(folder / "drugstore.csv")
    (folder / "experiment.yaml").write_text(block("yaml", having="transfers:"))
    return folder


@pytest.fixture(scope="module")
def after_the_run(two_tables):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(two_tables)
        assert "foretaste run experiment.yaml" in block("sh", having="foretaste run")
        yield CliRunner().invoke(app, ["run", "experiment.yaml"])


def test_the_run_it_shows_works(after_the_run):
    assert after_the_run.exit_code == 0, after_the_run.output
    assert "grocery -> drugstore" in after_the_run.output


def test_the_host_application_it_shows_works(after_the_run, capsys):
    exec(block("python", having="load_bundle"), {})
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["1", "7"]


def test_it_opens_with_the_two_commands():
    assert re.findall(r"^make \w+", block("sh", having="make run"), re.MULTILINE) == ["make run", "make test"]
