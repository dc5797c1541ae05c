from dataclasses import FrozenInstanceError, replace

import pytest

from foretaste.data import PairFacts, Transfer
from foretaste.errors import StrategyError
from foretaste.registry import Catalog, choose, parse_registry, shipped_registry

LAST = "  - use: [{strategy: baseline/popular}]\n"


class Asked:
    """A question to a registry: facts of the pairs, a transfer, a catalog."""

    def __init__(self, transfer: Transfer, catalog: Catalog) -> None:
        self.transfer, self.catalog = transfer, catalog
        self.facts = [PairFacts.of(pair) for pair in transfer.pairs]

    def trace(self, rules: str) -> list[str]:
        registry = parse_registry(f"version: 1\nrules:\n{rules}{LAST}", "r.yaml")
        return list(choose(registry, self.facts, self.transfer, self.catalog).trace)


@pytest.fixture
def asked(transfer: Transfer, catalog: Catalog) -> Asked:
    return Asked(transfer, catalog)


@pytest.fixture
def asked_of_two(two_sources: Transfer, catalog: Catalog) -> Asked:
    return Asked(two_sources, catalog)


def test_the_first_rule_that_fits_decides(asked: Asked) -> None:
    registry = parse_registry(
        "version: 1\nrules:\n  - when: {shared_users: {min: 1}}\n"
        "    use: [{strategy: linear/naive-bayes, params: {factors: 3}}]\n" + LAST,
        "r.yaml",
    )
    found = choose(registry, asked.facts, asked.transfer, asked.catalog)
    assert (found.strategy, found.params, found.rule) == ("linear/naive-bayes", {"factors": 3}, "r.yaml:3 (rule 1)")
    assert found.trace == ("r.yaml:3 (rule 1): linear/naive-bayes chosen",)


def test_a_decision_cannot_be_changed(asked: Asked) -> None:
    found = choose(parse_registry(f"version: 1\nrules:\n{LAST}", "r.yaml"), asked.facts, asked.transfer, asked.catalog)
    with pytest.raises(FrozenInstanceError):
        found.strategy = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("{user_overlap: {min: 0.5}}", "user_overlap is 0.375, wanted at least 0.5"),
        ("{user_overlap: {max: 0.2}}", "user_overlap is 0.375, wanted at most 0.2"),
        ("{shared_users: 4}", "shared_users is 3, wanted 4"),
        ("{timestamps: true}", "timestamps is false, wanted true"),
        ("{target_feedback: explicit}", "target_feedback is implicit, wanted explicit"),
        ("{time_overlap: {min: 0}}", "time_overlap is not available"),
        ("{shared_users: 4, timestamps: true}", "shared_users is 3, wanted 4; timestamps is false, wanted true"),
    ],
)
def test_a_rule_that_does_not_fit_says_why(asked: Asked, when: str, reason: str) -> None:
    trace = asked.trace(f"  - when: {when}\n    use: [{{strategy: align/ridge}}]\n")
    assert trace == [f"r.yaml:3 (rule 1): does not fit: {reason}", "r.yaml:5 (rule 2): baseline/popular chosen"]


@pytest.mark.parametrize(
    "when",
    [
        "{user_overlap: {min: 0.375, max: 0.375}}",
        "{shared_users: 3}",
        "{timestamps: false}",
        "{target_feedback: implicit, shared_users: {max: 3}}",
        "{}",
    ],
)
def test_a_rule_fits_where_every_condition_holds_bounds_included(asked: Asked, when: str) -> None:
    trace = asked.trace(f"  - when: {when}\n    use: [{{strategy: linear/naive-bayes}}]\n")
    assert trace == ["r.yaml:3 (rule 1): linear/naive-bayes chosen"]


def test_a_fact_that_is_not_a_number_never_fits(asked: Asked) -> None:
    asked.facts = [replace(asked.facts[0], user_overlap=float("nan"))]
    trace = asked.trace("  - when: {user_overlap: {max: 1}}\n    use: [{strategy: linear/naive-bayes}]\n")
    assert trace[0] == "r.yaml:3 (rule 1): does not fit: user_overlap is nan, wanted at most 1"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ("source: music", "the source is books, wanted music"),
        ("source: B*", "the source is books, wanted B*"),
        ("target: film", "the target is films, wanted film"),
    ],
)
def test_a_rule_for_other_names_does_not_fit(asked: Asked, names: str, reason: str) -> None:
    assert asked.trace(f"  - {names}\n    use: [{{strategy: linear/naive-bayes}}]\n")[0].endswith(
        f"does not fit: {reason}"
    )


def test_names_are_globs(asked: Asked) -> None:
    trace = asked.trace('  - {source: "b*", target: "film[st]", use: [{strategy: linear/naive-bayes}]}\n')
    assert trace == ["r.yaml:3 (rule 1): linear/naive-bayes chosen"]


def test_every_one_of_several_sources_must_have_the_name(asked_of_two: Asked) -> None:
    trace = asked_of_two.trace("  - {source: books, use: [{strategy: linear/naive-bayes}]}\n")
    assert trace[0] == "r.yaml:3 (rule 1): does not fit: the source is music, wanted books"


def test_every_one_of_several_pairs_must_meet_the_conditions(asked_of_two: Asked) -> None:
    trace = asked_of_two.trace("  - {when: {shared_users: {min: 2}}, use: [{strategy: linear/naive-bayes}]}\n")
    assert trace[0] == "r.yaml:3 (rule 1): does not fit: shared_users of music is 1, wanted at least 2"


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("align/ridge", "needs 64 shared users, there are 3"),
        ("baseline/ghost", "needs no_such_module: pip install 'foretaste[ghosts]'"),
        ("deep/mlp", "unknown strategy 'deep/mlp': plugin 'deep' is blocked"),
        ("linear/naive-bayes, params: {factors: x}", "factors: found 'x', expected a whole number"),
    ],
)
def test_what_cannot_serve_is_passed_over_aloud(asked: Asked, use: str, reason: str) -> None:
    trace = asked.trace(f"  - use: [{{strategy: {use}}}, {{strategy: linear/naive-bayes}}]\n")
    assert trace == [
        f"r.yaml:3 (rule 1): {use.partition(',')[0]} passed over: {reason}",
        "r.yaml:3 (rule 1): linear/naive-bayes chosen",
    ]


def test_a_rule_whose_every_strategy_is_passed_over_gives_way_to_the_next(asked: Asked) -> None:
    trace = asked.trace("  - use: [{strategy: align/ridge}]\n")
    assert [line.partition("): ")[2] for line in trace] == [
        "align/ridge passed over: needs 64 shared users, there are 3",
        "baseline/popular chosen",
    ]


def test_where_nothing_is_left_the_error_holds_the_trace(asked: Asked) -> None:
    registry = parse_registry("version: 1\nrules:\n  - use: [{strategy: align/ridge}]\n", "r.yaml")
    with pytest.raises(StrategyError) as caught:
        choose(registry, asked.facts, asked.transfer, asked.catalog)
    assert str(caught.value) == (
        "books -> films: no rule of r.yaml has a strategy for it\n"
        "  r.yaml:3 (rule 1): align/ridge passed over: needs 64 shared users, there are 3"
    )


@pytest.mark.parametrize(
    ("shared", "strategy"), [(64, "align/ridge"), (63, "linear/naive-bayes"), (0, "baseline/popular")]
)
def test_our_registry_goes_by_how_many_people_are_shared(asked: Asked, shared: int, strategy: str) -> None:
    facts = [replace(asked.facts[0], shared_users=shared)]
    assert choose(shipped_registry(), facts, asked.transfer, asked.catalog).strategy == strategy
