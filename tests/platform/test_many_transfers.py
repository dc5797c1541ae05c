"""Globs stand for many transfers: a source is pretrained once for all, and a matrix says what each came to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evaluation.toy_experiment import Bad, Popular, Shelf, Taste, experiment, platform, shop
from foretaste import ConfigError, DataError, MissingPackageError, OutputError, Platform, RunResult, hookimpl
from foretaste.pictures import draw_lifts

NAMES = ("grocery", "drugstore", "bakery")
DOMAINS = {name: {"path": f"{name}.parquet"} for name in NAMES}
ALL = {"source": "*", "target": "*"}


class Count:
    """Notes what is pretrained, and on which source."""

    foretaste_api = 1

    def __init__(self) -> None:
        self.pretrained: list[tuple[str, str]] = []

    @hookimpl(wrapper=True)
    def pretrain(self, strategy: Any, source: Any) -> Any:
        self.pretrained.append((strategy.name, source.name))
        return (yield)


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shops")
    for seed, name in enumerate(NAMES, 1):
        shop(seed, name[0]).write_parquet(folder / f"{name}.parquet")
    return folder


def asked(*transfers: dict[str, Any], **changed: Any) -> Any:
    return experiment(*({"strategy": "toy/taste"} | one for one in transfers), domains=DOMAINS, **changed)


@pytest.fixture(scope="module")
def whole(shops: Path) -> tuple[RunResult, Count]:
    count = Count()
    made = platform(count, kinds=(Popular, Taste, Bad))
    return made.run(asked(ALL), folder=shops, output=shops / "whole"), count


def test_a_source_is_pretrained_once_for_all_its_targets(whole: tuple[RunResult, Count]) -> None:
    result, count = whole
    assert len(result.transfers) == 6
    assert sorted(one for one in count.pretrained if one[0] == "toy/taste") == [
        ("toy/taste", name) for name in sorted(NAMES)
    ]


def test_a_run_with_globs_is_equal_to_the_one_that_is_written_out(whole: Any, shops: Path) -> None:
    written = [{"source": one.source, "target": one.target} for one in whole[0].transfers]
    count = Count()
    again = platform(count, kinds=(Popular, Taste, Bad))  # another plugin in hand of the same kind
    found = again.run(asked(*written), folder=shops, output=shops / "whole")
    assert (found.fingerprint, count.pretrained) == (whole[0].fingerprint, [])


def test_the_matrix_has_the_lift_and_the_verdict_of_each_transfer(whole: tuple[RunResult, Count]) -> None:
    result = whole[0]
    for cell, transfer in zip(result.matrix, result.transfers, strict=True):
        entry = transfer.entry(transfer.chosen)
        assert (cell.source, cell.target, cell.chosen) == (transfer.source, transfer.target, transfer.chosen)
        assert (cell.lift, cell.verdict) == (entry.lift, entry.verdict)
    assert {cell.verdict for cell in result.matrix} == {"helps"}


def test_where_a_baseline_is_handed_on_the_matrix_says_so(shops: Path, tmp_path: Path) -> None:
    made = platform(kinds=(Popular, Taste, Bad))
    bad = asked({"target": "*", "strategy": "toy/bad"}, refit=False)
    found = made.run(bad, folder=shops, output=tmp_path / "bad")
    assert [(cell.chosen, cell.lift, cell.verdict) for cell in found.matrix] == 2 * [("toy/popular", None, "baseline")]
    draw_lifts(found, tmp_path / "bad.png")  # nothing is gained anywhere


def test_the_matrix_is_drawn(whole: tuple[RunResult, Count], tmp_path: Path) -> None:
    assert draw_lifts(whole[0], tmp_path / "lifts.png").read_bytes().startswith(b"\x89PNG")
    text = draw_lifts(whole[0], tmp_path / "lifts.svg").read_text()
    assert "<svg" in text


def test_a_picture_that_cannot_be_written_is_told(whole: tuple[RunResult, Count], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no/lifts\.png: cannot be written"):
        draw_lifts(whole[0], tmp_path / "no" / "lifts.png")


def test_a_picture_without_matplotlib_names_the_extra(whole: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r"pictures need matplotlib: pip install 'foretaste\[report\]'"):
        draw_lifts(whole[0], tmp_path / "lifts.png")


def test_a_mistake_of_many_transfers_is_told_once_by_its_place_in_the_file(shops: Path) -> None:
    made = Platform([Shelf(Popular, Taste)], entry_points=False)
    with pytest.raises(ConfigError) as caught:
        made.run(asked({"target": "bakery"}, ALL | {"strategy": "toy/tast"}), folder=shops)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("transfers[1].strategy: unknown strategy 'toy/tast'")


def test_pairs_that_share_nobody_are_named(shops: Path, tmp_path: Path) -> None:
    for name in NAMES:
        table = pl.read_parquet(shops / f"{name}.parquet")
        table.with_columns(user_id=pl.format("{}{}", pl.lit(name[0]), "user_id")).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    with pytest.raises(DataError, match=r"^drugstore -> grocery: users are declared shared, but none"):
        platform(kinds=(Popular, Taste)).run(asked(ALL), folder=tmp_path)


# A pair that cannot be served ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shops; nobody in the bakery is known in the others."""
    folder = tmp_path_factory.mktemp("strangers")
    for seed, name in enumerate(NAMES, 1):
        table = shop(seed, name[0])
        if name == "bakery":
            table = table.with_columns(user_id="b" + pl.col("user_id"))
        table.write_parquet(folder / f"{name}.parquet")
    return folder


BAKERY = "grocery -> bakery: users are declared shared, but none of 100 source users has rows on both sides"


def test_a_run_leaves_out_what_a_glob_found_and_cannot_be_served(strangers: Path, tmp_path: Path) -> None:
    made = platform(kinds=(Popular, Taste))
    found = made.run(asked({"target": "*"}), folder=strangers, output=tmp_path)
    assert [one.target for one in found.transfers] == ["drugstore"]
    (line,) = found.left_out
    assert line.startswith(BAKERY)
    again = made.run(asked({"target": "*"}), folder=strangers, output=tmp_path)  # taken from the folder
    assert again == found


def test_what_a_strategy_objects_to_is_left_out_too(tmp_path: Path) -> None:
    for seed, name in enumerate(NAMES, 1):
        shop(seed, name[0], rows=3 if name == "bakery" else 6).write_parquet(tmp_path / f"{name}.parquet")

    class Choosy(Taste):
        name = "toy/choosy"

        def objection(self, facts: Any) -> str | None:
            return "too few rows" if facts[0].target_interactions < 300 else None

    found = platform(kinds=(Popular, Choosy)).run(asked({"target": "*", "strategy": "toy/choosy"}), folder=tmp_path)
    assert [one.target for one in found.transfers] == ["drugstore"]
    assert found.left_out == [
        "grocery -> bakery: toy/choosy cannot serve this transfer: too few rows (measured after the hold-out)"
    ]


def test_a_comparison_leaves_it_out_too(strangers: Path, tmp_path: Path) -> None:
    made = platform(kinds=(Popular, Taste))
    found = made.compare(asked({"target": "*"}), folder=strangers, output=tmp_path, control=None)
    assert [one.target for one in found.transfers] == ["drugstore"]
    assert len(found.fingerprints) == 1
    assert found.left_out[0].startswith(BAKERY)


def test_an_explanation_says_it_of_the_pair(strangers: Path) -> None:
    drugstore, bakery = platform(kinds=(Popular, Taste)).explain(asked({"target": "[bd]*"}), folder=strangers)
    assert (bakery.target, bakery.decision) == ("bakery", None)
    assert bakery.notes[0].startswith(BAKERY)
    assert drugstore.decision is not None


def test_a_pair_that_is_written_out_and_cannot_be_served_is_an_error(strangers: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^{BAKERY}"):
        platform(kinds=(Popular, Taste)).run(
            asked({"target": "*"}, {"target": "bakery"}), folder=strangers, output=tmp_path
        )
