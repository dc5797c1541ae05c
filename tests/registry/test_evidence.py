"""``evidence`` of a rule is a model: what is wrong with it is told with its line."""

import pytest

from foretaste.errors import ConfigError
from foretaste.registry import parse_registry
from registry.evidence import TEXT, evidence


def registry(text: str) -> str:
    return f"version: 1\nrules:\n  - use: [{{strategy: a/b}}]\n    evidence: {text}\n"


def test_evidence_is_read_as_it_was_written() -> None:
    assert parse_registry(registry(TEXT), "r.yaml").rules[0].evidence == evidence()


def test_evidence_says_itself_in_a_line() -> None:
    assert str(evidence()) == "evidence of 2026-11-02: +0.028 [+0.022, +0.033] over baseline/popular"


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("value: 0.028", "value: '0.028'", "evidence.lift.value: found '0.028', expected a number"),
        ("low: 0.022", "low: 0.1", "evidence.lift: low is 0.1 and high is 0.033: nothing lies between"),
        ("control: no evidence", "control: no", "found 'no', expected 'helps', 'no evidence', 'hurts' or 'not run'"),
        ("people: 712", "people: 0", "evidence.people: found 0, expected a whole number of at least 1"),
        ("seeds: [7, 8, 9]", "seeds: 7", "evidence.seeds: found 7, expected a list"),
        ("seeds: [7, 8, 9]", "seeds: [true]", "evidence.seeds[0]: found True, expected a whole number"),
        ("date: 2026-11-02", "date: 20261102", "evidence.date: found 20261102, expected a date such as 2026-11-02"),
        ("date: 2026-11-02", "date: 2026-13-02", "found '2026-13-02', expected a date such as 2026-11-02"),
        ("{foretaste: 0.1.0}", "{numpy: 1.26}", "evidence.versions.numpy: found 1.26, expected text"),
        ("metric: ndcg@10, ", "", "evidence.metric: missing, expected text"),
    ],
)
def test_what_is_wrong_with_evidence_is_told_with_its_line(right: str, wrong: str, words: str) -> None:
    assert right in TEXT
    with pytest.raises(ConfigError) as caught:
        parse_registry(registry(TEXT.replace(right, wrong)), "r.yaml")
    line = 4 + TEXT[: TEXT.index(right)].count("\n")
    # of what is missing, the line of what it is missing from
    assert str(caught.value).startswith(f"r.yaml:{line}: rules[0].evidence")
    assert str(caught.value).endswith(words)


def test_keys_of_a_later_foretaste_do_not_make_a_registry_unreadable() -> None:
    later = TEXT.replace("people: 712", "people: 712, regret: {value: 0.001}").replace("low:", "p: 0.01, low:")
    (rule,) = parse_registry(registry(later), "r.yaml").rules
    assert rule.evidence is not None
    assert rule.evidence.people == 712
