"""Forecasts of an experiment: for each transfer and source, of what is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evaluation.toy_experiment import experiment, platform, shop
from foretaste import Domain, Overlap, Platform, Transfer
from foretaste.evaluation import hold_out
from foretaste.platform import PairForecast

DOMAINS = {name: {"path": f"{name}.parquet"} for name in ("grocery", "bakery", "drugstore")}


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    for seed, name in enumerate(DOMAINS, 1):
        shop(seed, name[0]).write_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def asked(*transfers: dict[str, Any], **changed: Any) -> Any:
    return experiment(*transfers, domains=DOMAINS, **changed)


def test_each_source_of_a_transfer_has_a_forecast_of_its_own(shops: Path) -> None:
    both = asked({"source": ["grocery", "bakery"]}, {"source": "bakery", "target": "grocery"})
    found = Platform().forecast(both, folder=shops)
    assert [(one.source, one.target) for one in found] == [
        ("grocery", "drugstore"),
        ("bakery", "drugstore"),
        ("bakery", "grocery"),
    ]
    assert all(isinstance(one, PairForecast) and one.forecast.people == 70 for one in found)
    assert found[0].forecast != found[1].forecast


def test_the_people_of_the_test_have_no_say_in_a_forecast(shops: Path) -> None:
    """What the hidden people have in the target is replaced by what nobody else has."""
    (before,) = platform().forecast(asked(), folder=shops)
    seen = platform().explain(asked(), folder=shops, forecasts=True)[0]
    assert seen.forecasts == [before]
    table = shops / "drugstore.parquet"
    rows = pl.read_parquet(table)
    hidden = hidden_people(shops)
    changed = pl.when(pl.col("user_id").is_in(hidden)).then(pl.lit("d00")).otherwise(pl.col("item_id"))
    rows.with_columns(item_id=changed).write_parquet(table)
    assert len(hidden) == 30
    (after,) = platform().forecast(asked(), folder=shops)
    assert (after.forecast.expected, after.forecast.control) == (before.forecast.expected, before.forecast.control)


def hidden_people(folder: Path) -> list[Any]:
    sides = [Domain.from_frame(pl.read_parquet(folder / f"{name}.parquet"), name) for name in ("grocery", "drugstore")]
    held = hold_out(Transfer.of(*sides, Overlap("users")), asked().holdout, asked().seed)
    ids = held.train.target.interactions.users.ids
    return [ids[int(row)] for row in held.people]


@pytest.mark.parametrize("policy", ["report", "drop", "merge"])
def test_copies_of_the_targets_items_are_left_out_whatever_is_done_about_twins(shops: Path, policy: str) -> None:
    copies = pl.read_parquet(shops / "drugstore.parquet").with_columns(item_id="copy of " + pl.col("item_id"))
    pl.concat([pl.read_parquet(shops / "grocery.parquet"), copies]).write_parquet(shops / "grocery.parquet")
    (found,) = Platform().forecast(asked({"twins": policy}), folder=shops)
    assert found.forecast.twins == copies["item_id"].n_unique()
    assert found.forecast.source_items == 24


def test_a_pair_that_a_glob_found_and_that_cannot_be_served_has_the_reason(shops: Path) -> None:
    strangers = shop(4, "w").with_columns(user_id="w" + pl.col("user_id"))
    strangers.write_parquet(shops / "bakery.parquet")
    served, left_out = Platform().forecast(asked({"source": "*"}), folder=shops)
    assert (served.source, served.forecast.reason) == ("grocery", None)
    assert left_out.source == "bakery"
    assert left_out.forecast.sentences()[0].startswith("no forecast: bakery -> drugstore: users are declared shared")
