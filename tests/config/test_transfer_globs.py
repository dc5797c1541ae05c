"""Globs in ``transfers`` stand for pairs of the domains."""

from __future__ import annotations

from typing import Any

import pytest

from foretaste import ConfigError, Experiment
from foretaste.config import override, parse_yaml, validate

SHOPS = ("grocery", "wine", "wool")
DOMAINS = f"domains: {{{', '.join(f'{name}: {{path: {name}.csv}}' for name in SHOPS)}}}\n"


def read(*transfers: str, domains: str = DOMAINS, assignments: tuple[str, ...] = (), more: str = "") -> Experiment:
    lines = "".join(f"  - {{{one}}}\n" for one in transfers)
    text = f"{domains}{more}transfers:\n{lines}"
    return validate(Experiment, override(parse_yaml(text, "experiment.yaml"), list(assignments)))


def pairs(*transfers: str, **how: Any) -> list[str]:
    return [one.name for one in read(*transfers, **how).transfers]


def test_a_glob_for_the_target_is_a_transfer_to_each_other_domain() -> None:
    assert pairs("source: grocery, target: '*'") == ["grocery__wine", "grocery__wool"]


def test_a_glob_for_the_source_is_a_transfer_from_each_other_domain() -> None:
    assert pairs("source: '*', target: wine") == ["grocery__wine", "wool__wine"]


def test_globs_for_both_are_all_pairs() -> None:
    assert pairs("source: '*', target: '*'") == [
        f"{source}__{target}" for target in SHOPS for source in SHOPS if source != target
    ]


def test_globs_in_a_list_are_all_of_them_together() -> None:
    assert pairs("source: ['*'], target: wine") == ["grocery+wool__wine"]
    assert pairs("source: [wool, 'w*', grocery], target: wine") == ["wool+grocery__wine"]
    assert pairs("source: [grocery], target: '*'") == ["grocery__wine", "grocery__wool"]
    assert pairs("source: [grocery, wine], target: '*'") == ["grocery+wine__wool"]


def test_a_glob_knows_the_signs_of_the_registry() -> None:
    assert pairs("source: grocery, target: 'w?n*'") == ["grocery__wine"]
    assert pairs("source: grocery, target: 'w[!i]*'") == ["grocery__wool"]


def test_a_pair_that_is_named_outright_is_made_as_it_is_named_and_once() -> None:
    found = read("source: '*', target: wine", "source: wool, target: wine, strategy: a/b").transfers
    assert [(one.name, one.strategy) for one in found] == [("grocery__wine", None), ("wool__wine", "a/b")]


def test_what_two_globs_say_alike_is_made_once_and_what_they_say_otherwise_twice() -> None:
    alike = pairs("source: '*', target: wine", "source: grocery, target: 'w*'")
    assert alike == ["grocery__wine", "wool__wine", "grocery__wool"]
    other = pairs("source: '*', target: wine", "source: '*', target: wine, strategy: a/b")
    assert other == 2 * ["grocery__wine", "wool__wine"]


def test_what_is_written_out_stays_as_it_is() -> None:
    twice = "source: grocery, target: wine"
    assert pairs(twice, twice) == 2 * ["grocery__wine"]
    assert pairs("source: [wool, grocery], target: wine") == ["wool+grocery__wine"]


def test_all_keys_of_a_transfer_hold_for_each_that_it_stands_for() -> None:
    found = read("source: grocery, target: 'w*', shared: users, beside: [a/b], twins: drop").transfers
    assert {(one.shared, *one.beside, one.twins) for one in found} == {("users", "a/b", "drop")}


def test_an_override_goes_by_the_file() -> None:
    globs = ("source: grocery, target: '*'", "source: wine, target: wool")
    found = read(*globs, assignments=("transfers[0].shared=users", "transfers[1].shared=items")).transfers
    assert [one.shared for one in found] == ["users", "users", "items"]


def test_a_domain_that_is_called_like_a_glob_is_that_domain() -> None:
    domains = "domains: {'a*': {path: a.csv}, ab: {path: b.csv}, c: {path: c.csv}}\n"
    assert pairs("source: 'a*', target: c", domains=domains) == ["a*__c"]
    with pytest.raises(ConfigError, match=r"transfers\[0\]: 'a\*' is both source and target"):
        read("source: 'a*', target: 'a*'", domains=domains)


def test_an_experiment_with_globs_equals_the_one_that_is_written_out() -> None:
    written = read("source: grocery, target: wine", "source: grocery, target: wool")
    assert read("source: grocery, target: '*'").model_dump() == written.model_dump()


def test_what_was_read_reads_as_the_same_again() -> None:
    found = read("source: ['*'], target: '*'")
    assert Experiment.model_validate(found.model_dump()).model_dump() == found.model_dump()


@pytest.mark.parametrize(
    ("transfer", "words"),
    [
        ("source: 'wein*', target: wool", "source: no domain is like 'wein*'; {known}; did you mean 'wine'?"),
        ("source: grocery, target: 'x*'", "target: no domain is like 'x*'; {known}"),
        ("source: [grocery, 'x?'], target: wine", "source: no domain is like 'x?'; {known}"),
        ("source: grocery, target: wien", "target: no domain is called 'wien'; {known}; did you mean 'wine'?"),
        ("source: 'wine*', target: wine", "source: found no domain beside wine that is meant; {known}"),
        ("source: grocery, target: 'groc*'", "source: found no domain beside groc* that is meant; {known}"),
    ],
)
def test_a_glob_that_matches_nothing_is_told_with_what_is_near(transfer: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read("source: wine, target: wool", transfer)
    assert str(caught.value) == f"experiment.yaml:4: transfers[1].{words.format(known='known: grocery, wine, wool')}"


def test_a_given_holdout_of_files_is_still_about_one_target() -> None:
    with pytest.raises(ConfigError, match=r"holdout.files is about one target, found wine, wool; make an experiment"):
        read("source: grocery, target: '*'", more="holdout: {kind: given, files: {test: t.csv}}\n")
