"""``run`` and ``explain`` on a world whose answer is known."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from foretaste.cli._show import headline, judged
from foretaste.evaluation import POPULATIONS
from foretaste.result import Control, Entry, HandedOn, Lift, RunResult, TransferResult


def entry(verdict: str, *, value: float = 0.024, name: str = "linear/naive-bayes", control: Any = "not run") -> Entry:
    lift = Lift(metric="ndcg@10", value=value, low=value - 0.006, high=value + 0.006, p=0.01, over="baseline/popular")
    baseline = verdict == "baseline"
    return Entry(
        strategy=name,
        params={},
        metrics={"ndcg@10": 0.2},
        validation=0.2,
        lift=None if baseline else lift,
        lifts=[],
        verdict=verdict,  # type: ignore[arg-type]
        control=control,
        cpu_seconds=1.0,
        cached=False,
    )


def transfer(chosen: str, *entries: Entry, lift: Lift | None = None, **served: str) -> TransferResult:
    groups = {group: served.get(group.replace("-", "_"), chosen) for group in POPULATIONS}
    return TransferResult(
        source="grocery",
        target="drugstore",
        rule_choice="linear/naive-bayes",
        chosen=chosen,
        handed_on=HandedOn(served_by=groups, metrics={"ndcg@10": 0.2}, lift=lift),
        trace=[],
        facts=[],
        people=712,
        repeats=1,
        leaderboard=list(entries),
        populations=[],
        audit={},
        notes=[],
        bundle=None,
    )


def test_a_verdict_in_plain_words() -> None:
    assert headline(transfer("linear/naive-bayes", entry("helps"))) == (
        "linear/naive-bayes helps: ndcg@10 +0.024 [+0.018, +0.030] over baseline/popular, 712 people; control not run"
    )


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("hurts", "linear/naive-bayes hurts: ndcg@10"),
        ("no evidence", "linear/naive-bayes shows no evidence that it helps: ndcg@10"),
        ("leak", "linear/naive-bayes cannot be judged, as twins give test rows away: ndcg@10"),
        ("baseline", "linear/naive-bayes uses the target alone, so that nothing is carried over, 1 person"),
    ],
)
def test_each_verdict_has_its_words(verdict: str, words: str) -> None:
    assert judged(entry(verdict), 1, []).startswith(words)


@pytest.mark.parametrize(
    ("linked", "what"),
    [
        ([(712, 0)], "the source's people"),
        ([(0, 9)], "the source's items"),
        ([(0, 0)], "the source's items"),
        ([(712, 9)], "the source's people and items"),
        ([(712, 0), (500, 0)], "the sources' people"),
        ([(712, 0), (0, 9)], "the sources' people and items"),
    ],
)
def test_a_control_that_was_run_is_told_with_what_it_shuffled(linked: list[tuple[int, int]], what: str) -> None:
    lift = Lift(metric="ndcg@10", value=0.001, low=-0.002, high=0.004, p=0.6, over="baseline/popular")
    beyond = Lift(metric="ndcg@10", value=0.023, low=0.017, high=0.029, p=0.0, over="permuted")
    control = Control(lift=lift, verdict="no evidence", beyond=beyond)
    facts = [{"linked_users": users, "linked_items": items} for users, items in linked]
    assert judged(entry("helps", control=control), 712, facts).endswith(
        f"712 people; +0.023 [+0.017, +0.029] over itself with {what} permuted, +0.001 [-0.002, +0.004]"
    )


def test_a_choice_that_the_guard_replaced_is_told() -> None:
    line = headline(transfer("baseline/ease", entry("hurts", value=-0.1), entry("baseline", name="baseline/ease")))
    assert line.startswith("baseline/ease is handed on: the guard replaced linear/naive-bayes, which does worse on")
    assert "linear/naive-bayes hurts: ndcg@10 -0.100 [-0.106, -0.094] over baseline/popular, 712 people" in line


def test_a_group_that_the_guard_gave_to_a_baseline_is_told() -> None:
    lift = Lift(metric="ndcg@10", value=0.03, low=0.02, high=0.04, p=0.0, over="baseline/popular")
    found = transfer("linear/naive-bayes", entry("helps"), lift=lift, few_shot="baseline/ease")
    assert headline(found) == (
        "linear/naive-bayes is handed on, but baseline/ease for few-shot people, where it does worse on"
        " validation: together ndcg@10 +0.030 [+0.020, +0.040] over baseline/popular, 712 people; on its own,"
        " linear/naive-bayes helps: ndcg@10 +0.024 [+0.018, +0.030] over baseline/popular, 712 people; control not run"
    )


def test_groups_that_went_to_two_baselines_are_both_told() -> None:
    entries = entry("hurts", value=-0.1), entry("baseline", name="baseline/ease")
    line = headline(transfer("baseline/ease", *entries, newcomer="baseline/popular"))
    assert line.startswith("baseline/ease is handed on, but baseline/popular for newcomer people: the guard replaced")


def test_run_tells_what_it_found(finished: Any) -> None:
    path, answer = finished
    lines = answer.out.splitlines()
    assert lines[0] == "grocery -> drugstore"
    assert re.match(r"linear/naive-bayes .*: ndcg@5 \+0\.\d{3} \[[+-].*\] over baseline/\S+, 30 people", lines[1])
    assert re.search(r"^strategy +ndcg@5 +recall@5 +lift +verdict +control +CPU s", answer.out, re.MULTILINE)
    assert re.search(r"^ndcg@5 +newcomer, 30 people", answer.out, re.MULTILINE)
    for name in ("linear/naive-bayes", "align/ridge", "baseline/popular"):
        assert len(re.findall(rf"^{name}\b", answer.out, re.MULTILINE)) >= 2, name
    assert "audit: " in answer.out
    shown = re.search(r"^bundle: (.*)$", answer.out, re.MULTILINE)
    assert shown
    assert Path(shown[1]).is_dir()
    assert Path(shown[1]).is_relative_to(path.parent / "out")


def ids_of(path: Path) -> set[str]:
    return set(pl.read_parquet(path.parent / "grocery.parquet")["user_id"].cast(str))


def test_the_command_that_recommends_is_told_and_works(call: Any, finished: Any) -> None:
    shown = re.search(r"^recommend: (.*)$", finished[1].out, re.MULTILINE)
    assert shown
    program, *command = shlex.split(shown[1])
    assert program == "foretaste"
    answer = call(*command)
    assert answer.code == 0, answer
    assert answer.out.startswith(f"user {command[-1]} (known)\n")  # fitted again on all rows


def test_an_id_that_looks_like_an_option_is_told_so_that_it_works(call: Any, experiment: Path) -> None:
    for name in ("grocery", "drugstore"):
        table = pl.read_parquet(experiment.parent / f"{name}.parquet")
        named = table.with_columns(user_id=pl.format("-o {}", "user_id"))
        named.write_parquet(experiment.parent / f"{name}.parquet")
    told = call("run", experiment, "--set", "tries=1", "--set", "transfers[0].beside=[]").out.splitlines()[-1]
    command = shlex.split(told.removeprefix("recommend: foretaste "))
    answer = call(*command)
    assert answer.code == 0, answer
    assert answer.out.startswith(f"user {command[-1]} (known)\n")  # fitted again on all rows


@pytest.mark.parametrize(("on_the_path", "typed"), [(None, ".venv/bin/foretaste"), ("/bin/foretaste", "foretaste")])
def test_the_program_is_told_as_it_can_be_typed_again(
    call: Any, finished: Any, monkeypatch: pytest.MonkeyPatch, on_the_path: str | None, typed: str
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/foretaste", "run"])
    monkeypatch.setattr("shutil.which", lambda name: on_the_path)
    assert f"\nrecommend: {typed} recommend " in call("run", finished[0]).out


def test_taste_carries_over_in_the_toy_world(finished: Any) -> None:
    path, _ = finished
    result = RunResult.model_validate_json((path.parent / "out" / "result.json").read_text())
    assert result.transfers[0].entry("linear/naive-bayes").verdict == "helps"


def test_a_pipe_gets_no_progress_no_colour_and_no_folded_line(finished: Any) -> None:
    _, answer = finished
    assert answer.err == ""
    assert "\x1b" not in answer.out
    assert "…" not in answer.out


def test_on_a_terminal_progress_goes_to_stderr(call: Any, experiment: Path) -> None:
    answer = call("run", experiment, "--set", "tries=1", FORCE_COLOR="1")
    assert answer.code == 0, answer
    assert "starting" in answer.err
    assert "starting" not in answer.out


def test_for_machines_there_is_no_progress_also_on_a_terminal(call: Any, experiment: Path) -> None:
    answer = call("run", experiment, "--json", "--set", "tries=1", FORCE_COLOR="1")
    assert answer.code == 0, answer
    assert answer.json["transfers"]
    assert answer.err == ""


def test_a_narrow_terminal_folds_no_name_and_no_figure(call: Any, finished: Any) -> None:
    path, _ = finished
    answer = call("run", path, FORCE_COLOR="1", COLUMNS="80")
    lines = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", answer.out).splitlines()
    commands = [line for line in lines if line.startswith("recommend: ")]
    assert shlex.split(commands[0])[-1] in ids_of(path)  # whole, so that it can be pasted
    assert max(len(line) for line in lines if line not in commands) <= 80
    assert sum(bool(re.match(r"linear/naive-bayes \*? +0\.\d{4}", line)) for line in lines) == 2


def test_run_as_json_is_one_document_the_result(call: Any, finished: Any) -> None:
    path, _ = finished
    answer = call("run", path, "--json")
    assert answer.code == 0, answer
    assert answer.err == ""
    assert RunResult.model_validate_json(answer.out) == RunResult.model_validate_json(
        (path.parent / "out" / "result.json").read_text()
    )


def test_set_and_output_are_heeded(call: Any, experiment: Path, tmp_path: Path) -> None:
    answer = call("run", experiment, "--set", "metrics=[hit@3]", "--output", tmp_path / "elsewhere", "--json")
    assert answer.code == 0, answer
    assert answer.json["metrics"] == ["hit@3"]
    assert (tmp_path / "elsewhere" / "result.json").is_file()
    assert not (experiment.parent / "out").exists()


def test_new_replaces_another_run(call: Any, experiment: Path) -> None:
    quick = ["--set", "tries=1", "--set", "transfers[0].beside=[]"]
    assert call("run", experiment, *quick).code == 0
    answer = call("run", experiment, *quick, "--set", "seed=9", "--new", "--json")
    assert answer.code == 0, answer
    assert answer.json["seed"] == 9


def test_the_control_is_run_when_asked_for(call: Any, experiment: Path) -> None:
    answer = call("run", experiment, "--control", "permuted", "--set", "tries=1")
    assert answer.code == 0, answer
    assert "with the source's people permuted" in answer.out


def test_explain_shows_choice_rule_trace_and_facts(call: Any, experiment: Path) -> None:
    answer = call("explain", experiment, "--set", "transfers=[{source: grocery, target: drugstore, shared: users}]")
    assert answer.code == 0, answer
    lines = answer.out.splitlines()
    assert lines[0] == "grocery -> drugstore"
    assert re.search(r"by .*registry\.yaml:\d+ \(rule \d+\)$", lines[1])
    assert "chosen" in answer.out
    # 30 of the 100 people are hidden, and facts are measured on what is left
    assert re.search(r"^shared_users +70$", answer.out, re.MULTILINE)
    assert not (experiment.parent / "out").exists()


def test_explain_as_json(call: Any, experiment: Path) -> None:
    (one,) = call("explain", experiment, "--json").json["transfers"]
    assert (one["source"], one["target"]) == ("grocery", "drugstore")
    assert one["facts"][0]["shared_users"] == 70
    assert one["decision"]["strategy"] == "linear/naive-bayes"


def test_explain_forecasts_what_each_source_can_bring(call: Any, experiment: Path) -> None:
    answer = call("explain", experiment, "--forecast")
    assert re.search(r"^forecast: expect \+0\.\d+ to \+0\.\d+ ndcg@10 for newcomers", answer.out, re.MULTILINE)
    assert re.search(r"^  judged on 70 people with both histories", answer.out, re.MULTILINE)
    rows = pl.read_parquet(experiment.parent / "grocery.parquet")
    rows.with_columns(item_id="b" + pl.col("item_id")).write_parquet(experiment.parent / "bakery.parquet")
    sources = ("--set", "domains.bakery={path: bakery.parquet}", "--set", "transfers.0.source=[grocery, bakery]")
    several = call("explain", experiment, *sources, "--forecast")
    assert re.findall(r"^forecast of (\w+) alone: expect", several.out, re.MULTILINE) == ["grocery", "bakery"]


def test_explain_has_no_forecast_that_was_not_asked_for(call: Any, experiment: Path) -> None:
    assert "forecast" not in call("explain", experiment).out
    assert call("explain", experiment, "--json").json["transfers"][0]["forecasts"] is None


def test_explain_without_plugins_runs_no_code_of_the_experiment(call: Any, experiment: Path) -> None:
    (experiment.parent / "mine.py").write_text(f"open({str(experiment.parent / 'ran')!r}, 'w').close()\n1 / 0\n")
    experiment.write_text(experiment.read_text() + "plugins: [mine.py]\n")
    answer = call("explain", experiment, "--no-plugins", "--json")
    assert answer.code == 0, answer
    assert not (experiment.parent / "ran").exists()
    loaded = call("explain", experiment, "--json")
    assert loaded.code == 2
    assert "mine" in loaded.err
    assert "ZeroDivisionError" in loaded.err


def test_text_that_looks_like_markup_is_printed_as_it_is(call: Any, experiment: Path) -> None:
    text = experiment.read_text().replace("grocery:", '"[red]x":').replace("source: grocery", 'source: "[red]x"')
    experiment.write_text(text)
    assert call("explain", experiment).out.startswith("[red]x -> drugstore\n")


def test_result_json_is_what_run_prints(finished: Any) -> None:
    path, answer = finished
    document = json.loads((path.parent / "out" / "result.json").read_text())
    assert document["transfers"][0]["chosen"] in answer.out


def test_explain_tells_what_was_done_to_the_tables(call: Any, experiment: Path) -> None:
    table = experiment.parent / "grocery.parquet"
    pl.concat([pl.read_parquet(table)] * 2).write_parquet(table)
    noted = f"grocery: {pl.read_parquet(table).height // 2} repeated rows of one user and item merged (sum)"
    assert noted in call("explain", experiment, "--json").json["transfers"][0]["notes"]
    assert f"note: {noted}" in call("explain", experiment).out


def test_explain_names_a_misspelt_strategy_to_run_beside(call: Any, experiment: Path) -> None:
    answer = call("explain", experiment, "--set", "transfers.0.beside=[align/rigde]")
    assert answer.code == 2
    assert "align/ridge" in answer.err


def test_the_device_and_the_threads_reach_the_run(call: Any, experiment: Path) -> None:
    answer = call("run", experiment, "--device", "cpu", "--threads", "2", "--json")
    assert answer.code == 0, answer
    assert (answer.json["device"], answer.json["threads"]) == ("cpu", 2)
    refused = call("run", experiment, "--threads", "0")
    assert (refused.code, refused.err) == (2, "error: threads: found 0, expected 1 to 256\n")
    assert call("run", experiment, "--device", "gpu").code == 2


STOPPED = """\
from foretaste import hookimpl

foretaste_api = 1


@hookimpl(wrapper=True)
def adapt(strategy):
    if strategy.name == "align/ridge":
        raise {}
    return (yield)
"""


@pytest.mark.parametrize(
    ("raised", "words"),
    [("KeyboardInterrupt", "interrupted\n"), ("__import__('foretaste').CancelledError('cancelled')", "cancelled\n")],
)
def test_a_run_that_is_stopped_says_so_in_one_line(call: Any, experiment: Path, raised: str, words: str) -> None:
    (experiment.parent / "stopped.py").write_text(STOPPED.format(raised))
    experiment.write_text(f"plugins: [stopped.py]\n{experiment.read_text()}")
    answer = call("run", experiment)
    assert (answer.code, answer.out, answer.err) == (130, "", words)
    assert sorted(path.name for path in (experiment.parent / "out").iterdir()) == ["run.json", "transfers"]


def test_several_transfers_end_with_a_matrix_of_lifts(call: Any, experiment: Path) -> None:
    text = experiment.read_text().replace("target: drugstore", "target: '*'")
    text = text.replace("transfers:", "  pharmacy: {path: drugstore.parquet}\ntransfers:").replace(
        "tries: 2", "tries: 1"
    )
    experiment.write_text(text.replace(", beside: [align/ridge]", ""))
    answer = call("run", experiment)
    assert answer.code == 0, answer
    title, head, row = answer.out.splitlines()[-3:]
    assert head.split() == ["source", "drugstore", "pharmacy"]
    assert re.fullmatch(r"grocery +\+0\.\d{3} helps +\+0\.\d{3} helps", row)
    assert title == "lift in ndcg@5 of what is handed on, over the best baseline of each target:"


def test_one_transfer_has_no_matrix(finished: Any) -> None:
    assert "best baseline of each" not in finished[1].out


@pytest.mark.parametrize("command", ["run", "explain"])
def test_a_pair_that_a_glob_found_and_cannot_be_served_is_told(experiment: Path, call: Any, command: str) -> None:
    strangers = pl.read_parquet(experiment.parent / "drugstore.parquet").with_columns(pl.col("user_id") + 1)
    strangers.write_parquet(experiment.parent / "bakery.parquet")
    text = experiment.read_text().replace("target: drugstore,", 'target: "*",')
    experiment.write_text(text.replace("transfers:", "  bakery: {path: bakery.parquet}\ntransfers:"))
    said = call(command, experiment)
    assert said.code == 0, said
    assert "left out: grocery -> bakery: users are declared shared, but none" in said.out
    assert "grocery -> drugstore" in said.out
