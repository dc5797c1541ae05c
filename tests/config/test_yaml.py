from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretaste.config import Document, parse_yaml, read_yaml
from foretaste.errors import ConfigError


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "experiment.yaml")
    return str(caught.value)


def problem_of_file(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    return str(caught.value)


TRANSFERS = """\
seed: 7

transfers:
  - {source: books, target: movies}
  - source: music
    target: movies
"""


class TestValues:
    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("no", "no"),
            ("on", "on"),
            ("true", True),
            ("False", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("012", 12),
            ("-3", -3),
            ("0x1F", 31),
            ("0o17", 15),
            ("1e-3", 0.001),
            (".5", 0.5),
            ("1.", 1.0),
            ("-.inf", float("-inf")),
            ("1_000", "1_000"),
            ("2024-01-01", "2024-01-01"),
            ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
            ("12:30:00", "12:30:00"),
            ("'7'", "7"),
            ('"true"', "true"),
            ("ndcg@10", "ndcg@10"),
            ("[a, 1, {b: 2}]", ["a", 1, {"b": 2}]),
        ],
    )
    def test_a_value_is_read_as_yaml_1_2_says(self, written: str, value: object) -> None:
        assert parse_yaml(f"key: {written}\n", "f.yaml").data == {"key": value}

    def test_a_number_keeps_its_kind(self) -> None:
        assert isinstance(parse_yaml("key: 1.0", "f.yaml").data["key"], float)

    def test_the_values_have_no_types_of_the_parser(self) -> None:
        data = parse_yaml(TRANSFERS, "f.yaml").data
        assert type(data) is dict
        assert type(data["transfers"]) is list
        assert type(data["seed"]) is int

    def test_an_alias_stands_for_what_was_anchored(self) -> None:
        assert parse_yaml("a: &x {b: 1}\nc: *x\n", "f.yaml").data == {"a": {"b": 1}, "c": {"b": 1}}

    def test_an_alias_is_a_copy(self) -> None:
        data = parse_yaml("a: &x {b: 1}\nc: *x\n", "f.yaml").data
        assert data["a"] is not data["c"]

    def test_an_alias_means_the_anchor_before_it(self) -> None:
        data = parse_yaml("a: &x 1\nb: &y [*x]\nc: &x 2\nd: *y\n", "f.yaml").data
        assert data["d"] == [1]

    def test_an_alias_can_be_a_key(self) -> None:
        assert parse_yaml("a: &x name\n*x : 1\n", "f.yaml").data == {"a": "name", "name": 1}

    def test_a_byte_order_mark_is_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfseed: 7\n")
        assert read_yaml(tmp_path / "f.yaml").data == {"seed": 7}


class TestLines:
    def test_a_key_knows_its_line(self) -> None:
        assert parse_yaml(TRANSFERS, "f.yaml").line(("transfers",)) == 3

    def test_an_item_knows_its_line(self) -> None:
        assert parse_yaml(TRANSFERS, "f.yaml").line(("transfers", 1)) == 5

    def test_a_key_inside_an_item_knows_its_line(self) -> None:
        assert parse_yaml(TRANSFERS, "f.yaml").line(("transfers", 1, "target")) == 6

    def test_a_missing_key_has_the_line_of_what_it_is_missing_from(self) -> None:
        assert parse_yaml(TRANSFERS, "f.yaml").line(("transfers", 1, "strategy", "name")) == 5

    def test_a_key_missing_from_the_top_has_the_first_line(self) -> None:
        assert parse_yaml(f"# a comment\n{TRANSFERS}", "f.yaml").line(("output",)) == 2

    def test_what_an_alias_stands_for_has_the_line_where_it_is_written(self) -> None:
        assert parse_yaml("a: &x\n  b: 1\nc: *x\n", "f.yaml").line(("c", "b")) == 2

    def test_where_joins_origin_and_line(self) -> None:
        assert parse_yaml(TRANSFERS, "f.yaml").where(("seed",)) == "f.yaml:1"

    def test_a_document_of_no_text_has_no_line(self) -> None:
        assert Document({"seed": 7}, "python").line(("seed",)) is None

    def test_a_document_of_no_text_is_named_by_its_origin(self) -> None:
        assert Document({"seed": 7}, "python").where(("seed",)) == "python"

    def test_the_origin_of_a_file_is_its_path(self, tmp_path: Path) -> None:
        (tmp_path / "f.yaml").write_text("seed: 7\n")
        assert read_yaml(tmp_path / "f.yaml").origin == str(tmp_path / "f.yaml")


class TestFiles:
    def test_a_missing_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert problem_of_file(Path("experiment.yaml")) == "experiment.yaml: no such file"

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        assert problem_of_file(tmp_path) == f"{tmp_path}: found a folder, expected a file"

    def test_a_file_that_cannot_be_read_says_why(self, tmp_path: Path) -> None:
        path = tmp_path / "file" / "f.yaml"
        (tmp_path / "file").write_text("")
        assert problem_of_file(path) == f"{path}: cannot be read: {os.strerror(20)}"

    def test_a_file_must_be_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "f.yaml"
        path.write_bytes(b"seed: 7\nname: caf\xe9\n")
        assert problem_of_file(path) == f"{path}:2:10: found the byte 0xe9, expected UTF-8 text"

    def test_a_file_may_not_be_larger_than_a_mebibyte(self, tmp_path: Path) -> None:
        path = tmp_path / "f.yaml"
        path.write_bytes(b"#" * (2**20 + 1))
        assert problem_of_file(path) == f"{path}: found a file larger than 1 MiB, expected a smaller one"

    def test_a_text_may_not_be_larger_than_a_mebibyte(self) -> None:
        assert "found a text longer than 1 MiB, expected a shorter one" in problem("#" * (2**20 + 1))


class TestProblems:
    @pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null"])
    def test_an_empty_file_is_an_error(self, text: str) -> None:
        assert problem(text) == "experiment.yaml: found nothing, expected a mapping: lines such as name: value"

    def test_a_list_at_the_top_is_an_error(self) -> None:
        words = "experiment.yaml:2:1: found a list, expected a mapping: lines such as name: value"
        assert problem("\n- a\n") == words

    def test_a_word_at_the_top_is_an_error(self) -> None:
        words = "experiment.yaml:1:1: found 'hello', expected a mapping: lines such as name: value"
        assert problem("hello") == words

    def test_a_table_in_place_of_yaml_is_not_printed_whole(self) -> None:
        said = problem("user_id,item_id\n" + "7,milk\n" * 1000)
        assert said.startswith("experiment.yaml:1:1: found 'user_id,item_id 7,milk")
        assert len(said) < 150

    def test_a_tab_before_a_key_wants_spaces(self) -> None:
        words = "experiment.yaml:2:1: found character '\\t' that cannot start any token"
        assert problem("a:\n\tb: 1\n") == f"{words}; indent with spaces, not with tabs"

    def test_a_windows_path_in_double_quotes_wants_other_quotes(self) -> None:
        said = problem('path: "C:\\data\\books.csv"\n')
        assert said.endswith("; in double quotes \\ begins an escape: write / or use single quotes")

    def test_a_second_document_is_an_error(self) -> None:
        assert problem("a: 1\n---\nb: 2\n") == "experiment.yaml:2:1: found a second document (---), expected one"

    def test_another_version_of_yaml_is_an_error(self) -> None:
        assert "found %YAML 1.1, expected YAML 1.2" in problem("%YAML 1.1\n---\na: no\n")

    def test_a_syntax_error_has_line_and_column(self) -> None:
        assert problem("seed: 7\na: b: c\n") == "experiment.yaml:2:5: mapping values are not allowed here"

    def test_a_list_that_does_not_end_is_an_error(self) -> None:
        assert problem("a: [1").startswith("experiment.yaml:1:6: expected ',' or ']'")

    @pytest.mark.parametrize("value", [">= 0.2", "*", "@home", "`x`", "%5"])
    def test_a_mark_that_yaml_keeps_for_itself_wants_quotes(self, value: str) -> None:
        assert f"put text that begins with {value[0]} in quotes" in problem(f"a: {value}\n")

    def test_a_character_that_does_not_print_is_an_error(self) -> None:
        assert problem("a: b\nc: \x00") == ("experiment.yaml:2:4: found the character '\\x00', expected printable text")

    def test_half_a_surrogate_pair_is_an_error(self) -> None:
        assert problem('a: "\\ud800"') == (
            "experiment.yaml:1:4: found half a surrogate pair, expected whole characters"
        )

    @pytest.mark.parametrize("text", ['a: "\\U99999999"', "%YAML 1.9\n---\na: 1\n"])
    def test_what_breaks_the_parser_is_an_error_too(self, text: str) -> None:
        assert "experiment.yaml:1:1: cannot be read as YAML: " in problem(text)

    def test_a_key_given_twice_is_an_error(self) -> None:
        assert problem("a: 1\nseed: 7\nseed: 8\n") == (
            "experiment.yaml:3:1: found the key 'seed' twice, first in line 2"
        )

    def test_a_null_character_may_not_be_written_as_an_escape_either(self) -> None:
        assert problem('a: b\nc: "x\\0y"') == (
            "experiment.yaml:2:4: found the character '\\x00', expected printable text"
        )

    @pytest.mark.parametrize("key", ["1", "true", "1.5", "null"])
    def test_a_key_must_be_text(self, key: str) -> None:
        assert problem(f"{key}: x\n") == (f"experiment.yaml:1:1: found the key {key}, expected text; put it in quotes")

    def test_a_key_that_is_a_number_in_quotes_is_text(self) -> None:
        assert parse_yaml("'1': x\n", "f.yaml").data == {"1": "x"}

    def test_the_key_on_is_text(self) -> None:
        assert parse_yaml("on: x\n", "f.yaml").data == {"on": "x"}

    def test_a_list_is_no_key(self) -> None:
        assert "found a list or a mapping as a key, expected text" in problem("[a]: 1\n")

    def test_a_number_of_thousands_of_digits_is_an_error(self) -> None:
        assert problem(f"a: {'9' * 5000}") == (
            "experiment.yaml:1:4: found a number of 5,000 digits, expected at most 300"
        )

    def test_a_merge_key_is_an_error(self) -> None:
        assert problem("a: &x {b: 1}\nc:\n  <<: *x\n") == (
            "experiment.yaml:3:3: found the merge key <<, which YAML 1.2 does not have; write its keys out"
        )

    @pytest.mark.parametrize(
        ("tag", "shown"),
        [
            ("!foo", "!foo"),
            ("!!str", "tag:yaml.org,2002:str"),
            ("!!python/name:os.system", "python/name:os.system"),
        ],
    )
    def test_a_tag_is_an_error(self, tag: str, shown: str) -> None:
        message = problem(f"a: {tag} b\n")
        assert message.startswith("experiment.yaml:1:4: found the tag ")
        assert f"{shown}, expected none; put text that begins with ! in quotes" in message

    def test_an_unknown_alias_is_an_error(self) -> None:
        assert problem("a: *movies\n") == (
            "experiment.yaml:1:4: found the alias *movies, expected a known anchor; "
            "put text that begins with * in quotes"
        )

    def test_an_alias_inside_what_it_stands_for_is_an_error(self) -> None:
        assert problem("a: &x\n  - *x\n") == ("experiment.yaml:2:5: found the alias *x inside what it stands for")

    def test_aliases_that_multiply_are_an_error(self) -> None:
        laughs = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True))
        assert "found more than 100,000 values once aliases are expanded" in problem(f"a: &a ha\n{laughs}")

    def test_32_levels_are_allowed(self) -> None:
        assert parse_yaml("a: " + "[" * 31 + "]" * 31, "f.yaml").data

    def test_more_than_32_levels_are_an_error(self) -> None:
        assert problem("a: " + "[" * 32 + "]" * 32) == (
            "experiment.yaml:1:35: found values nested deeper than 32, expected fewer levels"
        )

    def test_more_than_32_levels_through_aliases_are_an_error(self) -> None:
        text = f"a: &a {'[' * 20}{']' * 20}\nb: {'[' * 20}*a{']' * 20}\n"
        assert "found values nested deeper than 32" in problem(text)


def refuses_or_reads(text: str) -> None:
    with suppress(ConfigError):
        assert isinstance(parse_yaml(text, "any.yaml").data, dict)


@given(st.text())
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    refuses_or_reads(text)


YAML_MARKS = st.sampled_from(
    [*"ab1:-?*&!|>%@`[]{},#'\"\\\n\t .~<=", "\n  ", "- ", ": ", "---\n", "...\n", "%YAML ", "&a", "*a"]
)


@given(st.lists(YAML_MARKS, max_size=40).map("".join))
def test_no_mix_of_yaml_marks_raises_anything_but_a_config_error(text: str) -> None:
    refuses_or_reads(text)
