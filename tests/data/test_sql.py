"""Domains out of a database, through SQLAlchemy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from foretaste.data import Domain, DomainSpec
from foretaste.errors import DataError, MissingPackageError

SELECT = "select person as user_id, product as item_id, spent as weight from sales order by rowid"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [(f"u{i:03}", i, i if i < 150 else i + 0.5) for i in range(200)]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("create table sales (person text, product integer, spent)")
        database.executemany("insert into sales values (?, ?, ?)", rows)
        database.commit()
    return tmp_path


def load(folder: Path, query: str = SELECT, url: str = "sqlite:///shop.db", **options) -> Domain:
    return Domain.load("shop", DomainSpec(kind="sql", url=url, query=query, **options), folder)


def error_of(folder: Path, query: str = SELECT, url: str = "sqlite:///shop.db") -> str:
    with pytest.raises(DataError) as caught:
        load(folder, query, url)
    return str(caught.value)


def test_a_query_makes_a_domain(folder):
    rows = load(folder, SELECT + " limit 3").interactions
    assert rows.users.take(rows.user_rows) == ["u000", "u001", "u002"]
    assert rows.items.take(rows.item_rows) == [0, 1, 2]
    assert rows.values.tolist() == [0.0, 1.0, 2.0]


def test_the_type_of_a_column_is_that_of_all_rows(folder):
    assert load(folder).interactions.values[[149, 150]].tolist() == [149.0, 150.5]


def test_columns_can_be_named_and_features_stand_beside(folder):
    (folder / "items.csv").write_text("item_id,price\n1,5\n")
    columns = {"user_id": "person", "item_id": "product", "weight": "spent"}
    domain = load(folder, "select * from sales", columns=columns, item_features="items.csv")
    assert domain.item_features.missing == {"price": 199}


def test_a_percent_sign_and_a_quoted_colon_pass(folder):
    query = "select person user_id, product item_id from sales where person like 'u00%' and person <> '::'"
    assert len(load(folder, query).interactions) == 10


def test_a_failing_query_is_an_error(folder):
    assert error_of(folder, "select * from purchases") == (
        "shop: the query failed: (sqlite3.OperationalError) no such table: purchases"
    )


def test_a_misspelt_statement_is_an_error(folder):
    assert error_of(folder, "selec 1").startswith("shop: the query failed: (sqlite3.OperationalError) near")


def test_a_statement_that_selects_nothing_is_an_error(folder):
    assert error_of(folder, "delete from sales") == "shop: the query returns no rows, expected a select"
    assert len(load(folder).interactions) == 200


def test_a_query_without_result_is_an_error(folder):
    assert error_of(folder, SELECT.replace("order", "where 0 order")) == (
        "shop: the table has no rows, expected one for each user and item"
    )


def test_a_column_selected_twice_is_an_error(folder):
    assert error_of(folder, "select person user_id, person user_id, product item_id from sales") == (
        "shop: the query selects column 'user_id' more than once, expected one"
    )


def test_mixed_types_in_a_column_are_an_error(folder):
    query = "select case when product > 5 then person else product end user_id, product item_id from sales"
    assert error_of(folder, query) == "shop: column 'user_id': found mixed types (int, str), expected one"


def test_a_missing_database_file_is_an_error_and_is_not_made(folder):
    path = folder / "typo.db"
    assert error_of(folder, url="sqlite:///typo.db") == f"shop: url: no such file {path}"
    assert not path.exists()


def test_a_bad_address_is_an_error_that_does_not_show_it(folder):
    message = error_of(folder, url="someone:secret")
    assert message.startswith("shop: url: Could not parse")
    assert "secret" not in message


def test_an_unknown_database_is_an_error(folder):
    assert error_of(folder, url="nosuchdb://u:secret@host/x") == (
        "shop: url: Can't load plugin: sqlalchemy.dialects:nosuchdb"
    )


def test_a_missing_driver_is_named(folder):
    with pytest.raises(MissingPackageError, match=r"^shop: url: this kind of database needs MySQLdb: install it$"):
        load(folder, url="mysql://u:secret@host/x")
