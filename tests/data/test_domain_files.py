"""Files and folders become domains, or one error that names the file."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from foretaste.config import Document, validate
from foretaste.data import Domain, DomainSpec, read_links, read_table
from foretaste.errors import ConfigError, DataError

TABLE = pl.DataFrame({"user_id": ["ann", "bob", "ann"], "item_id": [1, 2, 3], "weight": [1.0, 2.5, 3.0]})


def load(path: Path, **options) -> Domain:
    return Domain.load("shop", DomainSpec(path=path.name, **options), path.parent)


def error_of(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        load(path, **options)
    return str(caught.value)


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"shop.{name}" for name in ("csv", "tsv", "parquet", "csv.gz", "csv.zst", "tsv.gz")}
    TABLE.write_csv(paths["csv"])
    TABLE.write_csv(paths["tsv"], separator="\t")
    TABLE.write_parquet(paths["parquet"])
    paths["csv.gz"].write_bytes(gzip.compress(paths["csv"].read_bytes()))
    paths["tsv.gz"].write_bytes(gzip.compress(paths["tsv"].read_bytes()))
    paths["csv.zst"].write_bytes(pa.compress(paths["csv"].read_bytes(), codec="zstd", asbytes=True))
    return paths


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "csv.gz", "csv.zst", "tsv.gz"])
def test_every_format_gives_the_same_domain(files, kind):
    rows = load(files[kind]).interactions
    assert rows.users.take(rows.user_rows) == ["ann", "bob", "ann"]
    assert rows.items.take(rows.item_rows) == [1, 2, 3]
    assert rows.values.tolist() == [1.0, 2.5, 3.0]


def test_the_suffix_may_be_in_capitals(tmp_path):
    TABLE.write_csv(tmp_path / "SHOP.CSV")
    assert len(load(tmp_path / "SHOP.CSV").interactions) == 3


@pytest.mark.parametrize("name", ["shop[1].csv", "shop[1].csv.gz", "shop[1].parquet", "sho?.csv"])
def test_a_path_is_a_name_and_no_pattern(tmp_path, name):
    written(tmp_path / "shop.csv", "user_id,item_id\nother,1\n")
    table = io.BytesIO()
    TABLE.write_parquet(table) if name.endswith("parquet") else TABLE.write_csv(table)
    (tmp_path / name).write_bytes(gzip.compress(table.getvalue()) if name.endswith("gz") else table.getvalue())
    assert load(tmp_path / name).interactions.users.ids.to_list() == ["ann", "bob"]


def test_ids_with_leading_zeros_come_back_as_they_went_in(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id,weight\n007,1,2\n8,2,3\n")
    rows = load(path).interactions
    assert rows.users.ids.to_list() == ["007", "8"]
    assert rows.items.ids.to_list() == [1, 2]


def test_ids_beyond_64_bits_come_back_as_text(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id\n99999999999999999999,1\n5,2\n")
    assert load(path).interactions.users.ids.to_list() == ["5", "99999999999999999999"]


def test_a_missing_file_is_an_error(tmp_path):
    path = tmp_path / "nowhere.csv"
    assert error_of(path) == f"{path}: no such file"


@pytest.mark.parametrize("name", ["shop.csv", "shop.tsv", "shop.csv.gz"])
def test_an_empty_file_is_an_error(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    assert error_of(path) == f"{path}: the file is empty"


def test_a_file_with_only_a_header_is_an_error(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id\n")
    assert error_of(path) == f"{path}: the table has no rows, expected one for each user and item"


def test_an_unknown_kind_of_file_is_an_error(tmp_path):
    path = written(tmp_path / "shop.json", "{}")
    assert error_of(path) == (
        f"{path}: found 'shop.json', expected .csv, .tsv or .parquet (also .gz, .zst), or a folder of them"
    )


def test_a_damaged_parquet_file_is_an_error(tmp_path):
    path = written(tmp_path / "shop.parquet", "not parquet")
    assert error_of(path).startswith(f"{path}: cannot be read as parquet: ")


def test_a_ragged_csv_file_is_an_error(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id\na,1\nb,2,3\n")
    assert error_of(path).startswith(f"{path}: cannot be read as csv: ")


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("latin-1", "bytes that are no UTF-8 text"),
        ("utf-16", "null characters in the header, as UTF-16 text has"),
        ("utf-16-le", "null characters in the header, as UTF-16 text has"),
        ("utf-32", "null characters in the header, as UTF-16 text has"),
    ],
)
def test_text_that_is_not_utf_8_is_an_error_that_says_what_to_do(tmp_path, encoding, found):
    path = tmp_path / "shop.csv"
    path.write_bytes("user_id,item_id\nann,crème\n".encode(encoding))
    assert error_of(path) == f"{path}: found {found}; save it as UTF-8 (in Excel, as CSV UTF-8)"


def test_an_address_is_no_path():
    assert error_of(Path("https://example.org/shop.csv")).endswith("; addresses are not read: download it first")


@pytest.mark.parametrize(
    ("name", "text", "found", "expected"),
    [
        ("shop.csv", "user_id;item_id;weight\na;1;2\n", "semicolons", "commas"),
        ("shop.csv", "user_id;item_id;weight\na;1;2,5\n", "semicolons", "commas"),
        ("shop.csv", '"user_id";"item_id"\n"a";"b, c"\n', "semicolons", "commas"),
        ("shop.csv", "\ufeffuser_id;item_id\na;1\n", "semicolons", "commas"),
        ("shop.csv.gz", "user_id;item_id\na;1\n", "semicolons", "commas"),
        ("shop.csv", "user_id\titem_id\na\t1\n", "tabs", "commas"),
        ("shop.csv", "user_id|item_id\na|1\n", "bars", "commas"),
        ("shop.tsv", "user_id,item_id\na,1\n", "commas", "tabs"),
    ],
)
def test_columns_separated_by_something_else_are_an_error(tmp_path, name, text, found, expected):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert error_of(path) == (
        f"{path}: found columns separated by {found}, expected {expected} in a file of this name"
        " (.csv has commas, .tsv has tabs)"
    )


def test_other_separators_in_the_name_of_a_column_do_not_matter(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id,red;blue|green\na,1,x;y\n")
    assert len(load(path).interactions) == 1


def test_a_repeated_column_in_a_csv_file_is_an_error(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,user_id,item_id\na,b,1\n")
    assert error_of(path) == f"{path}: column 'user_id' stands more than once, expected one"


def test_a_repeated_alias_in_a_csv_file_is_an_error(tmp_path):
    path = written(tmp_path / "shop.csv", "customer_id,item_id,rating,rating\na,1,5,3\n")
    assert error_of(path) == f"{path}: column 'rating' stands more than once, expected one"


def test_a_repeated_column_named_under_columns_is_an_error(tmp_path):
    path = written(tmp_path / "shop.csv", "who,who,item_id\na,b,1\n")
    assert error_of(path, columns={"user_id": "who"}) == (
        f"{path}: columns.user_id: column 'who' stands more than once, expected one"
    )


def test_repeated_columns_that_nobody_uses_do_not_matter(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id,,\na,1,,\n")
    assert len(load(path).interactions) == 1


def test_a_cell_error_names_file_and_row(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id,price\na,1,3\nb,2,inf\n")
    assert error_of(path, columns={"weight": "price"}) == f"{path}: row 2: price is inf, expected a finite number"


@pytest.mark.parametrize(("name", "cell"), [("weight", "nan"), ("weight", "Infinity"), ("timestamp", "nan")])
def test_a_cell_that_is_not_finite_is_named_however_it_is_written(tmp_path, name, cell):
    path = written(tmp_path / "shop.csv", f"user_id,item_id,{name}\na,1,3\nb,2,{cell}\nc,1,4\n")
    assert error_of(path) == f"{path}: row 2: {name} is '{cell}', expected a finite number"


@pytest.mark.parametrize("cell", ["3 ", "+3"])
def test_a_number_that_is_not_written_plainly_is_named(tmp_path, cell):
    path = written(tmp_path / "shop.csv", f"user_id,item_id,weight\na,1,3\nb,2,{cell}\nc,1,4\n")
    assert error_of(path) == f"{path}: row 2: weight is '{cell}', expected a plain number such as 1.5"


def test_a_path_that_no_file_can_have_is_an_error(tmp_path):
    path = tmp_path / f"{'a' * 300}.csv"
    assert error_of(path) == f"{path}: cannot be read: File name too long"


def test_a_kind_that_nobody_reads_is_an_error(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Domain.load("shop", DomainSpec(kind="mongo"), tmp_path)
    assert str(caught.value) == (
        "shop: kind: found 'mongo', expected 'file', 'sql' or a kind that a plugin's load_domain reads"
    )


def test_options_that_nobody_reads_are_an_error(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id;item_id\na;1\n")
    with pytest.raises(ConfigError) as caught:
        load(path, options={"separator": ";"})
    assert str(caught.value) == "shop: options: found separator, expected none: they are for kinds of plugins"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"query": "select 1"}, "url and query are for kind: sql, and this is kind: file"),
        ({"path": "a.csv", "url": "sqlite:///shop.db"}, "url and query are for kind: sql, and this is kind: file"),
        ({"kind": "sql", "url": "x", "query": "y", "path": "a.csv"}, "path is for kind: file, and this is kind: sql"),
    ],
)
def test_a_key_of_another_kind_is_an_error(keys, words):
    document = Document({"domain": keys}, "experiment.yaml")
    with pytest.raises(ConfigError) as caught:
        validate(DomainSpec, document, at=("domain",))
    assert str(caught.value) == f"experiment.yaml: domain: {words}"


# folders


def test_a_folder_of_parts_is_read_in_order(tmp_path):
    for number, part in enumerate(TABLE.iter_slices(1)):
        (tmp_path / "shop").mkdir(exist_ok=True)
        part.write_parquet(tmp_path / "shop" / f"part-{number}.parquet")
    written(tmp_path / "shop" / "_SUCCESS", "")
    rows = load(tmp_path / "shop").interactions
    assert rows.users.take(rows.user_rows) == ["ann", "bob", "ann"]


def test_parts_may_be_compressed_or_not(tmp_path):
    written(tmp_path / "shop" / "1.csv", "user_id,item_id\na,1\n")
    (tmp_path / "shop" / "2.csv.gz").write_bytes(gzip.compress(b"user_id,item_id\nb,2\n"))
    assert load(tmp_path / "shop").interactions.users.ids.to_list() == ["a", "b"]


def test_the_type_of_a_column_is_that_of_all_parts_together(tmp_path):
    written(tmp_path / "shop" / "1.csv", "user_id,item_id,weight\n7,1,1\n")
    written(tmp_path / "shop" / "2.csv", "user_id,item_id,weight\nx,2,1.5\n")
    written(tmp_path / "shop" / "3.csv", "user_id,item_id,weight\n")
    rows = load(tmp_path / "shop").interactions
    assert rows.users.ids.to_list() == ["7", "x"]
    assert rows.items.ids.to_list() == [1, 2]
    assert rows.values.tolist() == [1.0, 1.5]


def test_a_part_without_any_value_does_not_decide_the_type(tmp_path):
    written(tmp_path / "shop" / "1.csv", "user_id,item_id,weight\n1,1,\n")
    written(tmp_path / "shop" / "2.csv", "user_id,item_id,weight\n2,2,3\n")
    domain = load(tmp_path / "shop", missing="drop")
    assert domain.interactions.values.tolist() == [3.0]
    assert domain.notes == ("1 rows without weight dropped",)


def test_a_folder_within_a_folder_of_parts_is_an_error_as_its_rows_would_be_missing(tmp_path):
    path = tmp_path / "parts"
    (path / "year=2024").mkdir(parents=True)
    (path / "one.csv").write_text("user_id,item_id\n1,2\n")
    assert error_of(path) == f"{path}: found the folder 'year=2024' among its parts, expected files alone"


def test_a_folder_without_parts_is_an_error(tmp_path):
    path = tmp_path / "shop"
    written(path / "_SUCCESS", "")
    assert error_of(path) == f"{path}: the folder holds no parts"


def test_parts_of_several_kinds_are_an_error(tmp_path):
    written(tmp_path / "shop" / "1.csv", "user_id,item_id\n1,1\n")
    written(tmp_path / "shop" / "2.tsv", "user_id\titem_id\n1\t1\n")
    path = tmp_path / "shop"
    assert error_of(path) == f"{path}: found parts of kinds .csv, .tsv, expected one kind"


def test_parts_with_other_columns_are_an_error(tmp_path):
    written(tmp_path / "shop" / "1.csv", "user_id,item_id\n1,1\n")
    other = written(tmp_path / "shop" / "2.csv", "user_id,product\n1,1\n")
    assert error_of(tmp_path / "shop") == (
        f"{other}: found columns user_id, product, expected user_id, item_id as in 1.csv"
    )


def test_parquet_parts_with_ids_of_two_types_are_an_error(tmp_path):
    path = tmp_path / "shop"
    path.mkdir()
    pl.DataFrame({"user_id": [1], "item_id": [1]}).write_parquet(path / "1.parquet")
    pl.DataFrame({"user_id": ["1"], "item_id": [1]}).write_parquet(path / "2.parquet")
    assert error_of(path) == (
        f"{path}: column 'user_id': found text in one part and numbers in another, expected one type"
    )


def test_parts_that_cannot_be_joined_are_an_error(tmp_path):
    path = tmp_path / "shop"
    path.mkdir()
    pl.DataFrame({"user_id": [1], "item_id": [[1]]}).write_parquet(path / "1.parquet")
    pl.DataFrame({"user_id": [1], "item_id": [True]}).write_parquet(path / "2.parquet")
    assert error_of(path).startswith(f"{path}: the parts do not fit together: ")


def test_parquet_parts_may_hold_numbers_of_several_widths(tmp_path):
    path = tmp_path / "shop"
    path.mkdir()
    narrow = pl.Series([1], dtype=pl.Int32)
    pl.DataFrame({"user_id": narrow, "item_id": [1], "weight": narrow}).write_parquet(path / "1.parquet")
    pl.DataFrame({"user_id": [2], "item_id": [1], "weight": [1.5]}).write_parquet(path / "2.parquet")
    assert load(path).interactions.values.tolist() == [1.0, 1.5]


# beside the rows


def test_features_are_read_from_files_beside(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id\na,1\nb,2\n")
    written(tmp_path / "items.csv", "item_id,price\n2,5\n")
    written(tmp_path / "people.csv", "user_id,tags\na,x|y\n")
    domain = load(
        path, item_features={"path": "items.csv", "kinds": {"price": "categorical"}}, user_features="people.csv"
    )
    assert domain.item_features.kinds == {"price": "categorical"}
    assert domain.item_features.table["price"].to_list() == [None, 5]
    assert domain.user_features.kinds == {"tags": "multi-valued"}


def test_minimum_is_kept_for_after_the_hold_out(tmp_path):
    path = written(tmp_path / "shop.csv", "user_id,item_id\na,1\nb,2\n")
    domain = load(path, minimum={"user": 5})
    assert domain.minimum.user == 5
    assert len(domain.interactions) == 2


def links_error(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_links(path)
    return str(caught.value)


def test_links_are_read_from_any_file(tmp_path):
    path = written(tmp_path / "links.tsv", "from_id\tto_id\tweight\na\tb\t0.5\na\tc\t1\n")
    assert read_links(path).rows() == [("a", "b", 0.5), ("a", "c", 1.0)]
    assert read_table(path).columns == ["from_id", "to_id", "weight"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from,to_id\na,b\n", "no column 'from_id'; found from, to_id"),
        ("from_id,to_id,to_id\na,b,c\n", "column 'to_id' stands more than once, expected one"),
        ("from_id,to_id\na,b\n,c\n", "row 2: from_id is missing, expected an id in every row"),
        ("from_id,to_id\na,b\nc,d\na,b\n", "row 1: this from_id and to_id stand in more than one row"),
        ("from_id,to_id,weight\na,b,1\nc,d,0\n", "row 2: weight is 0, expected a positive number"),
        ("from_id,to_id,weight\na,b,1\nc,d,inf\n", "row 2: weight is inf, expected a positive number"),
        ("from_id,to_id,weight\na,b,1\nc,d,\n", "row 2: weight is None, expected a positive number"),
        ("from_id,to_id,weight\na,b,1e50\nc,d,1\n", "row 1: weight is 1e+50, expected a positive number of 32-bit"),
        ("from_id,to_id,weight\na,b,1e-50\nc,d,1\n", "row 1: weight is 1e-50, expected a positive number of 32-bit"),
        ("from_id,to_id,weight\na,b,1\nc,d,much\n", "row 2: weight is 'much', expected a positive number"),
    ],
)
def test_a_bad_link_is_an_error(tmp_path, text, words):
    path = written(tmp_path / "links.csv", text)
    assert links_error(path).startswith(f"{path}: {words}")
