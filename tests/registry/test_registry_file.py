from pathlib import Path

import pytest

from foretaste.data import PairFacts
from foretaste.errors import ConfigError
from foretaste.registry import (
    Catalog,
    Range,
    RegistryFile,
    check_registry,
    joined,
    parse_registry,
    read_registry,
    shipped_registry,
)

LAST = "  - use: [{strategy: baseline/popular}]\n"


def rules(text: str) -> str:
    return f"version: 1\nrules:\n{text}"


def fault(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_registry(text, "registry.yaml")
    return str(caught.value)


def test_a_rule_knows_the_line_it_was_written_in() -> None:
    registry = parse_registry(
        rules(f"  # why\n  - when: {{shared_users: {{min: 1}}}}\n    use: [{{strategy: a/b}}]\n{LAST}"), "r.yaml"
    )
    assert [str(rule) for rule in registry.rules] == ["r.yaml:4 (rule 1)", "r.yaml:6 (rule 2)"]


def test_a_rule_is_called_by_the_files_name_whatever_folder_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(rules(LAST))
    assert read_registry(path).rules[0].place == "mine.yaml:3"


def test_an_error_names_the_whole_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("rules: []")
    with pytest.raises(ConfigError, match=r"mine\.yaml:1: version: missing, expected 1") as caught:
        read_registry(path)
    assert str(caught.value).startswith(str(path))


def test_params_are_kept_as_written() -> None:
    rule = parse_registry(rules("  - use: [{strategy: a/b, params: {factors: 64}}]\n"), "r.yaml").rules[0]
    assert (rule.use[0].params, rule.evidence) == ({"factors": 64}, None)


@pytest.mark.parametrize("fact", PairFacts.names())
def test_every_fact_may_be_tested(fact: str) -> None:
    for value in ("3", "0.5", "true", "implicit", "{min: 1, max: 2}"):
        try:
            rule = parse_registry(
                rules(f"  - when: {{{fact}: {value}}}\n    use: [{{strategy: a/b}}]\n"), "r.yaml"
            ).rules[0]
        except ConfigError:
            continue
        assert list(rule.when) == [fact]
        return
    pytest.fail("no value fits")


def test_conditions_stand_in_the_order_of_the_facts_on_every_machine() -> None:
    text = rules(
        "  - when: {timestamps: true, target_density: {max: 0.1}, shared_users: 3}\n    use: [{strategy: a/b}]\n"
    )
    when = parse_registry(text, "r.yaml").rules[0].when
    assert list(when.items()) == [("shared_users", 3), ("target_density", Range(max=0.1)), ("timestamps", True)]


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("{user_overlp: {min: 1}}", "when.user_overlp: unknown key; did you mean 'user_overlap'?"),
        ("{shared_users: many}", "when.shared_users: found 'many', expected a whole number"),
        ("{shared_users: true}", "when.shared_users: found True, expected a whole number"),
        ("{user_overlap: '0.2'}", "when.user_overlap: found '0.2', expected a number"),
        (
            "{user_overlap: '>= 0.1'}",
            "when.user_overlap: found '>= 0.1', expected a number, or bounds as in {min: 0.1}",
        ),
        ("{shared_users: '<50'}", "when.shared_users: found '<50', expected a number, or bounds as in {max: 50}"),
        ("{time_overlap: ' =< 1 '}", "when.time_overlap: found ' =< 1 ', expected a number, or bounds as in {max: 1}"),
        ("{user_overlap: {min: a}}", "when.user_overlap.min: found 'a', expected a number"),
        ("{user_overlap: {min: true}}", "when.user_overlap.min: found True, expected a number"),
        ("{shared_users: 1.5}", "when.shared_users: found 1.5, expected a whole number"),
        ("{user_overlap: {low: 1}}", "when.user_overlap.low: unknown key"),
        ("{user_overlap: {}}", "when.user_overlap: found no bound, expected min, max or both"),
        ("{user_overlap: {min: 2, max: 1}}", "when.user_overlap: min is 2 and max is 1: nothing lies between"),
        ("{newcomers: null}", "when.newcomers: found nothing, expected a whole number"),
        ("{timestamps: 1}", "when.timestamps: found 1, expected true or false"),
        ("{timestamps: {min: 1}}", "when.timestamps: found a mapping, expected true or false"),
        ("{source_feedback: {min: 1}}", "when.source_feedback: found a mapping, expected 'explicit' or 'implicit'"),
        ("{source_feedback: explict}", "found 'explict', expected 'explicit' or 'implicit'; did you mean 'explicit'?"),
        ("[shared_users]", "when: found a list, expected a mapping"),
    ],
)
def test_a_wrong_condition_is_told_once(when: str, words: str) -> None:
    found = fault(rules(f"  - when: {when}\n    use: [{{strategy: a/b}}]\n"))
    assert found.startswith("registry.yaml:3: rules[0].")
    assert found.endswith(words)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 2\nrules: []", "registry.yaml:1: version: found 2, expected 1"),
        ("version: 1", "registry.yaml:1: rules: missing, expected a list"),
        ("version: 1\nrules: []\nruls: []", "registry.yaml:3: ruls: unknown key; did you mean 'rules'?"),
        (rules("  - {use: []}"), "registry.yaml:3: rules[0].use: found 0 items, expected a list of at least 1 item"),
        (rules("  - {source: a}"), "registry.yaml:3: rules[0].use: missing, expected a list"),
        (rules("  - {use: [{strategy: ridge}]}"), "rules[0].use[0].strategy: found 'ridge', expected plugin/strategy"),
        (rules("  - {use: [{strategy: a/b, parms: {}}]}"), "use[0].parms: unknown key; did you mean 'params'?"),
        (rules("  - {whn: {}, use: [{strategy: a/b}]}"), "rules[0].whn: unknown key; did you mean 'when'?"),
        (rules("  - {source: *a, use: [{strategy: a/b}]}"), "put text that begins with * in quotes"),
    ],
)
def test_a_wrong_shape_is_told_with_its_place(text: str, words: str) -> None:
    assert words in fault(text)


def test_all_errors_of_a_file_come_at_once_and_in_its_order() -> None:
    lines = fault("version: 2\nrules:\n  - {use: []}\n  - {use: [{strategy: b}]}\n").splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"registry.yaml:{at}" for at in (1, 3, 4)]


def test_the_users_rules_stand_before_ours() -> None:
    user = parse_registry(rules(LAST), "mine.yaml")
    both = joined(user, shipped_registry())
    assert both.rules == user.rules + shipped_registry().rules
    assert both.origin == "mine.yaml, foretaste's registry.yaml"


def test_our_last_rule_fits_every_pair() -> None:
    last = shipped_registry().rules[-1]
    assert (last.source, last.target, dict(last.when)) == (None, None, {})


def test_our_rules_test_facts_only() -> None:
    assert {(rule.source, rule.target) for rule in shipped_registry().rules} == {(None, None)}


def test_our_last_resort_needs_no_package() -> None:
    assert shipped_registry().rules[-1].use[-1].strategy == "baseline/popular"


def test_the_schema_describes_every_fact() -> None:
    schema = RegistryFile.model_json_schema()
    assert list(schema["$defs"]["When"]["properties"]) == PairFacts.names()


def test_checking_tells_unknown_strategies_and_wrong_params_with_their_rules(catalog: Catalog) -> None:
    text = rules("  - use: [{strategy: algin/ridge}, {strategy: align/ridge, params: {factors: a, facters: 1}}]\n")
    known = "align/ridge, baseline/ghost, baseline/popular, linear/naive-bayes"
    assert check_registry(parse_registry(text, "r.yaml"), catalog) == [
        f"r.yaml:3 (rule 1): unknown strategy 'algin/ridge'; known: {known}; not loaded: deep;"
        " did you mean 'align/ridge'?",
        "r.yaml:3 (rule 1): align/ridge: factors: found 'a', expected a whole number",
        "r.yaml:3 (rule 1): align/ridge: facters: unknown key; did you mean 'factors'?",
    ]


def test_checking_says_why_a_plugin_is_not_there(catalog: Catalog) -> None:
    registry = parse_registry(rules("  - use: [{strategy: deep/mlp}]\n"), "r.yaml")
    assert check_registry(registry, catalog) == [
        "r.yaml:3 (rule 1): unknown strategy 'deep/mlp': plugin 'deep' is blocked"
    ]


def test_a_missing_package_is_no_mistake_of_the_registry(catalog: Catalog) -> None:
    assert check_registry(parse_registry(rules("  - use: [{strategy: baseline/ghost}]\n"), "r.yaml"), catalog) == []


def test_without_plugins_only_the_shape_is_checked() -> None:
    assert check_registry(parse_registry(rules("  - use: [{strategy: no/such}]\n"), "r.yaml"), Catalog()) == []
