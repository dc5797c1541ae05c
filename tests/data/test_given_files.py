"""Files of hidden rows and of candidates join a domain; each mistake is one error, each change one counted note."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from foretaste.data import Domain, DomainSpec, Features, with_given
from foretaste.errors import DataError

TABLE = "user_id,item_id\nann,tea\nann,milk\nbob,tea\nbob,milk\n"
TEST = "user_id\titem_id\nann\tbread\ncat\tsalt\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.csv").write_text(TABLE)
    (tmp_path / "test.tsv").write_text(TEST)
    return tmp_path


def joined(folder: Path, candidates: str | None = None, validation: str | None = None, **options) -> Domain:
    spec = DomainSpec(path="shop.csv", **options)
    files = ({} if validation is None else {"validation": validation}) | {"test": "test.tsv"}
    return with_given(Domain.load("shop", spec, folder), spec, folder, files=files, candidates=candidates)


def rows(domain: Domain) -> set[tuple[str, str, str]]:
    one = domain.interactions
    return set(zip(one.users.take(one.user_rows), one.items.take(one.item_rows), one.splits, strict=True))


def refused(folder: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        joined(folder, **options)
    return str(caught.value).replace(f"{folder}/", "")


def ranked(folder: Path, text: str) -> Domain:
    (folder / "lists.csv").write_text(text)
    return joined(folder, "lists.csv")


def lists(domain: Domain) -> set[tuple[str, str]]:
    places = domain.candidates.tocoo()
    users, items = domain.interactions.users, domain.interactions.items
    return set(zip(users.take(places.row), items.take(places.col), strict=True))


# Rows ----------------------------------------------------------------------------------------------------------


def test_rows_of_a_file_are_rows_under_the_name_of_a_split(folder):
    found = joined(folder)
    assert rows(found) >= {("ann", "bread", "test"), ("cat", "salt", "test"), ("bob", "tea", "")}
    assert len(found.interactions) == 6
    assert found.notes == ("test.tsv: 2 rows joined as test rows; 1 users and 2 items are not in the table",)


@pytest.mark.parametrize("name", ["valid.csv", "valid.parquet", "valid.csv.zst"])
def test_a_validation_file_may_be_of_another_format(folder, name):
    table = pl.DataFrame({"user_id": ["bob"], "item_id": ["bread"]})
    if name.endswith("parquet"):
        table.write_parquet(folder / name)
    else:
        table.write_csv(folder / name, compression="zstd" if name.endswith("zst") else "uncompressed")
    assert ("bob", "bread", "validation") in rows(joined(folder, validation=name))


def test_files_of_one_name_in_two_folders_are_two_files(folder):
    (folder / "valid").mkdir()
    (folder / "valid" / "test.tsv").write_text("user_id\titem_id\nbob\tbread\n")
    found = rows(joined(folder, validation="valid/test.tsv"))
    assert {("bob", "bread", "validation"), ("ann", "bread", "test"), ("cat", "salt", "test")} < found


def test_the_columns_of_the_target_are_those_of_its_files(folder):
    (folder / "shop.csv").write_text("who,what,when\nann,tea,1\nbob,milk,2\n")
    (folder / "test.tsv").write_text("who\twhat\twhen\nann\tmilk\t3\n")
    found = joined(folder, columns={"user_id": "who", "item_id": "what", "timestamp": "when"})
    assert found.interactions.times.tolist() == [1, 2, 3]


def test_a_row_that_stands_in_several_places_is_a_test_row_only(folder):
    (folder / "test.tsv").write_text("user_id\titem_id\nann\ttea\nbob\tmilk\n")
    (folder / "valid.csv").write_text("user_id,item_id\nann,tea\nann,milk\n")
    found = joined(folder, validation="valid.csv")
    assert rows(found) == {
        ("ann", "tea", "test"),
        ("bob", "milk", "test"),
        ("ann", "milk", "validation"),
        ("bob", "tea", ""),
    }
    assert found.notes[2:] == (
        "1 rows whose user and item also stand in a validation row left out: they are validation rows",
        "3 rows whose user and item also stand in a test row left out: they are test rows",
    )


def test_a_split_column_and_files_go_together(folder):
    (folder / "shop.csv").write_text("user_id,item_id,split\nann,tea,train\nann,milk,validation\nbob,tea,train\n")
    found = rows(joined(folder))
    assert {("ann", "milk", "validation"), ("ann", "bread", "test"), ("bob", "tea", "train")} <= found


def test_without_times_everywhere_there_are_none(folder):
    (folder / "shop.csv").write_text("user_id,item_id,timestamp\nann,tea,1\nbob,milk,2\n")
    found = joined(folder, columns={"timestamp": "timestamp"})
    assert found.interactions.times is None
    assert "no timestamps in test.tsv: those of the others left out" in found.notes


def test_ratings_need_ratings_in_every_file(folder):
    (folder / "shop.csv").write_text("user_id,item_id,stars\nann,tea,5\nbob,milk,2\n")
    assert refused(folder) == (
        "test.tsv: explicit feedback needs ratings: no column 'weight'; found user_id, item_id;"
        " name it, as in columns: {weight: points}"
    )
    assert refused(folder, columns={"weight": "stars"}) == (
        "test.tsv: columns.weight: no column 'stars'; found user_id, item_id"
    )
    (folder / "test.tsv").write_text("user_id\titem_id\tstars\nann\tmilk\t3\nbob\ttea\t4\n")
    assert joined(folder).interactions.preferred.tolist() == [True, False, False, True]


def test_features_are_read_for_items_that_are_only_tested(folder):
    (folder / "items.csv").write_text("item_id,shelf\ntea,dry\nsalt,spices\n")
    found = joined(folder, item_features="items.csv")
    assert len(found.item_features.table) == len(found.interactions.items)
    place = found.interactions.items.rows(["salt"])[0]
    assert found.item_features.table["shelf"][int(place)] == "spices"


def test_features_that_a_plugin_brought_are_lengthened(folder):
    spec = DomainSpec(kind="cloud")
    table = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["tea", "milk"]})
    domain = Domain.from_frame(table, "shop")
    index = domain.interactions.items
    features = Features.from_frame(
        pl.DataFrame({"item_id": ["tea"], "price": [2.0]}), index, "item_id", {}, "items of the cloud"
    )
    domain = Domain("shop", domain.interactions, item_features=features)
    found = with_given(domain, spec, folder, files={"test": "test.tsv"})
    assert found.item_features.table["price"].to_list() == [None, 2.0, None, None]
    assert found.item_features.index is found.interactions.items


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "test.tsv: no such file"),
        ("", "test.tsv: the file is empty"),
        ("user_id\titem_id\n", "test.tsv: the table has no rows, expected one for each user and item"),
        (
            "user_id\tthing\nann\ttea\n",
            "test.tsv: no column 'item_id'; found user_id, thing; name it, as in columns: {item_id: product}",
        ),
        ("user_id\titem_id\n1\ttea\n", "test.tsv: user ids: found whole numbers, expected strings, as in the data"),
        ("user_id\titem_id\nann\t7\n", "test.tsv: item ids: found whole numbers, expected strings, as in the data"),
    ],
)
def test_a_file_that_is_no_table_of_feedback(folder, text, words):
    (folder / "test.tsv").unlink()
    if text is not None:
        (folder / "test.tsv").write_text(text)
    assert refused(folder) == words


# Candidates ----------------------------------------------------------------------------------------------------


def test_candidates_are_kept_for_people_who_are_tested(folder):
    found = ranked(folder, "user_id,item_id\nann,bread\nann,tea\ncat,salt\ncat,soap\ncat,milk\nbob,tea\nbob,milk\n")
    assert lists(found) == {("ann", "bread"), ("ann", "tea"), ("cat", "salt"), ("cat", "soap"), ("cat", "milk")}
    assert found.candidates.shape == found.interactions.shape
    assert found.notes[1:] == (
        "ranked among given candidates, 2.5 per person (median), not over the full catalogue",
        "lists.csv: lists of 1 users without preferred test rows left out",
        "lists.csv: 1 items have no row, neither in training nor in the test",
    )


def test_answers_that_are_no_candidates_are_counted(folder):
    found = ranked(folder, "user_id,item_id\nann,bread\ncat,tea\n")
    expected = "lists.csv: 1 of 2 preferred test rows are not among their person's candidates: they are misses"
    assert expected in found.notes


def test_repeated_candidates_are_merged_and_counted(folder):
    found = ranked(folder, "user_id,item_id\nann,bread\nann,bread\nann,bread\ncat,salt\n")
    assert lists(found) == {("ann", "bread"), ("cat", "salt")}
    assert "lists.csv: 2 repeated candidates merged" in found.notes


def test_candidates_are_read_by_the_columns_of_the_target(folder):
    (folder / "shop.csv").write_text("who,item_id\nann,tea\nbob,milk\n")
    (folder / "test.tsv").write_text("who\titem_id\nann\tmilk\n")
    (folder / "lists.csv").write_text("who,item_id,score,rating\nann,milk,1,2\n")
    assert lists(joined(folder, "lists.csv", columns={"user_id": "who"})) == {("ann", "milk")}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user_id,item_id\n", "lists.csv: the table has no rows, expected one for each person and item to rank"),
        (
            "user_id,thing\nann,tea\n",
            "lists.csv: no column 'item_id'; found user_id, thing; name it, as in columns: {item_id: product}",
        ),
        ("user_id,item_id\nann,\nann,tea\n", "lists.csv: row 1: item_id is missing, expected an id in every row"),
        ("user_id,item_id\n1,tea\n", "lists.csv: user ids: found whole numbers, expected strings, as in the data"),
        (
            "user_id,item_id\nann,7\ncat,8\n",
            "lists.csv: item ids: found whole numbers, expected strings, as in the data",
        ),
        (
            "user_id,item_id\nann,bread\n",
            "lists.csv: 1 of 2 people with preferred test rows have no candidates (the first is 'cat'),"
            " expected a list for each",
        ),
    ],
)
def test_a_file_that_is_no_table_of_candidates(folder, text, words):
    (folder / "lists.csv").write_text(text)
    assert refused(folder, candidates="lists.csv") == words


def test_candidates_that_are_missing(folder):
    assert refused(folder, candidates="lists.csv") == "lists.csv: no such file"
