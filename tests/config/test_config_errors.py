from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Discriminator, Field, PositiveInt, Tag, ValidationError, field_validator, model_validator

from foretaste.config import Document, StrictModel, dotted, parse_yaml, validate, validation_lines
from foretaste.errors import ConfigError


class Band(StrictModel):
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def in_order(self) -> Band:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Newcomers(StrictModel):
    kind: Literal["newcomers"]
    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    time: int = 0


class AtTime(StrictModel):
    kind: Literal["time"]
    day: date
    time: int = 0


class Transfer(StrictModel):
    source: str
    target: str
    shared: Literal["users", "items"] = "users"
    strategy: str | None = None


class Device(Enum):
    CPU = "cpu"
    CUDA = "cuda"


def number_or_text(value: object) -> str:
    return "text" if isinstance(value, str) else "number"


class Experiment(StrictModel):
    transfers: Sequence[Transfer] = ()
    holdout: Annotated[Newcomers | AtTime, Field(discriminator="kind")] | None = None
    holdouts: list[Annotated[Newcomers | AtTime, Field(discriminator="kind")]] = Field([])
    when: Mapping[str, Band] = Field({})
    limit: float | Band = 0.0
    split: Annotated[Newcomers | AtTime, Field(discriminator="kind")] | str | None = None
    several: PositiveInt | list[PositiveInt] = 1
    bands: list[Band] | dict[str, Band] = Field([])
    chosen: Annotated[
        Annotated[Band, Tag("number")] | Annotated[Transfer, Tag("text")], Discriminator(number_or_text)
    ] = Band()
    seed: Annotated[int, Field(ge=0, le=100)] = 0
    batch: Annotated[int, Field(multiple_of=8)] = 8
    factors: PositiveInt = 64
    learning_rate: float = 0.1
    metrics: list[str] = Field(["ndcg@10"], min_length=1, max_length=3)
    name: Annotated[str, Field(min_length=1, max_length=8, pattern="^[a-z]+$")] = "a"
    pair: tuple[str, int] = ("a", 1)
    device: Device = Device.CPU
    progress: bool = True
    output: Path = Path("out")
    out_of: int = Field(1, alias="outOf")
    since: date | None = None

    @field_validator("learning_rate")
    @classmethod
    def not_too_fast(cls, value: float) -> float:
        if value > 1:
            raise ValueError("a learning rate above 1 diverges")
        return value


class Outer(StrictModel):
    needed: int
    text: str
    truth: bool
    number: float
    kind: Literal["a", "b"]
    band: Band
    many: list[int]
    either: int | str


def problem(text: str, model: type[StrictModel] = Experiment, at: tuple[str | int, ...] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(model, parse_yaml(text, "experiment.yaml"), at=at)
    return str(caught.value)


def test_a_file_without_errors_becomes_the_model() -> None:
    document = parse_yaml("transfers: [{source: a, target: b}]\nwhen: {overlap: {min: 0.2}}", "f.yaml")
    assert validate(Experiment, document) == Experiment(
        transfers=[Transfer(source="a", target="b")], when={"overlap": Band(min=0.2)}
    )


def test_all_errors_come_at_once_in_the_order_of_the_file() -> None:
    text = """\
sed: 7
transfers:
  - source: books
    strategi: align/ridge
  - {source: 1, target: movies}
factors: -3
"""
    assert problem(text).splitlines() == [
        "experiment.yaml:1: sed: unknown key; did you mean 'seed'?",
        "experiment.yaml:3: transfers[0].target: missing, expected text",
        "experiment.yaml:4: transfers[0].strategi: unknown key; did you mean 'strategy'?",
        "experiment.yaml:5: transfers[1].source: found 1, expected text",
        "experiment.yaml:6: factors: found -3, expected a whole number greater than 0",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("seed: high", "seed: found 'high', expected a whole number"),
        ("seed: 1.5", "seed: found 1.5, expected a whole number"),
        ("seed:", "seed: found nothing, expected a whole number"),
        ("seed: -1", "seed: found -1, expected a whole number of at least 0"),
        ("seed: 101", "seed: found 101, expected a whole number of at most 100"),
        ("batch: 9", "batch: found 9, expected a whole number that is a multiple of 8"),
        ("learning_rate: fast", "learning_rate: found 'fast', expected a number"),
        ("learning_rate: .inf", "learning_rate: found inf, expected a finite number"),
        ("learning_rate: [1]", "learning_rate: found a list, expected a number"),
        ("learning_rate: 2", "learning_rate: a learning rate above 1 diverges"),
        ("name: {a: b}", "name: found a mapping, expected text"),
        ("name: ''", "name: found '', expected text of at least 1 character"),
        ("name: abcdefghi", "name: found 'abcdefghi', expected text of at most 8 characters"),
        ("name: A", "name: found 'A', expected text like ^[a-z]+$"),
        ("progress: maybe", "progress: found 'maybe', expected true or false"),
        ("output: 3", "output: found 3, expected a path"),
        ("metrics: ndcg@10", "metrics: found 'ndcg@10', expected a list"),
        ("metrics: []", "metrics: found 0 items, expected a list of at least 1 item"),
        ("metrics: [a, b, c, d]", "metrics: found 4 items, expected a list of at most 3 items"),
        ("metrics: [a, 1]", "metrics[1]: found 1, expected text"),
        ("pair: [a, b]", "pair[1]: found 'b', expected a whole number"),
        ("pair: [a]", "pair[1]: missing, expected a whole number"),
        ("transfers: [books]", "transfers[0]: found 'books', expected a mapping"),
        ("when: [a]", "when: found a list, expected a mapping"),
        ("when: {user_overlap: {min: high}}", "when.user_overlap.min: found 'high', expected a number"),
        ("when: {a: {mni: 1}}", "when.a.mni: unknown key; did you mean 'min'?"),
        ("when: {a: {min: 2, max: 1}}", "when.a: min 2.0 is above max 1.0"),
        ("when: {a.b: 1}", "when['a.b']: found 1, expected a mapping"),
        ("device: cdua", "device: found 'cdua', expected 'cpu' or 'cuda'; did you mean 'cuda'?"),
        ("outOf: x", "outOf: found 'x', expected a whole number"),
        ("outof: 1", "outof: unknown key; did you mean 'outOf'?"),
        ("xyzzy: 1", "xyzzy: unknown key"),
        ("since: soon", "since: found 'soon', expected a valid date or datetime, input is too short"),
    ],
)
def test_an_error_says_what_was_found_and_expected(text: str, line: str) -> None:
    assert problem(text) == f"experiment.yaml:1: {line}"


def test_a_literal_says_what_it_allows_and_what_is_near() -> None:
    assert problem("transfers: [{source: a, target: b, shared: user}]") == (
        "experiment.yaml:1: transfers[0].shared: found 'user', expected 'users' or 'items'; did you mean 'users'?"
    )


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("needed", "a whole number"),
        ("text", "text"),
        ("truth", "true or false"),
        ("number", "a number"),
        ("kind", "'a' or 'b'"),
        ("band", "a mapping"),
        ("many", "a list"),
        ("either", "a whole number or text"),
    ],
)
def test_a_missing_key_says_what_is_expected(key: str, expected: str) -> None:
    assert f"experiment.yaml:1: {key}: missing, expected {expected}" in problem("a: 1", Outer).splitlines()


def test_a_long_text_is_shortened() -> None:
    assert problem(f"seed: {'x' * 500}") == (
        f"experiment.yaml:1: seed: found '{'x' * 59}...{'x' * 9}', expected a whole number"
    )


class TestUnions:
    def test_the_kind_is_no_part_of_the_key(self) -> None:
        assert problem("holdout: {kind: newcomers, fraction: 2}") == (
            "experiment.yaml:1: holdout.fraction: found 2, expected a number less than 1"
        )

    def test_a_kind_may_be_called_like_a_key(self) -> None:
        assert problem("holdout: {kind: time, day: 2024-01-01, time: x}") == (
            "experiment.yaml:1: holdout.time: found 'x', expected a whole number"
        )

    def test_an_unknown_key_is_compared_with_those_of_its_kind(self) -> None:
        assert problem("holdouts: [{kind: newcomers, fractoin: 0.2}]") == (
            "experiment.yaml:1: holdouts[0].fractoin: unknown key; did you mean 'fraction'?"
        )

    def test_an_unknown_kind_says_which_there_are(self) -> None:
        assert problem("holdout: {kind: newcomer}") == (
            "experiment.yaml:1: holdout.kind: found 'newcomer', expected 'newcomers' or 'time'; "
            "did you mean 'newcomers'?"
        )

    def test_a_missing_kind_says_which_there_are(self) -> None:
        assert problem("holdout: {fraction: 0.2}") == (
            "experiment.yaml:1: holdout.kind: missing, expected 'newcomers' or 'time'"
        )

    def test_a_kind_without_its_mapping_is_an_error(self) -> None:
        assert problem("holdout: newcomers") == ("experiment.yaml:1: holdout: found 'newcomers', expected a mapping")

    def test_a_tag_that_a_function_finds_is_no_part_of_the_key(self) -> None:
        assert problem("chosen: {min: x}") == "experiment.yaml:1: chosen.min: found 'x', expected a number"

    def test_a_value_that_fits_no_member_is_one_line(self) -> None:
        assert problem("limit: high") == ("experiment.yaml:1: limit: found 'high', expected a number or a mapping")

    def test_members_that_were_not_meant_say_nothing(self) -> None:
        assert problem("limit: {min: high}") == ("experiment.yaml:1: limit.min: found 'high', expected a number")

    def test_a_union_inside_a_union_is_no_part_of_the_key(self) -> None:
        assert problem("split: {kind: newcomers, time: x}") == (
            "experiment.yaml:1: split.time: found 'x', expected a whole number"
        )

    def test_a_list_in_a_union_names_the_item(self) -> None:
        assert problem("several: [1, x]") == ("experiment.yaml:1: several[1]: found 'x', expected a whole number")

    def test_a_list_of_models_in_a_union_names_the_key(self) -> None:
        assert problem("bands: [{mni: 1}]") == ("experiment.yaml:1: bands[0].mni: unknown key; did you mean 'min'?")


class TestParts:
    def test_a_part_of_a_file_is_validated_alone(self) -> None:
        document = parse_yaml("rules: [{min: 1}, {min: 2}]", "registry.yaml")
        assert validate(Band, document, at=("rules", 1)) == Band(min=2)

    def test_an_error_in_a_part_has_its_whole_key_and_its_line(self) -> None:
        assert problem("rules:\n  - {min: 1}\n  - min: high\n", Band, at=("rules", 1)) == (
            "experiment.yaml:3: rules[1].min: found 'high', expected a number"
        )

    @pytest.mark.parametrize("at", [("rules", 5), ("ruels",), ("rules", 0, "min", "x")])
    def test_a_part_that_is_missing_is_an_error(self, at: tuple[str | int, ...]) -> None:
        assert problem("rules: [{min: 1}]", Band, at=at) == (
            f"experiment.yaml:1: {dotted(at)}: missing, expected a mapping"
        )

    def test_a_document_of_no_text_is_named_by_its_origin(self) -> None:
        with pytest.raises(ConfigError) as caught:
            validate(Band, Document({"min": "high"}, "python"))
        assert str(caught.value) == "python: min: found 'high', expected a number"


class TestParameters:
    def lines(self, **parameters: Any) -> list[str]:
        with pytest.raises(ValidationError) as caught:
            Experiment.model_validate(parameters)
        return validation_lines(caught.value, Experiment, "align/ridge")

    def test_a_line_names_whose_parameters_they_are(self) -> None:
        assert self.lines(factors=-3) == ["align/ridge: factors: found -3, expected a whole number greater than 0"]

    def test_every_error_has_a_line(self) -> None:
        assert self.lines(factors=-3, facotrs=4) == [
            "align/ridge: factors: found -3, expected a whole number greater than 0",
            "align/ridge: facotrs: unknown key; did you mean 'factors'?",
        ]

    def test_a_key_that_is_no_text_is_an_error(self) -> None:
        assert self.lines(when={3: {}}) == ["align/ridge: when[3]: found 3, expected text"]

    def test_parameters_that_are_no_mapping_have_no_key(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Experiment.model_validate([1])
        assert validation_lines(caught.value, Experiment, "align/ridge") == [
            "align/ridge: found a list, expected a mapping"
        ]


class TestStrictModel:
    def test_it_is_frozen(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Band(min=1).min = 2  # type: ignore[misc]

    def test_a_docstring_under_a_field_describes_it(self) -> None:
        class Described(StrictModel):
            factors: int = 64
            """The length of a vector."""

        class Longer(Described):
            epochs: int = 3
            """How often."""

        described = {name: said["description"] for name, said in Longer.model_json_schema()["properties"].items()}
        assert described == {"factors": "The length of a vector.", "epochs": "How often."}

    def test_a_model_that_holds_another_describes_its_fields_too(self) -> None:
        schema = Holder.model_json_schema()
        assert schema["$defs"]["Held"]["properties"]["factors"]["description"] == "The length of a vector."


class Held(StrictModel):
    factors: int = 64
    """The length of a vector."""


class Holder(StrictModel):
    held: Held = Held()
