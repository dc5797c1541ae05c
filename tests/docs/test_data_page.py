"""docs/data.md says how tables are read: every claim of its tables is tried."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from docs.page import Page
from foretaste import DataError, Domain, Experiment, Overlap, Platform, Transfer
from foretaste.config import parse_yaml, validate
from foretaste.data import read_table
from foretaste.data._columns import ALIASES
from foretaste.data._door import _RATING_NAMES
from foretaste.data._features import FeatureKind, Features
from foretaste.data._transfer import Shared
from foretaste.evaluation import prepared

PAGE = Page("data.md")
TEXT = "user_id,item_id\n7,a\n8,b\n"
TWO = {"user_id": [1, 2], "item_id": ["a", "b"]}


def experiment(block: str) -> Experiment:
    """What a block of the page says, with a transfer where it names none."""
    if "transfers:" not in block:
        name = next(iter(parse_yaml(block, "data.md").data["domains"]))
        block = f"{block}  elsewhere: {{path: x.csv}}\ntransfers:\n  - {{source: {name}, target: elsewhere}}\n"
    return validate(Experiment, parse_yaml(block, "data.md"))


def write_two_tables(folder: Path) -> None:
    grocery, drugstore = (PAGE.block("csv", having=header) for header in ("quantity", "household"))
    (folder / "grocery.csv").write_text(grocery)
    (folder / "drugstore.csv").write_text(drugstore)


# The two tables, at the prompt and as an experiment


def test_what_is_typed_at_the_prompt_prints_what_stands_there(tmp_path, monkeypatch):
    write_two_tables(tmp_path)
    monkeypatch.chdir(tmp_path)
    PAGE.try_prompts()


def test_the_two_tables_are_read_as_the_experiment_says(tmp_path):
    write_two_tables(tmp_path)
    said = experiment(PAGE.block("yaml", having="timestamp: visit"))
    found = {name: Platform().load_domain(name, spec, tmp_path) for name, spec in said.domains.items()}
    assert all(domain.interactions.times is not None for domain in found.values())
    pair = Transfer.of(found["grocery"], found["drugstore"], Overlap(said.transfers[0].shared)).pair
    assert pair.target.interactions.users.take(pair.shared_people) == [7, 8]


def test_the_link_table_joins_cards_to_people(tmp_path):
    write_two_tables(tmp_path)
    said = experiment(PAGE.block("yaml", having="links:"))
    assert said.transfers[0].links.users == "cards.csv"
    (tmp_path / "cards.csv").write_text(PAGE.block("csv", having="from_id"))
    cards = pl.read_csv(tmp_path / "grocery.csv").with_columns(pl.format("card-{}", "user_id").alias("user_id"))
    names = {"user_id": "household", "item_id": "product"}
    drugstore = Domain.from_frame(pl.read_csv(tmp_path / "drugstore.csv"), "drugstore", columns=names)
    links = read_table(tmp_path / "cards.csv")
    transfer = Transfer.of(Domain.from_frame(cards, "grocery"), drugstore, Overlap(user_links=links))
    assert drugstore.interactions.users.take(transfer.shared_people) == [7, 8]


def test_the_query_reads_its_rows(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table sales (customer, sku, pieces)")
        shop.executemany("insert into sales values (?, ?, ?)", [(7, "soap", 1), (7, "soap", 2), (8, "comb", 1)])
    shop.close()
    spec = experiment(PAGE.block("yaml", having="kind: sql")).domains["orders"]
    assert sorted(Platform().load_domain("orders", spec, tmp_path).interactions.values.tolist()) == [1.0, 3.0]


# Files and columns


def write(path: Path) -> None:
    text = TEXT if ".csv" in path.name else TEXT.replace(",", "\t")
    if path.suffix == ".parquet":
        pl.DataFrame({"user_id": [7, 8], "item_id": ["a", "b"]}).write_parquet(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix in (".zst", ".zstd"):
        plain = path.with_suffix(".zst")
        pl.read_csv(text.encode(), separator="\t").lazy().sink_csv(plain, separator="\t", compression="zstd")
        plain.rename(path)
    else:
        path.write_text(text)


@pytest.mark.parametrize("cell", PAGE.keys("`path` | is read as"))
def test_a_file_of_each_kind_is_read(tmp_path, cell):
    if cell == "a folder":
        endings = ["parts"]
        (tmp_path / "shopparts").mkdir()
        (tmp_path / "shopparts" / "_SUCCESS").write_text("")
        write(tmp_path / "shopparts" / "1.csv")
    else:
        endings = [ending.strip("` ") for ending in cell.split(",") if "..." not in ending]
        for ending in endings:
            write(tmp_path / f"shop{ending}")
    assert endings
    for ending in endings:
        assert read_table(tmp_path / f"shop{ending}").rows() == [(7, "a"), (8, "b")]


def test_the_columns_and_aliases_are_those_that_are_recognised():
    said = {row[0].strip("`"): row[1] for row in PAGE.table("column | also read")}
    assert said == {name: ", ".join(f"`{alias}`" for alias in also) for name, also in ALIASES.items()}


def test_other_columns_are_left_aside_without_a_word():
    assert Domain.from_frame(pl.DataFrame({**TWO, "visit": ["2024-05-30", "2024-05-31"]})).notes == ()


def test_leading_zeros_make_a_column_of_text(tmp_path):
    (tmp_path / "a.csv").write_text("user_id,item_id\n007,1\n8,2\n")
    assert read_table(tmp_path / "a.csv").rows() == [("007", 1), ("8", 2)]


def test_times_without_a_zone_count_as_utc():
    frames = [pl.DataFrame({**TWO, "time": 2 * [text]}) for text in ("1970-01-01T01:00", "1970-01-01T03:00+02:00")]
    assert [Domain.from_frame(frame).interactions.times.tolist() for frame in frames] == [[3600, 3600]] * 2


# Feedback


def test_only_columns_called_rating_or_stars_are_ratings_by_themselves():
    (said,) = (row[1] for row in PAGE.table("`feedback`") if row[0] == "`auto`")
    assert all(f"`{name}`" in said for name in _RATING_NAMES)
    kinds = {
        name: Domain.from_frame(pl.DataFrame({**TWO, name: [1, 5]})).interactions.feedback.kind
        for name in ("Stars", "RATING", "score", "weight", "quantity")
    }
    assert [name for name, kind in kinds.items() if kind == "explicit"] == ["Stars", "RATING"]


def test_ratings_in_a_column_called_weight_are_all_preferences():
    assert Domain.from_frame(pl.DataFrame({**TWO, "weight": [1, 5]})).interactions.preferred.all()


# What is done to rows


TABLES: dict[str, tuple[dict[str, list[Any]], dict[str, Any]]] = {
    "column 'quantity' read as weight": ({**TWO, "quantity": [1, 2]}, {}),
    "column 'ratings' left aside: if it holds what weight stands for, name it, as in columns: {weight: ratings}": (
        {**TWO, "ratings": [1, 2]},
        {},
    ),
    "1 rows without quantity dropped": ({**TWO, "quantity": [1, None]}, {"missing": "drop"}),
    "1 repeated rows of one user and item merged (sum)": ({"user_id": [1, 1], "item_id": ["a", "a"]}, {}),
    "score looks like ratings, and is read as strengths, of which each is a preference: set feedback: explicit if these"
    " are ratings, else implicit": ({"user_id": [1, 2, 3], "item_id": ["a", "b", "c"], "score": [1, 4, 5]}, {}),
    "no rating reaches 4 (positive.min): nothing counts as preferred": ({**TWO, "rating": [1, 2]}, {}),
    "1 of 3 training rows dropped (minimum), and with them all of 1 users and 0 items": (
        {"user_id": [1, 1, 2], "item_id": ["a", "b", "a"]},
        {"minimum": {"user": 2, "item": 1}},
    ),
}


@pytest.mark.parametrize("note", [row[3].strip("`") for row in PAGE.table("found | policy") if row[3]])
def test_a_note_reads_as_on_the_page(note):
    frame, options = TABLES[note]
    trained = prepared(Transfer.of(Domain.from_frame(pl.DataFrame(frame), **options), shop("b", [1]), Overlap()))
    assert note in trained.pair.source.notes


@pytest.mark.parametrize(("policy", "value"), [("last", 1), ("sum", 6), ("max", 5)])
def test_of_merged_rows_the_newest_stays(policy, value):
    frame = pl.DataFrame({"user_id": [1, 1], "item_id": ["a", "a"], "count": [1, 5], "time": [20, 10]})
    rows = Domain.from_frame(frame, duplicates=policy).interactions
    assert (rows.times.tolist(), rows.values.tolist()) == ([20], [value])


# Features


def test_the_kinds_of_features_are_all_there():
    assert sorted(PAGE.keys("kind | values")) == sorted(get_args(FeatureKind))


def test_kinds_are_guessed_as_the_page_says(tmp_path):
    index = Domain.from_frame(pl.DataFrame(TWO)).interactions.items
    table = pl.DataFrame(
        {
            "item_id": ["a", "b"],
            "price": [1, 2],
            "tags": ["new|cheap", "new"],
            "words": [["x"], []],
            "brand": ["c", "d"],
        }
    )
    kinds = Features.from_frame(table, index, "item_id", {}, "products").kinds
    assert list(kinds.values()) == ["numeric", "multi-valued", "multi-valued", "categorical"]


def test_the_features_of_the_page_are_read(tmp_path):
    write_two_tables(tmp_path)
    pl.DataFrame({"item_id": ["soap", "x"], "title": ["Soap", "X"]}).write_csv(tmp_path / "products.csv")
    pl.DataFrame({"user_id": [7, 8], "age": [41, 42]}).write_parquet(tmp_path / "people.parquet")
    names = "columns: {user_id: household, item_id: product}"
    block = PAGE.block("yaml", having="item_features").replace("item_features", f"{names}\n    item_features")
    domain = Platform().load_domain("drugstore", experiment(block).domains["drugstore"], tmp_path)
    assert domain.item_features is not None
    assert domain.item_features.kinds == {"title": "text"}
    assert domain.user_features is not None
    assert domain.user_features.missing == {"age": 1}


# What is shared


def test_the_kinds_of_sharing_are_all_there():
    assert PAGE.keys("`shared` | equal ids are") == list(get_args(Shared))


def shop(name: str, users: list[Any]) -> Domain:
    return Domain.from_frame(pl.DataFrame({"user_id": users, "item_id": len(users) * [name]}), name)


def test_ids_like_row_numbers_are_noted_with_the_number_in_common():
    (warning,) = Transfer.of(shop("a", [0, 1, 2]), shop("b", [1, 2, 3, 4]), Overlap("users")).pair.warnings
    assert "user ids look like row numbers on both sides (2 in common)" in warning


@pytest.mark.parametrize(
    ("users", "message"),
    [([30, 40], "users are declared shared, but none of 2"), (["7", "8"], "expected one type")],
)
def test_what_cannot_be_shared_is_an_error(users, message):
    with pytest.raises(DataError, match=message):
        Transfer.of(shop("a", [7, 8]), shop("b", users), Overlap("users"))


def test_links_of_unknown_ids_are_counted_and_an_error_if_all_are():
    links = pl.DataFrame({"from_id": ["x", "y"], "to_id": [7, 8]})
    (warning,) = Transfer.of(shop("a", ["x", "z"]), shop("b", [7, 8]), Overlap(user_links=links)).pair.warnings
    assert "1 of 2 user links name an id that is not in the data" in warning
    with pytest.raises(DataError, match="none of 2 links joins known users"):
        Transfer.of(shop("a", ["v", "w"]), shop("b", [7, 8]), Overlap(user_links=links))
