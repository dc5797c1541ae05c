"""One state in a folder: whole or not there, and the state before where it cannot be written."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from foretaste import Checkpoint, OutputError


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_, ">f4", ">i8"]).flatmap(
        lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=3, min_side=0))
    ),
    layout=st.sampled_from(["as it is", "Fortran", "reversed", "every second"]),
)
def test_arrays_come_back_as_they_were_in_any_layout(tmp_path, array, layout):
    if layout == "Fortran":
        array = np.asfortranarray(array).reshape(array.shape, order="A")
    elif array.ndim:
        array = {"reversed": array[::-1], "every second": array[::2]}.get(layout, array)
    place = Checkpoint(tmp_path)
    place.save({"x": array, "twice": array.T}, {})
    back, _ = place.load()
    for name, expected in (("x", array), ("twice", array.T)):
        assert back[name].shape == expected.shape
        assert back[name].dtype == expected.dtype.newbyteorder("=")
        assert back[name].tobytes() == np.ascontiguousarray(expected, back[name].dtype).tobytes()
    assert back["x"].flags.writeable


def test_the_state_of_a_generator_is_meta(tmp_path):
    rng = np.random.default_rng(3)
    rng.normal(size=7)
    Checkpoint(tmp_path).save({}, {"rng": rng.bit_generator.state, "epoch": 3, "best": None})
    _, meta = Checkpoint(tmp_path).load()
    again = np.random.default_rng()
    again.bit_generator.state = meta["rng"]
    assert again.normal() == rng.normal()
    assert (meta["epoch"], meta["best"]) == (3, None)


def test_the_last_state_counts_and_nothing_else_is_left(tmp_path):
    place = Checkpoint(tmp_path / "made" / "for it")
    assert place.load() is None
    for epoch in range(3):
        place.save({"x": np.full(3, epoch)}, {"epoch": epoch})
    assert place.load()[1] == {"epoch": 2}
    assert [path.name for path in place.folder.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize("cut", ["emptied", "cut", "flipped array", "flipped meta", "another file", "a part of two"])
def test_a_damaged_file_is_no_state_and_is_told(tmp_path, cut):
    told = []
    place = Checkpoint(tmp_path, told.append)
    place.save({"x": np.arange(100.0)}, {"epoch": 7})
    file = tmp_path / "state.safetensors"
    data = bytearray(file.read_bytes())
    if cut == "flipped array":
        data[-5] ^= 1
    elif cut == "flipped meta":
        data[data.index(b"7}")] ^= 1
    elif cut == "a part of two":
        Checkpoint(tmp_path).save({"x": np.arange(100.0) + 1}, {"epoch": 8})
        data = bytearray(file.read_bytes())[:200] + data[200:]
    file.write_bytes({"emptied": b"", "cut": data[:-1], "another file": b"PK and no more"}.get(cut, bytes(data)))
    assert place.load() is None
    (line,) = told
    assert line.startswith(f"{file}: is damaged, training begins anew: ")
    place.save({"x": np.arange(2)}, {})
    assert place.load() is not None


@pytest.mark.parametrize(
    ("arrays", "meta", "words"),
    [
        ({"x": np.array(["a"])}, {}, "array 'x' holds <U1, expected numbers"),
        ({"x": np.array([None])}, {}, "array 'x' holds object, expected numbers"),
        ({}, {"x": np.float32(1)}, "not JSON serializable"),
        ({}, {"x": float("nan")}, "not JSON compliant"),
    ],
)
def test_what_cannot_be_kept_is_an_error_and_the_state_before_stays(tmp_path, arrays, meta, words):
    place = Checkpoint(tmp_path)
    place.save({}, {"epoch": 1})
    with pytest.raises((TypeError, ValueError), match=words):
        place.save(arrays, meta)
    assert place.load() == ({}, {"epoch": 1})


def test_a_full_disk_is_an_error_that_names_the_folder_and_the_state_before_stays(tmp_path):
    place = Checkpoint(tmp_path)
    place.save({"x": np.arange(3)}, {"epoch": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # no file may grow further: as if it were full
    try:
        with pytest.raises(OutputError) as caught:
            place.save({"x": np.zeros(100_000)}, {"epoch": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(caught.value).startswith(f"{tmp_path}: a checkpoint cannot be written: ")
    assert place.load()[1] == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def test_what_a_kill_left_half_written_goes_with_the_next_state(tmp_path, monkeypatch):
    def killed(arrays, place, meta):
        place.with_name(".tmpa1B2c3").write_bytes(b"half")  # safetensors writes to such a name first
        raise SystemExit

    place = Checkpoint(tmp_path)
    place.save({"x": np.ones(3)}, {"epoch": 1})
    with monkeypatch.context() as one:
        one.setattr("foretaste.checkpoint.save_file", killed)
        with pytest.raises(SystemExit):
            place.save({"x": np.zeros(3)}, {"epoch": 2})
    assert place.load()[1] == {"epoch": 1}
    place.save({}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "states").write_text("mine")
    with pytest.raises(OutputError, match="states/one: a checkpoint cannot be written: Not a directory"):
        Checkpoint(Path(tmp_path / "states" / "one")).save({}, {})
    assert Checkpoint(tmp_path / "states" / "one").load() is None


SAVING = """
import sys
from pathlib import Path
import numpy as np
from foretaste import Checkpoint
place = Checkpoint(Path(sys.argv[1]))
for epoch in range(10**9):
    place.save({"x": np.full(200_000, epoch)}, {"epoch": epoch})
    print(epoch, flush=True)
"""


def test_who_is_killed_while_saving_leaves_a_whole_state(tmp_path):
    saving = subprocess.Popen([sys.executable, "-c", SAVING, str(tmp_path)], stdout=subprocess.PIPE)
    told = [int(saving.stdout.readline()) for _ in range(5)]
    saving.kill()
    told += [int(line) for line in saving.communicate()[0].split()]
    arrays, meta = Checkpoint(tmp_path).load()
    assert meta["epoch"] in (told[-1], told[-1] + 1)
    assert (arrays["x"] == meta["epoch"]).all()
    Checkpoint(tmp_path).save({}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]
