from __future__ import annotations

import datetime as dt
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foretaste.bundle import load_bundle, save_bundle
from foretaste.errors import OutputError
from foretaste.recommender import HistoryModel
from recommender.toy_recommenders import USERS, factor_model, history_model, roster


def save(folder, model=None, **options):
    return save_bundle(model or factor_model(), folder, strategy="toy/strategy", params={}, **options)


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_versions_count_up_and_current_names_the_last(tmp_path):
    folder = tmp_path / "deep" / "bundles"
    assert [save(folder).name for _ in range(3)] == ["v1", "v2", "v3"]
    assert names(folder) == ["CURRENT", "v1", "v2", "v3"]
    assert (folder / "CURRENT").read_text() == "v3\n"


def test_the_next_version_is_above_all_that_are_there(tmp_path):
    (tmp_path / "v9").mkdir()
    (tmp_path / "v10").mkdir()
    (tmp_path / "vault").mkdir()
    assert save(tmp_path).name == "v11"


def test_an_older_version_still_loads(tmp_path):
    old, new = factor_model(), history_model()
    save(tmp_path, old)
    save(tmp_path, new)
    assert load_bundle(tmp_path / "v1").recommend(USERS) == old.recommend(USERS)
    assert load_bundle(tmp_path).recommend(USERS) == new.recommend(USERS)


def test_all_files_may_be_read_by_whom_the_folder_allows(tmp_path):
    (tmp_path / "plain").write_text("")
    expected = (tmp_path / "plain").stat().st_mode
    assert {file.stat().st_mode for file in save(tmp_path).iterdir()} == {expected}


def fail_at(monkeypatch, target, name, call):
    """Let the ``call``-th call of a function fail as on a full disk."""
    real, calls = getattr(target, name), []

    def failing(*args, **options):
        calls.append(name)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **options)

    monkeypatch.setattr(target, name, failing)
    return calls


STEPS = [
    *((os, "fsync", call) for call in range(1, 9)),
    *((Path, "write_bytes", call) for call in (1, 3)),
    *((Path, "write_text", call) for call in (1, 2)),
    (Path, "mkdir", 2),
    (Path, "rename", 1),
    (Path, "replace", 1),
]


@pytest.mark.parametrize(("target", "name", "call"), STEPS)
def test_a_full_disk_at_any_step_leaves_the_last_version_and_nothing_else(tmp_path, monkeypatch, target, name, call):
    save(tmp_path)
    with monkeypatch.context() as patch:
        calls = fail_at(patch, target, name, call)
        with pytest.raises(OutputError, match=f"{tmp_path}: cannot save the recommender: No space left on device"):
            save(tmp_path, history_model())
    assert len(calls) >= call
    assert names(tmp_path) == ["CURRENT", "v1"]
    assert load_bundle(tmp_path).recommend(USERS) == factor_model().recommend(USERS)


def test_what_current_names_is_never_taken_away_again(tmp_path, monkeypatch):
    fail_at(monkeypatch, os, "fsync", 9)  # the last: CURRENT has been replaced
    with pytest.raises(OutputError, match="No space left on device"):
        save(tmp_path)
    assert load_bundle(tmp_path).recommend(USERS) == factor_model().recommend(USERS)


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file: cannot save the recommender: File exists"):
        save(tmp_path / "file")
    with pytest.raises(OutputError, match="below: cannot save the recommender: Not a directory"):
        save(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"created": dt.date(2024, 5, 1)}, "date is not JSON serializable"),
        ({"share": float("nan")}, "not JSON compliant"),
        ({"name": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_metadata_that_json_does_not_hold_is_an_error(tmp_path, metadata, words):
    with pytest.raises(OutputError, match=words):
        save(tmp_path / "bundle", metadata=metadata)
    assert not (tmp_path / "bundle").exists()


def test_a_kind_that_could_not_be_loaded_is_not_saved(tmp_path):
    class Mine(HistoryModel):
        pass

    mine = Mine(roster(), history_model().item_bias)
    with pytest.raises(OutputError, match="cannot save a Mine: no bundle could be loaded as one; expected FactorModel"):
        save(tmp_path / "bundle", mine)
    assert not (tmp_path / "bundle").exists()


def test_writers_at_once_get_a_version_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: save(tmp_path), range(16)))
    assert sorted(int(one.name[1:]) for one in made) == list(range(1, 17))
    assert len(names(tmp_path)) == 17
    load_bundle(tmp_path)


def test_readers_never_see_half_a_bundle(tmp_path):
    save(tmp_path)
    expected = factor_model().recommend(["u0"])
    with ThreadPoolExecutor(4) as pool:
        writing = pool.submit(lambda: [save(tmp_path) for _ in range(10)])
        while not writing.done():
            assert load_bundle(tmp_path).recommend(["u0"]) == expected
