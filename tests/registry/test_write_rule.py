"""``write_rule`` puts a rule into a registry that somebody keeps by hand, and leaves the rest as it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from foretaste import disk
from foretaste.errors import ConfigError, OutputError
from foretaste.registry import Evidence, PairRule, Use, parse_registry, read_registry, write_rule
from registry.evidence import evidence

NEW = """\
  - source: books
    target: films
    use:
      - {strategy: align/ridge, params: {factors: 64}}
      - {strategy: linear/ridge}
    evidence:
      metric: ndcg@10
      lift: {value: 0.028, low: 0.022, high: 0.033, over: baseline/popular}
      control: no evidence
      people: 712
      seeds: [7, 8, 9]
      holdout: {kind: newcomers}
      data: {books: 4f1a, films: 9c02}
      date: 2026-11-02
      versions: {foretaste: 0.1.0}
"""
OLD = NEW.replace("align/ridge, params: {factors: 64}", "linear/ease").replace("0.028", "0.023")
BY_HAND = """\
# what we know of our shops
version: 1
rules:
  # music is music
  - {source: "music*", target: 'films',
     use: [{strategy: linear/ridge}]}   # asked for by the shop

  # whatever else
  - when: {user_overlap: {min: 0.20}}
    use: [ {strategy: linear/ridge} ]
  - use:
    - strategy: baseline/popular
"""


def rule(source: str = "books", target: str = "films") -> PairRule:
    use = [Use(strategy="align/ridge", params={"factors": 64}), Use(strategy="linear/ridge")]
    return PairRule(source=source, target=target, use=use)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.yaml"


def written(path: Path, before: str, new: PairRule | None = None, found: Evidence | None = None) -> str:
    path.write_bytes(before.encode())
    write_rule(path, new or rule(), found or evidence())
    return path.read_bytes().decode()


def test_a_missing_registry_is_made(path: Path) -> None:
    write_rule(path, rule(), evidence())
    assert path.read_text() == f"version: 1\nrules:\n{NEW}"


def test_a_rule_goes_before_the_first_that_would_catch_the_pair_and_nothing_else_moves(path: Path) -> None:
    assert written(path, BY_HAND) == BY_HAND.replace("  # whatever else\n", f"{NEW}\n  # whatever else\n")


def test_a_rule_that_nothing_catches_goes_to_the_top(path: Path) -> None:
    others = "version: 1\nrules:\n  # music\n  - {source: music, use: [{strategy: a/b}]}\n"
    assert written(path, others) == others.replace("  # music\n", f"{NEW}  # music\n")


def test_the_earlier_rule_of_the_pair_is_replaced_where_it_stands(path: Path) -> None:
    head, tail = "version: 1\nrules:\n  - use: [{strategy: a/b}]\n\n  # why\n", "# the end\n"
    assert written(path, head + OLD + tail) == head + NEW + tail


def test_writing_again_changes_nothing(path: Path) -> None:
    once = written(path, BY_HAND)
    assert written(path, once) == once


@pytest.mark.parametrize(
    "other",
    [
        "  - {source: books, target: films, use: [{strategy: a/b}]}\n",
        OLD.replace("    use:", "    when: {shared_users: 3}\n    use:"),
    ],
    ids=["without evidence", "with a condition"],
)
def test_what_others_wrote_for_the_pair_is_kept_and_comes_after(path: Path, other: str) -> None:
    assert written(path, f"version: 1\nrules:\n{other}") == f"version: 1\nrules:\n{NEW}{other}"


def test_comments_in_a_rule_that_is_replaced_are_moved_above_it(path: Path) -> None:
    old = (
        OLD.replace("books\n", "books # ours\n").replace("people: 712", "# few?\n      people: 712").rstrip()
        + " # end\n"
    )
    moved = "  # ours\n  # few?\n"
    assert written(path, f"version: 1\nrules:\n{old}") == f"version: 1\nrules:\n{moved}{NEW.rstrip()} # end\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    "before",
    [
        "rules:\n- use: [{strategy: a/b}]\nversion: 1",
        "version: 1\nrules:\n-\n  use:\n  - strategy: a/b\n    params: {text: x}\n",
        "version: 1\nrules:\n  - use:\n    - strategy: a/b\n      params:\n        text: |\n          # no comment\n\n",
        "version: 1\nrules: []  # none so far\n# the end\n",
        "version: 1\nrules: []",
        "version: 1\nrules: &all\n  - &one {use: [{strategy: a/b}]}\n  - *one\n",
        "version: 1\nrules: [{use: [{strategy: a/b}]}, {source: x, use: [{strategy: a/b}]}]\n",
        '{"version": 1, "rules": [{"use": [{"strategy": "a/b"}]}]}',
        '{"version": 1, "rules": []}',
        "---\nversion: 1\n'rules':\n    - use: [{strategy: a/b}]\n...\n",
        "\ufeffversion: 1\nrules:\n  - {source: \U0001f600é, use: [{strategy: a/b}]}\n",
    ],
)
def test_any_layout_takes_a_rule_and_a_better_one_after_it(path: Path, before: str, newline: str) -> None:
    before = before.replace("\n", newline)
    rules = parse_registry(before, "r.yaml").rules
    after = written(path, before)
    assert [one.use for one in read_registry(path).rules] == [tuple(rule().use), *(one.use for one in rules)]
    assert all(line in after for line in before.split(newline) if "rules" not in line)
    assert newline == "\n" or after.count("\n") == after.count("\r\n")
    again = written(path, after, found=evidence(people=1000))
    assert len(again) == len(after) + 1


def test_names_with_the_signs_of_a_glob_mean_themselves(path: Path) -> None:
    write_rule(path, rule("b[o]*ks?", "films"), evidence())
    (found,) = read_registry(path).rules
    assert found.source == "b[[]o][*]ks[?]"
    write_rule(path, rule("b[o]*ks?", "films"), evidence(people=5))
    assert len(read_registry(path).rules) == 1


def test_text_that_looks_like_a_number_stays_text(path: Path) -> None:
    write_rule(path, rule("012", "true"), evidence(data={"012": "12e45", "true": "123"}, versions={"numpy": "2.1"}))
    (found,) = read_registry(path).rules
    assert (found.source, found.target) == ("012", "true")
    assert found.evidence == evidence(data={"012": "12e45", "true": "123"}, versions={"numpy": "2.1"})


def test_a_registry_with_mistakes_is_refused_and_left(path: Path) -> None:
    wrong = "version: 1\nrules:\n  - {usee: []}\n"
    path.write_text(wrong)
    with pytest.raises(ConfigError, match=r"registry\.yaml:3: rules\[0\]\.usee: unknown key; did you mean 'use'"):
        write_rule(path, rule(), evidence())
    assert path.read_text() == wrong


def test_a_rule_that_others_refer_to_is_not_replaced(path: Path) -> None:
    shared = f"version: 1\nrules:\n{OLD.replace('data: {', 'data: &d {')}  - use: [{{strategy: a/b, params: *d}}]\n"
    path.write_text(shared)
    with pytest.raises(ConfigError, match="cannot take a rule as it is laid out"):
        write_rule(path, rule(), evidence())
    assert path.read_text() == shared


def test_a_symlink_stays_one_and_permissions_stay(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(BY_HAND)
    real.chmod(0o640)
    path.symlink_to(real)
    write_rule(path, rule(), evidence())
    assert path.is_symlink()
    assert len(read_registry(real).rules) == 4
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["real.yaml", "registry.yaml"]


def test_a_full_disk_leaves_the_registry_and_no_other_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    path.write_text(BY_HAND)
    monkeypatch.setattr(disk, "sync", full)
    with pytest.raises(OutputError, match=r"registry\.yaml: cannot be written: No space left on device"):
        write_rule(path, rule(), evidence())
    assert path.read_text() == BY_HAND
    assert [one.name for one in path.parent.iterdir()] == ["registry.yaml"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no/registry\.yaml: cannot be written: No such file or directory"):
        write_rule(tmp_path / "no" / "registry.yaml", rule(), evidence())


def test_a_registry_that_is_read_only_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(BY_HAND)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write to everything
    with pytest.raises(OutputError, match="cannot be written: it is read-only"):
        write_rule(path, rule(), evidence())
    assert path.read_text() == BY_HAND


def test_what_somebody_wrote_meanwhile_is_not_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, theirs = disk._like, "  - {source: x, use: [{strategy: a/b}]}\n"

    def meanwhile(*places: Any) -> None:
        if theirs not in path.read_text():
            path.write_text(BY_HAND + theirs)
        copy(*places)

    path.write_text(BY_HAND)
    monkeypatch.setattr(disk, "_like", meanwhile)
    write_rule(path, rule(), evidence())
    assert path.read_text() == BY_HAND.replace("  # whatever else\n", f"{NEW}\n  # whatever else\n") + theirs


def test_several_writers_at_once_lose_no_rule(path: Path) -> None:
    names = [f"shop{n}" for n in range(6)]
    writers = [threading.Thread(target=write_rule, args=(path, rule(name), evidence())) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(str(one.source) for one in read_registry(path).rules) == names
