"""How a run is done and not what it does: device, threads, and when to stop."""

from __future__ import annotations

from typing import ClassVar

import pytest

from evaluation.toy_epochs import Epochs, epochs_platform, run_epochs
from evaluation.toy_experiment import Popular, Toy, Watch, experiment, platform
from foretaste import CancelledError, ConfigError, OutputError, StrategyError
from foretaste.testing import taste_world


class Asking(Toy):
    """Notes how it is run, and stops in the middle where that is asked for."""

    name: ClassVar[str] = "toy/asking"
    seen: ClassVar[list[tuple[str, int]]] = []

    def adapt(self, carried, transfer, context):
        self.seen.append((context.device, context.threads))
        if context.cancel():
            raise StrategyError("I was told to stop")
        return super().adapt(carried, transfer, context)


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch):
    monkeypatch.setattr(Asking, "seen", [])


def go(folder, **how):
    asked = platform(kinds=(Popular, Asking))
    return asked.run(experiment({"strategy": "toy/asking"}, threads=2), folder=folder, **how)


def test_a_strategy_is_told_the_device_and_the_threads_and_the_result_says_them(shops):
    result = go(shops, device="cpu", threads=3)
    assert set(Asking.seen) == {("cpu", 3)}
    assert (result.device, result.threads) == ("cpu", 3)


def test_left_out_the_device_is_auto_and_the_threads_are_the_experiments(shops):
    result = go(shops)
    assert set(Asking.seen) == {("auto", 2)}
    assert (result.device, result.threads) == ("auto", 2)


def test_a_single_fit_takes_them_too():
    platform(kinds=(Asking,)).fit("toy/asking", taste_world(), device="cuda", threads=4)
    assert Asking.seen == [("cuda", 4)]


@pytest.mark.parametrize("other", [{"device": "cpu"}, {"threads": 1}])
def test_a_run_on_another_device_or_other_threads_is_another_run(shops, other):
    go(shops)
    with pytest.raises(OutputError, match="holds another run"):
        go(shops, **other)
    go(shops, threads=2, device="auto")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"device": "gpu"}, "device: found 'gpu', expected one of auto, cpu, cuda"),
        ({"threads": 0}, "threads: found 0, expected 1 to 256"),
        ({"threads": 257}, "threads: found 257, expected 1 to 256"),
    ],
)
def test_what_cannot_be_is_an_error_before_anything_is_read(tmp_path, wrong, words):
    with pytest.raises(ConfigError) as caught:
        go(tmp_path, **wrong)
    assert str(caught.value) == words


# Stopping -----------------------------------------------------------------------------------------------------------


def test_a_cancelled_run_begins_no_further_fit_and_goes_on_when_it_is_repeated(shops):
    two = ({"strategy": "toy/taste"}, {"source": "drugstore", "target": "grocery", "strategy": "toy/plain"})
    watch = Watch()
    with pytest.raises(CancelledError, match=r"^drugstore -> grocery: cancelled$"):
        platform(watch).run(experiment(*two), folder=shops, cancel=lambda: bool(watch.finished))
    assert sorted(path.name for path in (shops / "out").iterdir()) == ["bundles", "run.json", "transfers"]
    assert [one.target for one in watch.finished] == ["drugstore"]
    result = platform(watch).run(experiment(*two), folder=shops)
    assert [one.target for one in watch.finished] == ["drugstore", "grocery"]
    assert len(result.transfers) == 2


def test_a_strategy_that_stops_midway_ends_the_run_as_cancelled(shops):
    with pytest.raises(CancelledError, match=r"^toy/asking: cancelled$") as caught:
        go(shops, cancel=lambda: bool(Asking.seen))
    assert "I was told to stop" in str(caught.value.__cause__)


def test_a_strategy_that_fails_unasked_has_failed(shops):
    with pytest.raises(StrategyError, match="nothing to divide by"):
        platform().run(experiment({"strategy": "toy/raising"}), folder=shops, cancel=lambda: False)


def test_a_run_that_is_interrupted_leaves_states_and_nothing_half_written(shops, monkeypatch):
    monkeypatch.setattr(Epochs, "done", [])
    monkeypatch.setattr(Epochs, "stop", {"adapt": 2})
    monkeypatch.setattr(Epochs, "by", "interrupt")
    with pytest.raises(KeyboardInterrupt):
        run_epochs(shops)
    files = sorted(path for path in (shops / "out").rglob("*") if path.is_file())
    assert [path.name for path in files] == ["state.safetensors", "state.safetensors", "run.json"]
    monkeypatch.setattr(Epochs, "stop", {})
    Epochs.done.clear()
    epochs_platform().run(experiment({"strategy": "toy/epochs"}), folder=shops)
    assert Epochs.done[:2] == [("adapt", 3), ("adapt", 4)]
