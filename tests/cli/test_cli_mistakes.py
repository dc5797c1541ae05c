"""Every mistake that a user makes is told in words, on stderr, with exit code 2."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

LONG = "a" * 300
"""A name that is too long for any file system."""


def told(answer: Any) -> str:
    """The message of a refused command: nothing else is printed."""
    assert answer.code == 2, answer
    assert answer.out == "", answer
    assert answer.err.startswith("error: "), answer
    assert "Traceback" not in answer.err
    return str(answer.err)


def rewritten(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def changed(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    change(pl.read_parquet(path)).write_parquet(path)


def test_a_missing_experiment(call: Any, tmp_path: Path) -> None:
    assert told(call("run", tmp_path / "nope.yaml")) == f"error: {tmp_path / 'nope.yaml'}: no such file\n"


def test_a_missing_data_file(call: Any, experiment: Path) -> None:
    (experiment.parent / "grocery.parquet").unlink()
    assert "grocery.parquet: no such file" in told(call("run", experiment))


def test_a_missing_file_of_hidden_rows(call: Any, experiment: Path) -> None:
    given = "holdout={kind: given, files: {test: hidden.tsv}}"
    assert "hidden.tsv: no such file" in told(call("run", experiment, "--set", given))
    assert not (experiment.parent / "out").exists()


def test_candidates_that_leave_somebody_out(call: Any, experiment: Path) -> None:
    table = pl.read_parquet(experiment.parent / "drugstore.parquet")
    table.tail(9).write_csv(experiment.parent / "hidden.tsv", separator="\t")
    table.tail(1).write_csv(experiment.parent / "lists.csv")
    given = "holdout={kind: given, files: {test: hidden.tsv}, candidates: lists.csv}"
    assert "people with preferred test rows have no candidates (the first is" in told(
        call("run", experiment, "--set", given)
    )


def test_a_key_of_files_that_is_not_known(call: Any, experiment: Path) -> None:
    message = told(call("run", experiment, "--set", "holdout={kind: given, files: {tset: hidden.tsv}}"))
    assert "tset" in message
    assert "did you mean 'test'?" in message


def test_a_wrong_column(call: Any, experiment: Path) -> None:
    changed(experiment.parent / "drugstore.parquet", lambda t: t.rename({"user_id": "usr_id"}))
    message = told(call("run", experiment))
    assert "drugstore.parquet: no column 'user_id'; found usr_id, item_id; did you mean 'usr_id'?" in message


def test_an_empty_domain(call: Any, experiment: Path) -> None:
    changed(experiment.parent / "drugstore.parquet", lambda t: t.head(0))
    assert "drugstore.parquet: the table has no rows" in told(call("run", experiment))


def test_a_weight_that_is_not_a_number_is_named_with_its_row(call: Any, experiment: Path) -> None:
    weights = pl.when(pl.int_range(pl.len()) == 2).then(float("nan")).otherwise(1.0).alias("weight")
    changed(experiment.parent / "grocery.parquet", lambda t: t.with_columns(weights))
    assert "grocery.parquet: row 3: weight is nan, expected a finite number" in told(call("run", experiment))


def test_ids_of_two_types(call: Any, experiment: Path) -> None:
    changed(experiment.parent / "grocery.parquet", lambda t: t.with_columns(pl.col("user_id").cast(pl.String)))
    message = told(call("run", experiment))
    assert "user ids are strings in the source and whole numbers in the target" in message


def test_no_shared_people(call: Any, experiment: Path) -> None:
    changed(experiment.parent / "grocery.parquet", lambda t: t.with_columns(pl.col("user_id") + 1))
    message = told(call("run", experiment))
    assert "users are declared shared, but none of 100 source users has rows on both sides" in message


def test_an_unknown_key(call: Any, experiment: Path) -> None:
    rewritten(experiment, "tries: 2", "holdot: {kind: newcomers}")
    assert "experiment.yaml:7: holdot: unknown key; did you mean 'holdout'?" in told(call("run", experiment))


def test_every_mistake_of_a_file_has_its_line(call: Any, experiment: Path) -> None:
    rewritten(experiment, "tries: 2", "tries: none\nsead: 1")
    lines = told(call("explain", experiment)).splitlines()
    assert "experiment.yaml:7: tries: found 'none', expected a whole number" in lines[0]
    assert "experiment.yaml:8: sead: unknown key; did you mean 'seed'?" in lines[1]


def test_an_unknown_strategy(call: Any, experiment: Path) -> None:
    rewritten(experiment, "linear/naive-bayes", "linear/naive-bays")
    message = told(call("run", experiment))
    assert "unknown strategy 'linear/naive-bays'" in message
    assert "did you mean 'linear/naive-bayes'?" in message


def test_an_unknown_strategy_beside(call: Any, experiment: Path) -> None:
    rewritten(experiment, "align/ridge", "align/rigde")
    assert "did you mean 'align/ridge'?" in told(call("run", experiment))


def test_an_unknown_metric(call: Any, experiment: Path) -> None:
    rewritten(experiment, "ndcg@5", "ndgc@5")
    message = told(call("run", experiment))
    assert "unknown metric 'ndgc@5'" in message
    assert "did you mean 'ndcg'?" in message


def test_an_unknown_parameter(call: Any, experiment: Path) -> None:
    rewritten(experiment, "beside: [align/ridge]", "params: {smoothin: 2}")
    message = told(call("run", experiment))
    assert "linear/naive-bayes: smoothin: unknown key; did you mean 'smoothing'?" in message


def test_a_domain_that_is_not_there(call: Any, experiment: Path) -> None:
    rewritten(experiment, "source: grocery", "source: grocer")
    known = "no domain is called 'grocer'; known: grocery, drugstore; did you mean 'grocery'?"
    line = next(n for n, text in enumerate(experiment.read_text().splitlines(), 1) if "source: grocer" in text)
    assert f"experiment.yaml:{line}: transfers[0].source: {known}" in told(call("run", experiment))


def test_every_wrong_metric_and_strategy_is_told_with_its_key(call: Any, experiment: Path) -> None:
    message = told(call("run", experiment, "--set", "metrics=[NDCG@10, ndcg@5, auc]"))
    assert [line.partition("; ")[0] for line in message.removeprefix("error: ").splitlines()] == [
        "metrics[0]: unknown metric 'NDCG@10'",
        "metrics[2]: unknown metric 'auc'",
    ]
    rewritten(experiment, "beside: [align/ridge]", "beside: [align/rigde, linear/naive-bays]")
    message = told(call("run", experiment))
    assert "transfers[0].beside[0]: unknown strategy 'align/rigde'" in message
    assert "transfers[0].beside[1]: unknown strategy 'linear/naive-bays'" in message


def test_a_colon_without_a_space(call: Any, experiment: Path) -> None:
    rewritten(experiment, "path: grocery", "path:grocery")
    assert "with a space after the colon?" in told(call("run", experiment))


def test_broken_yaml(call: Any, experiment: Path) -> None:
    rewritten(experiment, "tries: 2", "tries: [2")
    assert "experiment.yaml:8:" in told(call("run", experiment))


def test_a_key_that_stands_twice(call: Any, experiment: Path) -> None:
    rewritten(experiment, "tries: 2", "output: there")
    assert "experiment.yaml:8:1: found the key 'output' twice, first in line 7" in told(call("run", experiment))


def test_an_assignment_without_a_value(call: Any, experiment: Path) -> None:
    assert told(call("run", experiment, "--set", "tries")) == "error: --set tries: found no '=', expected key=value\n"


def test_a_wrong_assignment_is_named(call: Any, experiment: Path) -> None:
    message = told(call("run", experiment, "--set", "holdout.fraction=2"))
    assert message.startswith("error: --set holdout.fraction=2: ")


def test_an_output_folder_that_holds_another_run(call: Any, finished: Any) -> None:
    path, _ = finished
    message = told(call("run", path, "--set", "seed=8"))
    assert f"{path.parent / 'out'}: holds another run" in message
    assert "--new" in message


def test_an_output_folder_that_cannot_be_written(call: Any, experiment: Path) -> None:
    (experiment.parent / "taken").write_text("a file")
    message = told(call("run", experiment, "--output", experiment.parent / "taken"))
    assert "taken: cannot be written" in message


def test_an_unknown_user_where_that_is_an_error(call: Any, bundle: Path) -> None:
    message = told(call("recommend", bundle, "3", "--on-unknown", "error"))
    assert message == "error: unknown user 3\n"


def test_a_user_id_that_is_no_number_where_ids_are_numbers(call: Any, bundle: Path) -> None:
    message = told(call("recommend", bundle, "anna"))
    assert message == "error: user ids: found 'anna', expected whole numbers, as in the data\n"


def test_a_history_of_an_unknown_domain(call: Any, bundle: Path) -> None:
    message = told(call("recommend", bundle, "--history", "grocer=g1"))
    assert "unknown domain 'grocer'" in message
    assert "did you mean 'grocery'?" in message


def test_a_history_without_a_domain(call: Any, bundle: Path) -> None:
    message = told(call("recommend", bundle, "--history", "g1,g2"))
    assert message == "error: --history g1,g2: found no '=', expected domain=id,id\n"


def test_an_empty_history(call: Any, bundle: Path) -> None:
    message = told(call("recommend", bundle, "--history", "grocery= ,"))
    assert message == "error: --history grocery= ,: found no id, expected grocery=id,id\n"


def test_an_empty_user_id(call: Any, bundle: Path) -> None:
    assert told(call("recommend", bundle, "")) == (
        "error: user ids: found an empty text, expected whole numbers, as in the data\n"
    )
    assert told(call("recommend", bundle, "--history", "drugstore=d1", "--history", "grocery=g1", "")).startswith(
        "error: user ids: found an empty text"
    )


@pytest.mark.parametrize("k", ["0", "-3", "1000001", str(2**63), str(10**30)])
def test_a_number_of_items_that_no_list_has(call: Any, bundle: Path, k: str) -> None:
    message = told(call("recommend", bundle, "1000", "-k", k))
    assert message == f"error: -k: found {k}, expected a whole number from 1 to 1,000,000\n"


def test_nobody_to_recommend_to(call: Any, bundle: Path) -> None:
    message = told(call("recommend", bundle))
    assert message == "error: recommend: found no USER and no --history, expected one of them\n"


def test_a_bundle_that_is_not_there(call: Any, tmp_path: Path) -> None:
    assert str(tmp_path / "nothing") in told(call("recommend", tmp_path / "nothing", "1000"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", LONG],
        ["run", "{experiment}", "--output", LONG],
        ["run", "{experiment}", "--set", f"plugins=[{LONG}]"],
        ["run", "{experiment}", "--set", f"registry={LONG}"],
        ["run", "{experiment}", "--set", f"domains.grocery.path={LONG}.csv"],
        ["run", "{experiment}", "--set", "transfers[0].shared=none", "--set", f"transfers[0].links.users={LONG}"],
        ["facts", LONG, LONG, "--shared", "users"],
        ["recommend", LONG, "1000"],
        ["registry", "check", LONG],
    ],
)
def test_a_path_that_the_file_system_refuses(call: Any, experiment: Path, arguments: list[str]) -> None:
    message = told(call(*(word.format(experiment=experiment) for word in arguments)))
    assert ": File name too long" in message
    assert message.count("\n") == 1
    assert not (experiment.parent / "out").exists()


def test_what_may_not_be_read_is_told_in_our_words_and_not_by_typer(
    call: Any, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_, **__: False)  # typer would ask, and print how commands are used
    for arguments in (
        ["explain", experiment],
        ["facts", experiment.parent, experiment.parent, "--shared", "users"],
        ["recommend", experiment.parent, "1000"],
        ["registry", "check", experiment],
        ["run", experiment, "--output", experiment.parent, "--set", "tries=none"],
    ):
        assert "Usage" not in call(*arguments).err


def test_a_truncated_bundle(call: Any, bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    arrays = next(copy.rglob("*.safetensors"))
    arrays.chmod(0o644)
    arrays.write_bytes(arrays.read_bytes()[:-10])
    assert arrays.name in told(call("recommend", copy, "1000"))


def test_two_files_that_share_nobody(call: Any, experiment: Path) -> None:
    folder = experiment.parent
    changed(folder / "grocery.parquet", lambda t: t.with_columns(pl.col("user_id") + 1))
    message = told(call("facts", folder / "grocery.parquet", folder / "drugstore.parquet", "--shared", "users"))
    assert "none of 100 source users" in message


def test_a_registry_rule_with_an_unknown_fact(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("version: 1\nrules:\n  - when: {shared_usrs: {min: 1}}\n    use: [{strategy: baseline/popular}]\n")
    message = told(call("registry", "check", path))
    assert "registry.yaml:3:" in message
    assert "did you mean 'shared_users'?" in message


def test_a_registry_rule_with_an_unknown_strategy(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("version: 1\nrules:\n  - use: [{strategy: baseline/poplar}]\n")
    assert "did you mean 'baseline/popular'?" in told(call("registry", "check", path))
    assert call("registry", "check", path, "--no-plugins").code == 0


def test_a_bound_that_no_share_can_have(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("version: 1\nrules:\n  - when: {user_overlap: {min: 7}}\n    use: [{strategy: baseline/popular}]\n")
    message = told(call("registry", "check", path))
    assert "registry.yaml:3: rules[0].when.user_overlap: found 7, expected a share from 0 to 1" in message


def test_a_rule_that_is_never_reached(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("version: 1\nrules:\n" + 2 * "  - use: [{strategy: baseline/popular}]\n")
    message = told(call("registry", "check", path))
    assert "registry.yaml:4 (rule 2): never reached: registry.yaml:3 (rule 1) fits wherever this fits" in message


@pytest.mark.parametrize("command", ["run", "explain"])
@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("{strategy: linear/naive-bays}", "unknown strategy 'linear/naive-bays'"),
        ("{strategy: align/ridge, params: {factros: 3}}", "factros: unknown key; did you mean 'factors'?"),
    ],
)
def test_a_mistake_in_the_registry_of_an_experiment(
    call: Any, experiment: Path, command: str, use: str, words: str
) -> None:
    rules = f"version: 1\nrules:\n  - use: [{use}, {{strategy: baseline/popular}}]\n"
    (experiment.parent / "mine.yaml").write_text(rules)
    rewritten(experiment, "tries: 2", "registry: mine.yaml")
    message = told(call(command, experiment))
    assert message.startswith("error: mine.yaml:3 (rule 1): ")
    assert words in message


def test_a_strategy_of_a_plugin_that_is_not_here_is_passed_over_aloud(call: Any, experiment: Path) -> None:
    rules = "version: 1\nrules:\n  - use: [{strategy: elsewhere/deep}, {strategy: linear/naive-bayes}]\n"
    (experiment.parent / "mine.yaml").write_text(rules)
    rewritten(experiment, "tries: 2", "registry: mine.yaml")
    rewritten(experiment, ", strategy: linear/naive-bayes, beside: [align/ridge]", "")
    answer = call("explain", experiment)
    assert answer.code == 0, answer
    assert "elsewhere/deep passed over: unknown strategy 'elsewhere/deep'" in answer.out


def test_a_misspelt_plugin_to_block(call: Any, experiment: Path) -> None:
    rewritten(experiment, "tries: 2", "block: [linaer]")
    assert told(call("run", experiment)) == "error: block: no plugin is called 'linaer'; did you mean 'linear'?\n"


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ("[align/ridge, align/ridge]", "beside: 'align/ridge' is named twice"),
        ("[linear/naive-bayes]", "beside: 'linear/naive-bayes' is the strategy already"),
    ],
)
def test_a_strategy_beside_itself(call: Any, experiment: Path, beside: str, words: str) -> None:
    rewritten(experiment, "[align/ridge]", beside)
    message = told(call("run", experiment))
    assert "experiment.yaml:5: transfers[0]: " in message
    assert words in message


def test_people_who_are_the_same_by_ids_and_by_links(call: Any, experiment: Path) -> None:
    rewritten(experiment, "shared: users", "shared: users, links: {users: cards.csv}")
    message = told(call("run", experiment))
    assert "experiment.yaml:5: transfers[0]: shared: users and a table of links both say which users" in message


def test_a_negative_level(call: Any, experiment: Path) -> None:
    rewritten(experiment, "tries: 2", "holdout: {levels: [0, -1]}")
    message = told(call("run", experiment))
    assert "experiment.yaml:7: holdout.levels[1]: found -1, expected a whole number of at least 0" in message


def test_a_null_character_in_a_path(call: Any, experiment: Path) -> None:
    rewritten(experiment, "output: out", 'output: "o\\0ut"')
    message = told(call("run", experiment))
    assert "experiment.yaml:8:9: found the character '\\x00', expected printable text" in message


def test_an_item_of_a_list_that_the_experiment_leaves_out(call: Any, experiment: Path) -> None:
    message = told(call("run", experiment, "--set", "plugins[0]=a.py"))
    assert message == (
        "error: --set plugins[0]=a.py: plugins: found no list to set [0] in; set all of it: plugins=[...]\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "a.yaml", "--nwe"],
        ["rnu"],
        ["facts", "a", "b", "--shared", "user"],
        ["recommend", "a"],
        ["recommend", "a", "--history", "a=1", "--why"],
        ["recommend", "a", "1", "-k", "0"],
        ["schema", "experiments"],
    ],
)
def test_a_misused_command_exits_with_2_and_prints_to_stderr_only(call: Any, arguments: list[str]) -> None:
    answer = call(*arguments)
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err


def test_more_threads_than_any_machine_has_are_refused(call: Any, experiment: Path) -> None:
    message = told(call("run", experiment, "--set", "threads=100000"))
    place = "--set threads=100000: threads"
    assert message == f"error: {place}: found 100000, expected a whole number of at most 256\n"
