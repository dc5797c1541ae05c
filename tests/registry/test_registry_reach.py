"""Rules that can never apply are told before any data is seen."""

import re
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from foretaste.cli._facts import fact_meanings
from foretaste.errors import ConfigError
from foretaste.registry import Catalog, check_registry, parse_registry, shipped_registry
from foretaste.registry._rules import SHARES

BAYES = "use: [{strategy: linear/naive-bayes}]"
RIDGE = "use: [{strategy: align/ridge}]"


def problems(catalog: Catalog, *rules: str) -> list[str]:
    lines = "".join(f"  - {{{rule}}}\n" for rule in rules)
    return check_registry(parse_registry(f"version: 1\nrules:\n{lines}", "r.yaml"), catalog)


def fault(rule: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_registry(f"version: 1\nrules:\n  - {{{rule}, {RIDGE}}}\n", "r.yaml")
    return str(caught.value)


def test_a_fact_that_its_meaning_calls_a_share_is_one() -> None:
    assert {name for name, meaning in fact_meanings().items() if meaning.endswith("0-1")} == SHARES


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("user_overlap: {min: 7}", "when.user_overlap: found 7, expected a share from 0 to 1"),
        ("user_overlap: {max: 20}", "when.user_overlap: found 20, expected a share from 0 to 1"),
        ("time_overlap: -0.5", "when.time_overlap: found -0.5, expected a share from 0 to 1"),
        ("shared_users: {min: -3}", "when.shared_users: found -3, expected 0 or more"),
        ("source_history: {max: -0.5}", "when.source_history: found -0.5, expected 0 or more"),
    ],
)
def test_a_bound_that_no_fact_can_have_is_an_error(when: str, words: str) -> None:
    assert fault(f"when: {{{when}}}") == f"r.yaml:3: rules[0].{words}"


@pytest.mark.parametrize("glob", ["[abc", "film[", "a[b]c[!d", "[]", "[!"])
def test_a_glob_with_an_open_bracket_is_an_error(glob: str) -> None:
    assert fault(f'target: "{glob}"') == (
        f"r.yaml:3: rules[0].target: found '{glob}', which has a [ without its ];"
        " expected a glob such as 'movies*' or 'film[st]'"
    )


def test_an_empty_glob_is_an_error() -> None:
    assert "rules[0].source: found nothing between the quotes" in fault("source: ''")


@pytest.mark.parametrize("glob", ["film[st]", "[!a]*", "[]]x", "[[]x", "*", "a?"])
def test_whole_globs_are_fine(glob: str) -> None:
    assert parse_registry(f'version: 1\nrules: [{{source: "{glob}", {RIDGE}}}]\n', "r.yaml").rules[0].source == glob


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("", ""),
        ("", "source: books, when: {shared_users: {min: 1}}"),
        ('source: "*"', "source: books"),
        ("target: films", "target: films, source: books"),
        ("when: {shared_users: {min: 1}}", "when: {shared_users: {min: 64}}"),
        ("when: {shared_users: {max: 9}}", "when: {shared_users: 9, timestamps: true}"),
        ("when: {source_feedback: explicit}", "when: {source_feedback: explicit, user_overlap: {max: 0.5}}"),
    ],
)
def test_a_rule_behind_one_that_always_serves_what_it_fits_is_never_reached(
    catalog: Catalog, earlier: str, later: str
) -> None:
    found = problems(catalog, f"{earlier}, {BAYES}".lstrip(", "), f"{later}, {RIDGE}".lstrip(", "))
    assert found == [
        "r.yaml:4 (rule 2): never reached: r.yaml:3 (rule 1) fits wherever this fits,"
        " and linear/naive-bayes can always serve"
    ]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("source: books", ""),
        ("source: books", "source: music"),
        ("when: {shared_users: {min: 64}}", "when: {shared_users: {min: 1}}"),
        ("when: {shared_users: {min: 0}}", ""),
        ("when: {source_feedback: explicit}", "when: {source_feedback: implicit}"),
        ("when: {timestamps: true}", "when: {timestamps: false}"),
    ],
)
def test_a_rule_that_fits_where_no_other_does_is_reached(catalog: Catalog, earlier: str, later: str) -> None:
    assert problems(catalog, f"{earlier}, {BAYES}", f"{later}, {RIDGE}".lstrip(", ")) == []


@pytest.mark.parametrize("use", ["align/ridge", "baseline/ghost"])
def test_a_rule_behind_a_strategy_that_may_object_or_lack_a_package_is_reached(catalog: Catalog, use: str) -> None:
    assert problems(catalog, f"use: [{{strategy: {use}}}]", BAYES) == []


def test_a_strategy_behind_one_that_always_serves_is_never_reached(catalog: Catalog) -> None:
    found = problems(catalog, "use: [{strategy: linear/naive-bayes}, {strategy: align/ridge}]")
    assert found == ["r.yaml:3 (rule 1): align/ridge is never reached: linear/naive-bayes before it can always serve"]


@pytest.mark.parametrize(
    "rules",
    [("use: [{strategy: toy/slow}, {strategy: baseline/popular}]",), ("use: [{strategy: toy/slow}]", BAYES)],
    ids=["use", "rule"],
)
def test_what_stands_behind_a_strategy_that_a_budget_in_seconds_may_pass_over_is_reached(
    catalog: Catalog, rules: tuple[str, ...]
) -> None:
    class Slow(catalog.get("linear/naive-bayes")):  # type: ignore[misc]
        name: ClassVar[str] = "toy/slow"
        ends_in_time: ClassVar[bool] = False

    with_slow = replace(catalog, strategies={**catalog.strategies, "toy/slow": Slow})
    assert problems(with_slow, *rules) == []


STARS = "use: [{strategy: toy/stars}]"


@pytest.fixture
def with_stars(catalog: Catalog) -> Catalog:
    class Stars(catalog.get("linear/naive-bayes")):  # type: ignore[misc]
        name: ClassVar[str] = "toy/stars"
        predicts_ratings: ClassVar[bool] = True

    return replace(catalog, strategies={**catalog.strategies, "toy/stars": Stars})


@pytest.mark.parametrize(
    "rules", [("use: [{strategy: linear/naive-bayes}, {strategy: toy/stars}]",), (BAYES, STARS)], ids=["use", "rule"]
)
def test_a_run_about_ratings_reaches_what_predicts_some(with_stars: Catalog, rules: tuple[str, ...]) -> None:
    assert problems(with_stars, *rules) == []


def test_nothing_behind_a_strategy_that_serves_either_kind_of_run_is_reached(with_stars: Catalog) -> None:
    found = problems(with_stars, "use: [{strategy: toy/stars}, {strategy: linear/naive-bayes}]")
    assert found == ["r.yaml:3 (rule 1): linear/naive-bayes is never reached: toy/stars before it can always serve"]
    (line,) = problems(with_stars, STARS, STARS)
    assert line.endswith("never reached: r.yaml:3 (rule 1) fits wherever this fits, and toy/stars can always serve")


def test_every_rule_of_ours_is_reached(catalog: Catalog) -> None:
    assert not [line for line in check_registry(shipped_registry(), catalog) if re.search("never reached", line)]


def test_a_strategy_of_a_plugin_that_is_not_loaded_is_no_mistake_in_a_run(catalog: Catalog) -> None:
    rules = "".join(f"  - use: [{{strategy: {name}}}]\n" for name in ("deep/mlp", "ailgn/ridge", "align/rigde"))
    registry = parse_registry(f"version: 1\nrules:\n{rules}", "r.yaml")
    assert len(check_registry(registry, catalog)) == 3
    (line,) = check_registry(registry, catalog, strict=False)
    assert line.startswith("r.yaml:5 (rule 3): unknown strategy 'align/rigde'; known: ")
    assert line.endswith("did you mean 'align/ridge'?")


@pytest.mark.parametrize(
    ("people", "items", "own", "rule"),
    [
        (0, 64, 200, "align/similarity"),
        (5, 64, 20, "align/similarity"),
        (64, 64, 20, "align/ridge"),
        (0, 63, 20, "baseline/ease"),
        (0, 64, 201, "baseline/ease"),
        (5, 64, 201, "linear/naive-bayes"),
    ],
)
def test_our_registry_goes_by_shared_items_where_the_target_is_young(
    people: int, items: int, own: int, rule: str
) -> None:
    facts = {"shared_users": people, "shared_items": items, "target_users": own}

    def fits(name: str, bound: Any) -> bool:
        return (bound.min is None or facts[name] >= bound.min) and (bound.max is None or facts[name] <= bound.max)

    first = next(one for one in shipped_registry().rules if all(fits(*pair) for pair in one.when.items()))
    assert first.use[0].strategy == rule
