from __future__ import annotations

import pytest

from foretaste.config import StrictModel, override, parse_yaml, validate
from foretaste.errors import ConfigError

DOCUMENT = parse_yaml(
    """\
transfers:
  - {source: books, target: movies}
  - {source: music, target: movies}
holdout: {kind: newcomers, fraction: 0.3}
seed: 7
notes:
empty: []
""",
    "experiment.yaml",
)


def set_to(*assignments: str) -> dict[str, object]:
    return dict(override(DOCUMENT, assignments).data)


def problem(assignment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        override(DOCUMENT, [assignment])
    return str(caught.value)


class Holdout(StrictModel):
    kind: str
    fraction: float


class Top(StrictModel):
    holdout: Holdout


def test_a_key_at_the_top_is_set() -> None:
    assert set_to("seed=8")["seed"] == 8


def test_a_key_inside_a_mapping_is_set() -> None:
    assert set_to("holdout.fraction=0.2")["holdout"] == {"kind": "newcomers", "fraction": 0.2}


def test_a_key_inside_an_item_is_set() -> None:
    changed = override(DOCUMENT, ["transfers.1.strategy=align/ridge"]).data
    assert changed["transfers"] == [
        {"source": "books", "target": "movies"},
        {"source": "music", "target": "movies", "strategy": "align/ridge"},
    ]


def test_an_index_may_be_written_as_messages_write_it() -> None:
    assert set_to("transfers[0].source=films") == set_to("transfers.0.source=films")


def test_a_whole_item_is_set() -> None:
    assert set_to("transfers.0={source: a, target: b}", "transfers.1=3")["transfers"] == [
        {"source": "a", "target": "b"},
        3,
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("1e-3", 0.001),
        ("[a, 2]", ["a", 2]),
        ("{a: 1}", {"a": 1}),
        ("no", "no"),
        ("a=b", "a=b"),
        ("", None),
    ],
)
def test_a_value_is_read_as_yaml(written: str, value: object) -> None:
    assert set_to(f"seed={written}")["seed"] == value


def test_missing_mappings_are_made() -> None:
    assert set_to("a.b.c=1")["a"] == {"b": {"c": 1}}


def test_a_key_without_a_value_becomes_a_mapping() -> None:
    assert set_to("notes.author=me")["notes"] == {"author": "me"}


def test_the_last_of_two_assignments_stands() -> None:
    assert set_to("seed=8", "seed=9")["seed"] == 9


def test_the_document_stays_as_it_was() -> None:
    before = str(DOCUMENT.data)
    set_to("holdout.fraction=0.2", "transfers.0.source=films")
    assert str(DOCUMENT.data) == before


def test_what_was_set_is_in_no_line() -> None:
    assert override(DOCUMENT, ["seed=8"]).line(("seed",)) is None


def test_what_was_set_says_where_it_was_set() -> None:
    assert override(DOCUMENT, ["a.b=c"]).where(("a", "b")) == "--set a.b=c"


def test_a_mapping_made_on_the_way_says_where_it_was_set() -> None:
    assert override(DOCUMENT, ["a.b=c"]).where(("a",)) == "--set a.b=c"


def test_what_was_inside_a_replaced_value_is_forgotten() -> None:
    changed = override(DOCUMENT, ["holdout={kind: time}"])
    assert changed.where(("holdout", "kind")) == "--set holdout={kind: time}"


def test_what_was_not_set_keeps_its_line() -> None:
    assert override(DOCUMENT, ["holdout.fraction=0.2"]).where(("holdout", "kind")) == "experiment.yaml:4"


def test_an_error_in_what_was_set_names_the_assignment() -> None:
    document = override(parse_yaml("holdout: {kind: time, fraction: 0.3}", "experiment.yaml"), ["holdout.fractoin=0.2"])
    with pytest.raises(ConfigError) as caught:
        validate(Top, document)
    assert str(caught.value) == ("--set holdout.fractoin=0.2: holdout.fractoin: unknown key; did you mean 'fraction'?")


def test_an_assignment_needs_an_equals_sign() -> None:
    assert problem("seed") == "--set seed: found no '=', expected key=value"


@pytest.mark.parametrize("assignment", ["=3", "a..b=3", ".a=3", "a.=3", " =3", "[0]=3"])
def test_an_assignment_needs_a_key(assignment: str) -> None:
    assert problem(assignment) == (
        f"--set {assignment}: found an empty key, expected key=value, as in holdout.fraction=0.2"
    )


@pytest.mark.parametrize("index", ["2", "-1", "source", "99999999999"])
def test_an_index_must_be_in_the_list(index: str) -> None:
    assert problem(f"transfers.{index}.source=a") == (
        f"--set transfers.{index}.source=a: transfers: found the index {index}, expected one from 0 to 1"
    )


def test_an_index_is_not_counted_from_the_end() -> None:
    assert problem("transfers[-1].x=1") == (
        "--set transfers[-1].x=1: transfers: found the index -1, expected one from 0 to 1"
    )


def test_an_item_of_a_list_that_the_file_does_not_have_is_an_error() -> None:
    assert problem("metrics[0]=foo") == (
        "--set metrics[0]=foo: metrics: found no list to set [0] in; set all of it: metrics=[...]"
    )
    assert problem("holdout.levels[1]=2").endswith(
        "holdout.levels: found no list to set [1] in; set all of it: holdout.levels=[...]"
    )


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("holdout[0]=1", "holdout: found a mapping, expected a list to set [0] in"),
        ("seed[0]=1", "seed: found 7, expected a list to set [0] in"),
    ],
)
def test_what_is_no_list_has_no_index(assignment: str, words: str) -> None:
    assert problem(assignment) == f"--set {assignment}: {words}"


def test_an_empty_list_has_no_index() -> None:
    assert problem("empty.0=a") == ("--set empty.0=a: empty: found the index 0, expected none: the list is empty")


def test_a_path_does_not_lead_through_a_number() -> None:
    assert problem("seed.x=1") == "--set seed.x=1: seed: found 7, expected a mapping to set 'x' in"


def test_a_value_that_is_no_yaml_is_an_error() -> None:
    assert problem("seed=[1").startswith("--set seed=[1: expected ',' or ']'")


def test_a_path_may_not_be_deeper_than_a_file() -> None:
    assert "found values nested deeper than 32" in problem(f"{'.'.join('a' * 33)}=1")
