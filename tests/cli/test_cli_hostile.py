"""Plugins that print or end the process, answers that cannot be written, text that a terminal would obey."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foretaste.cli._output import readable
from foretaste.cli._progress import _bars, _Teller
from foretaste.strategy import Step

PLUGIN = """
import os
import subprocess
import sys

from foretaste import Strategy, hookimpl

foretaste_api = 1
print("printed at import")


@hookimpl
def adapt(strategy):
    print("printed in adapt")
    sys.__stdout__.write("printed past sys.stdout\\n")
    os.write(1, b"written to the descriptor\\n")
    subprocess.run(["echo", "printed by a child"], check=True)


@hookimpl
def run_finished(result):
    {last}
"""
QUICK = "--set", "tries=1", "--set", "transfers[0].beside=[]"


def with_plugin(experiment: Path, last: str = "pass") -> Path:
    (experiment.parent / "mine.py").write_text(PLUGIN.replace("{last}", last))
    experiment.write_text(experiment.read_text() + "plugins: [mine.py]\n")
    return experiment


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from foretaste.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, text=True, check=False, **{"capture_output": True, **options})


def test_what_plugins_print_does_not_break_the_json_document(experiment: Path) -> None:
    done = process("run", with_plugin(experiment), "--json", *QUICK)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["transfers"]
    for line in (
        "printed at import",
        "printed in adapt",
        "printed past sys.stdout",
        "written to the descriptor",
        "printed by a child",
    ):
        assert line in done.stderr


def test_what_plugins_print_does_not_break_the_explanation(call: Any, experiment: Path) -> None:
    answer = call("explain", with_plugin(experiment), "--json")
    assert answer.json["transfers"]
    assert "printed at import" in answer.err


def test_a_plugin_that_ends_the_process_is_an_error(call: Any, experiment: Path) -> None:
    answer = call("run", with_plugin(experiment, "sys.exit(0)"), "--json", *QUICK)
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.splitlines()[-1] == "error: hook run_finished failed in plugin 'mine': SystemExit: 0"


def test_a_metric_that_ends_the_process_is_an_error(call: Any, experiment: Path) -> None:
    text = """
from foretaste import hookimpl
foretaste_api = 1
@hookimpl
def register_metrics():
    return {"leaving": lambda cutoff: exit(0)}
"""
    (experiment.parent / "mine.py").write_text(text)
    experiment.write_text(experiment.read_text() + "plugins: [mine.py]\n")
    answer = call("run", experiment, "--set", "metrics=[ndcg@5, leaving]")
    assert (answer.code, answer.err) == (2, "error: a plugin tried to end the process (exit code 0)\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["schema"], ["plugins"]])
def test_a_full_device_is_told_and_exits_with_2(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = process(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "error: stdout: cannot be written: No space left on device\n")


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert readable("Käse & 日本\xa0") == "Käse & 日本\xa0"
    assert readable("a\x1b[2Jb\n\r\x9b\u202e") == r"a\x1b[2Jb\n\r\x9b\u202e"


def test_ids_do_not_command_the_terminal(call: Any, experiment: Path) -> None:
    hostile = "\x1b]0;owned\x07\x9b31m"
    for name in ("grocery", "drugstore"):
        path = experiment.parent / f"{name}.csv"
        # everybody has most items; the hostile one is among them
        rows = [f'u{user},"{name}{hostile}{item}"' for user in range(20) for item in range(9) if (user + item) % 4]
        path.write_text("user_id,item_id\n" + "\n".join(rows) + "\n")
        experiment.write_text(experiment.read_text().replace(f"{name}.parquet", f"{name}.csv"))
    assert call("run", experiment, *QUICK).code == 0
    bundle = experiment.parent / "out" / "bundles" / "grocery__drugstore"
    for options in ({}, {"FORCE_COLOR": "1", "COLUMNS": "200"}):
        answer = call("recommend", bundle, "u1", f"{hostile}x", "--why", **options)
        assert answer.code == 0, answer
        assert r"drugstore\x1b]0;owned\x07\x9b31m" in answer.out
        assert r"user \x1b]0;owned\x07\x9b31mx (popular)" in answer.out
        assert "\x1b]" not in answer.out
        assert "\x07" not in answer.out
    refused = call("recommend", bundle, f"{hostile}x", "--on-unknown", "error")
    assert refused.code == 2
    assert "\x1b" not in refused.err


def test_each_transfer_has_its_bar_over_strategies_and_repeats() -> None:
    with _bars(Console(file=io.StringIO(), force_terminal=True)) as bars:
        teller = _Teller(bars)
        assert [task.total for task in bars.tasks] == [None]
        for source in ("a", "b"):
            for done in range(3):
                teller.tell(Step(f"{source} -> c: s{done} (1/1)", done, 3))
            teller.tell("s2: epoch [red]1")
        shown = [(task.description, task.completed, task.total) for task in bars.tasks]
    assert shown == [("s2: epoch [red]1", 3, 3), ("s2: epoch [red]1", 2, 3)]
