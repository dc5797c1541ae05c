"""A race over all strategies, in a process that may come to grief."""

import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
import pytest

from evaluation.toy_experiment import KINDS, Popular, Rare, Taste, experiment, platform
from foretaste import (
    Budget,
    CancelledError,
    ConfigError,
    Domain,
    Memory,
    Overlap,
    Platform,
    Search,
    StrategyError,
    Transfer,
)
from foretaste.evaluation import Scores
from foretaste.metrics import builtin_metrics, parse_metric
from foretaste.platform import _contest, _race
from foretaste.platform._bench import Tuned
from foretaste.platform._compare import Measure, Measured, repeats_of
from foretaste.platform._contest import choices, contest, measured
from foretaste.platform._lab import Task
from foretaste.platform._race import Clock, Entrant, Race
from foretaste.platform._repeat import Found, Rules
from foretaste.platform._settings import cheapest_of
from foretaste.platform._trial import Limits, Outcome, Trial
from foretaste.platform._worker import Setup, Worker

RACERS, GRIEF = (Path(__file__).parent / name for name in ("racers.py", "grief.py"))
HELPS = ["race/taste"]
DOMAINS = ("grocery", "drugstore")


@pytest.fixture
def racing():
    """A platform of which other processes can make another."""
    return Platform([RACERS, GRIEF], entry_points=False)


def compare(racing, shops, strategies, each=None, **changed):
    settings = {"strategies": strategies, "control": None, "output": shops / "out"}
    asked = experiment({}, **({"budget": {"seconds": each}} if each else {}))
    return racing.compare(asked, folder=shops, **settings | changed)


def test_what_surely_helps_on_validation_people_wins(racing, shops):
    (found,) = compare(racing, shops, ["race/taste", "race/bad"], control="permuted").transfers
    assert found.winner == "race/taste"
    assert found.entry("race/taste").verdict == "helps"
    assert found.choice.picks == ["race/taste"]
    assert found.choice.lift.value == pytest.approx(found.entry("race/taste").lift.value)
    assert found.entry("race/taste").control.verdict != "helps"
    assert found.seeds == [7]
    assert (shops / "out/compare.json").is_file()


def test_it_finds_what_a_run_finds(racing, shops):
    (raced,) = compare(racing, shops, HELPS, control="permuted").transfers
    ran = racing.run(experiment({"strategy": "race/taste"}), folder=shops, output=shops / "run", control="permuted")
    (measured,) = ran.transfers
    for name in ("race/taste", "race/popular"):
        mine, theirs = raced.entry(name), measured.entry(name)
        assert mine.metrics == theirs.metrics
        assert mine.lift == theirs.lift
    assert raced.entry("race/taste").control.beyond == measured.entry("race/taste").control.beyond


def test_where_nothing_surely_helps_the_baseline_wins(racing, shops):
    (found,) = compare(racing, shops, ["race/bad"], thorough=True).transfers
    assert found.winner == "race/popular"
    assert found.trace[0].endswith("no transfer surely more: race/popular chosen")
    assert found.entry("race/bad").verdict == "hurts"
    assert found.choice.lift.value == 0


def test_what_cannot_win_is_stopped(racing, shops):
    (found,) = compare(racing, shops, ["race/taste", "race/bad"]).transfers
    (stopped,) = [one for one in found.unmeasured if one.state == "stopped"]
    assert stopped.strategy == "race/bad"
    assert stopped.reason.startswith("cannot win: ndcg@5 0.")
    assert stopped.reason.endswith("people) behind race/taste")


def test_a_thorough_race_measures_it_all_the_same(racing, shops):
    (found,) = compare(racing, shops, ["race/taste", "race/bad"], thorough=True).transfers
    assert found.entry("race/bad").verdict == "hurts"
    assert found.unmeasured == []


def test_half_of_the_settings_go_on_to_the_second_fold(racing, shops):
    asked = experiment({}, tries=4)
    racing.compare(asked, folder=shops, output=shops / "out", strategies=HELPS, control=None)
    # 4 settings on the first fold and 2 on the second, the best on the test people; and popularity on all three
    assert len(list((shops / "out/trials").glob("*/*"))) == 4 + 2 + 1 + 3


def test_what_would_take_longer_than_each_fit_may_does_not_race(racing, shops):
    (found,) = compare(racing, shops, ["race/slow", "race/slower"], each=0.2).transfers
    assert found.entry("race/slow").params == {"weight": 0.1}
    assert any(
        note.startswith("race/slow: 1 of 2 settings are not tried: the first would take") for note in found.notes
    )
    (late,) = found.unmeasured
    assert (late.strategy, late.state) == ("race/slower", "late")
    assert re.fullmatch(r"would take some 0\.\d+ s, the budget is 0.2 s", late.reason)


@pytest.mark.parametrize(
    ("strategy", "limits", "reason"),
    [
        ("race/raising", {}, "ZeroDivisionError: nothing to divide by"),
        ("race/crashing", {}, "its process ended by SIGABRT"),
        ("race/hungry", {"budget": Budget(memory=600_000_000)}, "MB, 600 MB are allowed"),
        ("race/hanging", {"each": 1}, "its first fit took more than 3.0 s"),
    ],
)
def test_what_comes_to_grief_ends_nothing_else(racing, shops, strategy, limits, reason):
    (found,) = compare(racing, shops, ["race/taste", strategy], **limits).transfers
    assert found.winner == "race/taste"
    (failed,) = found.unmeasured
    assert (failed.strategy, failed.state) == (strategy, "failed")
    assert reason in failed.reason


def test_what_was_done_is_not_done_again(racing, shops, monkeypatch):
    log = shops / "log"
    monkeypatch.setenv("RACERS_LOG", str(log))
    first = compare(racing, shops, ["race/late"])
    fits = len(log.read_text().splitlines())
    second = compare(racing, shops, ["race/late"])
    assert len(log.read_text().splitlines()) == fits
    assert second.transfers == first.transfers


@pytest.mark.parametrize(("sent", "again"), [(signal.SIGKILL, 1), (signal.SIGSEGV, 0)])
def test_what_was_killed_from_outside_is_tried_again_by_the_next_start(racing, shops, monkeypatch, sent, again):
    log = shops / "log"
    monkeypatch.setenv("RACERS_LOG", str(log))
    monkeypatch.setenv("RACERS_SIGNAL", str(int(sent)))
    for begun in (1, 2):
        (found,) = compare(racing, shops, ["race/killed"]).transfers
        (failed,) = found.unmeasured
        assert failed.reason == f"its process ended by {sent.name}"
        # each of its two settings on the first fold, once for each start
        assert len(log.read_text().splitlines()) == 2 * (1 + again * (begun - 1))
    monkeypatch.delenv("RACERS_SIGNAL")
    (found,) = compare(racing, shops, ["race/killed"]).transfers
    assert len(found.unmeasured) == 1 - again


def test_what_trained_less_for_want_of_time_trains_on_where_there_is_more(shops):
    class Trains(Taste):
        name: ClassVar[str] = "toy/trains"
        ends_in_time: ClassVar[bool] = True

        def adapt(self, carried, transfer, context):
            trained.append(min(context.budget.seconds, 0.8))
            time.sleep(trained[-1])
            return super().adapt(carried, transfer, context)

    def seconds_trained(seconds):
        trained.clear()
        how = {"output": shops / "out", "control": None, "budget": Budget(seconds=seconds)}
        ours.compare(experiment({}, tries=1), folder=shops, **how)
        return trained

    trained, ours = [], platform(kinds=(Popular, Trains))
    assert seconds_trained(6)[0] < 0.5
    assert seconds_trained(60)[0] == 0.8
    assert seconds_trained(60) == []
    assert seconds_trained(6) == []


def test_what_ends_in_time_is_told_less_than_its_limit_for_pretraining_and_adapting_together(shops):
    class Trains(Taste):
        name: ClassVar[str] = "toy/trains"
        ends_in_time: ClassVar[bool] = True

        def pretrain(self, source, context):
            told.append(context.budget.seconds)
            return super().pretrain(source, context)

        def adapt(self, carried, transfer, context):
            told.append(context.budget.seconds)
            return super().adapt(carried, transfer, context)

    told, transfer = [], groceries(shops)
    lab = platform(kinds=(Popular, Trains)).lab(experiment({}), {0: Task(transfer, transfer)}, "cpu", 1)
    lab.outcome(Trial(0, 0, 0, "toy/trains", {}), Limits(10.0))
    assert told == [4.0, 4.0]


def test_a_race_that_was_stopped_goes_on_from_its_trials(racing, shops, monkeypatch):
    log = shops / "log"
    monkeypatch.setenv("RACERS_LOG", str(log))
    asked = 0

    def enough():
        return log.exists() and len(log.read_text().splitlines()) >= 2

    with pytest.raises(CancelledError):
        compare(racing, shops, ["race/late"], cancel=enough)
    asked = len(log.read_text().splitlines())
    done = len(list((shops / "out/trials").glob("*/*")))
    (found,) = compare(racing, shops, ["race/late"]).transfers
    assert found.winner == "race/late"
    whole = len(list((shops / "out/trials").glob("*/*")))
    # at most the one that was interrupted is fitted again
    assert len(log.read_text().splitlines()) - asked <= 7 - (asked - 1)
    assert whole > done


def test_a_fit_that_is_cancelled_in_this_process_is_done_when_the_race_goes_on(shops):
    class Stopping(Taste):
        name: ClassVar[str] = "toy/stopping"

        def adapt(self, carried, transfer, context):
            stop.append(True)
            context.fit("toy/popular", {}, transfer)  # which looks whether it is to stop
            return super().adapt(carried, transfer, context)

    stop = []
    ours, how = platform(kinds=(Popular, Stopping)), {"folder": shops, "output": shops / "out", "control": None}
    with pytest.raises(CancelledError):
        ours.compare(experiment({}, tries=1), **how, cancel=lambda: bool(stop))
    (found,) = ours.compare(experiment({}, tries=1), **how).transfers
    assert found.winner == "toy/stopping"


def test_an_interrupt_from_the_keyboard_is_for_the_one_that_asks(racing, shops):
    setup = Setup(racing._recipe, experiment({}), {0: Task(transfer := groceries(shops), transfer)}, "cpu", 1)
    worker, trial = Worker(setup, lambda: False), Trial(0, 0, 0, "race/popular", {})
    try:
        assert worker.ask(trial, Limits()).scores is not None
        process = worker._process
        process.send_signal(signal.SIGINT)
        assert worker.ask(trial, Limits()).scores is not None
        assert worker._process is process
    finally:
        worker.close()


def test_trials_of_another_budget_for_each_fit_are_taken_away(racing, shops):
    compare(racing, shops, HELPS, each=50)
    (before,) = (shops / "out/trials").iterdir()
    compare(racing, shops, HELPS, each=100)
    assert before not in (shops / "out/trials").iterdir()


def test_a_damaged_trial_is_done_again(racing, shops):
    (first,) = compare(racing, shops, HELPS).transfers
    for state in (shops / "out/trials").glob("*/*/state.safetensors"):
        state.write_bytes(b"no")
    (again,) = compare(racing, shops, HELPS).transfers
    assert again.entry("race/taste").metrics == first.entry("race/taste").metrics


def test_trials_of_other_data_are_taken_away(racing, shops):
    compare(racing, shops, HELPS)
    (before,) = (shops / "out/trials").iterdir()
    (shops / "out/trials/mine").mkdir()
    shutil.copy(shops / "grocery.parquet", shops / "drugstore.parquet")
    compare(racing, shops, HELPS)
    left = {one.name for one in (shops / "out/trials").iterdir()}
    assert len(left) == 2
    assert before.name not in left
    assert "mine" in left


def test_a_further_transfer_leaves_what_was_done_of_the_others(racing, shops, monkeypatch):
    log = shops / "log"
    monkeypatch.setenv("RACERS_LOG", str(log))
    compare(racing, shops, ["race/late"])
    fits = len(log.read_text().splitlines())
    both = experiment({"source": "drugstore", "target": "grocery"}, {})
    racing.compare(both, folder=shops, output=shops / "out", strategies=["race/late"], control=None)
    assert len(log.read_text().splitlines()) == 2 * fits


def test_plugins_in_hand_race_in_this_process_and_it_is_said(shops):
    ours = platform(kinds=KINDS)
    (found,) = ours.compare(experiment({}), folder=shops, output=shops / "out", control=None).transfers
    assert found.winner == "toy/taste"
    assert found.memory == {}
    assert found.notes == ["plugins in hand cannot be raced in a process of their own: no limit held"]
    assert {one.strategy: one.state for one in found.unmeasured} == {
        "toy/picky": "passed over",
        "toy/raising": "failed",
        "toy/nan": "failed",
        "toy/bad": "stopped",
        "toy/plain": "stopped",
    }


def test_repeats_are_raced_apart_and_pooled(racing, shops):
    asked = experiment({}, holdout={"fraction": 0.3, "repeats": 2})
    (found,) = racing.compare(asked, folder=shops, output=shops / "out", strategies=HELPS).transfers
    assert found.seeds == [7, 8]
    assert len(found.choice.picks) == 2
    assert found.people == 60


def test_a_budget_is_kept_and_says_what_came_too_late(racing, shops):
    found = compare(racing, shops, ["race/taste", "race/hanging"], budget=Budget(seconds=12))
    assert found.seconds < 12 * 1.1


def test_an_unknown_strategy_is_told_before_anything_is_fitted(racing, shops):
    with pytest.raises(ConfigError, match=r"race/tast.*did you mean 'race/taste'"):
        compare(racing, shops, ["race/tast"])
    assert not (shops / "out").exists()


def test_without_anything_to_race_it_says_why(shops):
    ours = platform(kinds=[kind for kind in KINDS if kind.name in ("toy/popular", "toy/picky")])
    with pytest.raises(
        StrategyError, match=r"no transfer strategy to race\n  toy/picky passed over: needs 1000 shared"
    ):
        ours.compare(experiment({}), folder=shops, output=shops / "out")


def test_what_is_named_and_predicts_no_ratings_is_told_where_these_decide(shops):
    asked = experiment({}, metrics=["rmse"])
    with pytest.raises(StrategyError, match="race/taste passed over: predicts no ratings, which the first metric is"):
        platform(RACERS).compare(asked, folder=shops, output=shops / "out", strategies=HELPS)


def test_no_process_is_left_behind(racing, shops):
    import psutil

    compare(racing, shops, HELPS)
    assert [one for one in psutil.Process(os.getpid()).children() if "serve" in " ".join(one.cmdline())] == []


def test_values_of_people_are_kept(racing, shops):
    (found,) = compare(racing, shops, HELPS).transfers
    table = pl.read_parquet(shops / "out/0-grocery__drugstore.people.parquet")
    mine = table.filter(pl.col("strategy") == "race/taste")
    assert len(mine) == found.people
    assert np.isclose(mine["ndcg@5"].mean(), found.entry("race/taste").metrics["ndcg@5"])


# When time is up -------------------------------------------------------------------------------------------------


M = parse_metric("ndcg@5", builtin_metrics())
BOTH = (Popular(), Taste())
HOW = Measure(experiment({}).holdout, [M], seed=7, tries=2, folds=3)


def gained(trial, folds=1):
    """What a trial on so many folds of 40 people comes to: the same for everybody, but for a little chance."""
    first = trial.place if isinstance(trial.place, int) else 0
    rng = np.random.default_rng(first)
    helps = trial.strategy in ("toy/taste", "toy/mixing") and not trial.permuted
    values = rng.normal(0.5 if helps else 0.1 if trial.strategy == "toy/rare" else 0.25, 0.01, 40 * folds)
    people = np.arange(40 * first, 40 * (first + folds))
    return Outcome(Scores(people, np.zeros(len(people), np.int64), {"ndcg@5": values}, {"ndcg@5": values.mean()}))


def raced(until_fold):
    """A race in which trials on folds from ``until_fold`` on find no time left, and the trials on the plan."""
    on_plan = []

    def ask(trial, limits):
        if trial.place == "plan":
            on_plan.append(trial)
            return gained(trial, trial.folds or 3)
        return late(limits) if trial.place >= until_fold else gained(trial)

    entrants = [Entrant(Popular(), [Popular()]), Entrant(Taste(), [Taste()]), Entrant(Mixing(), [Mixing()])]
    Race(0, 0, False, 3, M, ask, Clock()).run(entrants)
    return entrants, on_plan


def late(limits):
    return Outcome(why="time", reason="took more than 1.0 s", limits=limits)


def groceries(shops):
    grocery, drugstore = (Domain.from_frame(pl.read_parquet(shops / f"{n}.parquet"), n) for n in DOMAINS)
    return Transfer.of([grocery], drugstore, Overlap("users"))


class Mixing(Taste):
    name: ClassVar[str] = "toy/mixing"
    uses_others: ClassVar[bool] = True


def test_all_are_judged_on_the_folds_that_were_done_when_time_is_up():
    entrants, (on_plan,) = raced(until_fold=2)
    assert [one.state for one in entrants] == ["racing"] * 3
    assert [len(one.validation(M).people) for one in entrants] == [80] * 3
    assert on_plan.folds == 2
    assert on_plan.settled == {"toy/popular": {}, "toy/taste": {"weight": 1.0}}


def test_with_time_for_all_folds_the_whole_plan_is_looked_at():
    _, (on_plan,) = raced(until_fold=3)
    assert on_plan.folds is None


@pytest.mark.parametrize("folds", [1, 2, None])
def test_a_trial_on_part_of_the_plan_asks_the_people_of_its_first_folds(shops, folds):
    asked, ours = experiment({}, folds=3), platform(kinds=(Popular, Taste))
    transfer = groceries(shops)
    lab = ours.lab(asked, {0: Task(transfer, transfer)}, "cpu", 1)
    each = [lab.outcome(Trial(0, 0, fold, "toy/popular", {}), Limits()).scores for fold in range(folds or 3)]
    found = lab.outcome(Trial(0, 0, "plan", "toy/popular", {}, folds=folds), Limits()).scores
    assert found.people.tolist() == np.concatenate([one.people for one in each]).tolist()


def contested(shops, ask, kinds=BOTH):
    transfer = groceries(shops)
    held, folds = repeats_of(transfer, transfer, HOW)
    return contest(0, kinds, held, folds, ask, Rules(HOW, Clock(), None, True, True, "grid", print))


def test_a_control_that_time_cut_is_compared_on_the_folds_that_it_has(shops):
    def ask(trial, limits):
        return late(limits) if trial.permuted and trial.place == 1 else gained(trial)

    assert contested(shops, ask).picks == ["toy/taste"]


def raced_for(shops, monkeypatch, seconds, cost, *, control=False, repeats=8):
    """A contest with so many seconds, of which a trial takes what ``cost`` says, and one that was done takes none."""
    now, done = [0.0], set()

    def ask(trial, limits):
        takes = 0.0 if trial.key in done else cost(trial)
        now[0] += min(takes, limits.seconds)
        if takes > limits.seconds:
            return late(limits)
        done.add(trial.key)
        return replace(gained(trial), seconds=takes)

    clock = SimpleNamespace(monotonic=lambda: now[0])
    for module in (_race, _contest):
        monkeypatch.setattr(module, "time", clock)
    transfer, how = groceries(shops), replace(HOW, holdout=HOW.holdout.model_copy(update={"repeats": repeats}), tries=1)
    held, folds = repeats_of(transfer, transfer, how)
    found = contest(
        0, BOTH, held, folds, ask, Rules(how, Clock(seconds), None, control, True, "grid", print, fewer=True)
    )
    assert now[0] <= seconds
    return found


def test_there_are_as_many_repeats_as_there_is_time_for(shops, monkeypatch):
    found = raced_for(shops, monkeypatch, 30, lambda trial: 1.0)
    assert found.repeats == len(found.picks) == 30 // 8
    assert found.notes == [f"time was left for {found.repeats} of 8 repeats of the hold-out"]
    assert set(measured(found, HOW, "grocery -> drugstore")[0]) == {"toy/popular", "toy/taste"}
    whole = raced_for(shops, monkeypatch, 300, lambda trial: 1.0)
    assert (whole.repeats, whole.notes) == (8, [])


@pytest.mark.parametrize("cost", [3.0, 4.5])
def test_where_the_first_repeat_is_cut_before_transfer_was_tried_it_goes_on_with_the_time_of_all(
    shops, monkeypatch, cost
):
    found = raced_for(shops, monkeypatch, 50, lambda trial: cost if trial.strategy == "toy/taste" else 4.0)
    assert (found.repeats, found.picks) == (1, ["toy/taste"])


def test_where_the_first_repeat_has_no_time_for_the_control_that_gets_what_is_left(shops, monkeypatch):
    found = raced_for(shops, monkeypatch, 40, lambda trial: 4.0 if trial.permuted else 1.0, control=True)
    assert (found.repeats, found.picks) == (1, ["toy/taste"])
    assert len(found.trace) == 1
    whole, control = measured(found, HOW, "grocery -> drugstore")
    assert set(whole) == {"toy/popular", "toy/taste"}
    assert control["toy/taste"].verdict != "helps"


def test_a_repeat_that_time_cut_is_left_out_whole(shops, monkeypatch):
    found = raced_for(shops, monkeypatch, 30, lambda trial: 9.0 if trial.repeat and trial.place == "test" else 1.0)
    assert (found.repeats, found.picks) == (1, ["toy/taste"])
    assert found.notes == ["time was left for 1 of 8 repeats of the hold-out"]
    assert set(measured(found, HOW, "grocery -> drugstore")[0]) == {"toy/popular", "toy/taste"}


class Wide(Taste):
    factors: Annotated[int, Search(64, 32, 16)] = 64
    pretrain_fields: ClassVar[tuple[str, ...] | None] = None


def raced_with_room_for(shops, factors, kind=Wide):
    """A contest of two repeats in which a fit of more factors takes too long, and what was asked of that strategy."""
    asked = []

    def ask(trial, limits):
        if trial.strategy == "toy/taste":
            asked.append((trial.repeat, trial.place, trial.permuted, trial.params["factors"]))
        return late(limits) if trial.params.get("factors", 0) > factors else gained(trial)

    transfer, how = groceries(shops), replace(HOW, holdout=HOW.holdout.model_copy(update={"repeats": 2}), tries=6)
    held, folds = repeats_of(transfer, transfer, how)
    found = contest(0, [Popular(), kind()], held, folds, ask, Rules(how, Clock(), None, True, True, "grid", print))
    return found, asked


def test_where_the_first_setting_takes_too_long_the_cheapest_is_tried_and_that_is_said(shops):
    found, asked = raced_with_room_for(shops, 16)
    assert found.picks == ["toy/taste", "toy/taste"]
    assert [one for one in asked if one[3] > 16] == [(0, 0, False, 64)]
    assert found.notes == ["toy/taste: its first setting took more than 1.0 s, only the cheapest is tried"]


def test_where_the_cheapest_setting_takes_too_long_as_well_no_other_is_tried(shops):
    found, asked = raced_with_room_for(shops, 8)
    assert [factors for *_, factors in asked] == [64, 16]
    assert found.out["toy/taste"].reason == "its first fit took more than 1.0 s, its cheapest too"


def test_where_no_setting_is_cheaper_the_first_that_takes_too_long_is_the_last(shops):
    class Narrow(Taste):
        factors: int = 64

    found, asked = raced_with_room_for(shops, 16, Narrow)
    assert len(asked) == 1
    assert found.out["toy/taste"].reason == "its first fit took more than 1.0 s"


def test_what_says_what_memory_it_takes_is_cheapest_where_that_is_least():
    class Sized(Wide):
        def memory(self, facts):
            return Memory(2**20 * (100 - self.factors), "what is left")

    settings = Wide().grid([], 8)
    assert cheapest_of(settings, []).factors == 16
    assert cheapest_of([Sized(factors=16), Sized(factors=64)], []).factors == 64
    assert cheapest_of([one for one in settings if one.factors == 16], []) is None


def test_what_holds_too_much_memory_on_the_test_people_has_failed_and_was_not_late(shops):
    def ask(trial, limits):
        if trial.place == "test" and trial.strategy == "toy/taste":
            return Outcome(why="memory", reason="its process held 900 MB, 600 MB are allowed")
        return gained(trial)

    found = contested(shops, ask)
    assert [(name, one.state) for name, one in found.out.items()] == [("toy/taste", "failed")]


# The choice ------------------------------------------------------------------------------------------------------


def rated(*errors):
    """What a baseline came to that is wrong by so much on validation people, in each repeat."""
    people, none = np.arange(5), np.zeros(5, np.int64)
    scores = [Scores(people, none, {"rmse": np.full(5, error)}, {"rmse": error}) for error in errors]
    return Measured(baseline=True, tuned=[Tuned(Popular(), one, 0.0, cached=False) for one in scores])


def test_a_choice_is_over_the_baseline_that_errs_least_on_the_validation_people_of_its_repeat():
    whole = {"a": rated(0.9, 0.7), "b": rated(0.8, 0.8), "toy/taste": Measured(baseline=False)}
    found = Found(picks=["toy/taste", "toy/taste"])
    assert choices(found, whole, parse_metric("rmse", builtin_metrics())) == (found.picks, ["b", "a"])


def test_for_a_choice_that_was_not_measured_the_baseline_stands_that_validation_people_prefer(shops):
    def ask(trial, limits):
        if trial.place == "test" and trial.strategy == "toy/taste":
            return late(limits)
        return gained(trial)

    found = contested(shops, ask, kinds=(Rare(), Popular(), Taste()))
    whole, _ = measured(found, HOW, "grocery -> drugstore")
    assert found.picks == ["toy/taste"]
    assert choices(found, whole, M) == (["toy/popular"], ["toy/popular"])


# Settings that are proposed -------------------------------------------------------------------------------------


def test_optuna_proposes_each_setting_once_and_leaves_its_logging_alone(racing, shops, capfd):
    optuna = pytest.importorskip("optuna")
    level = optuna.logging.get_verbosity()
    asked = experiment({}, tries=3)
    how = {"folder": shops, "output": shops / "out", "strategies": HELPS, "control": None, "search": "optuna"}
    (found,) = racing.compare(asked, **how).transfers
    assert found.winner == "race/taste"
    # three settings on the first fold and two on the second, the best on the test people; and popularity on all three
    assert len(list((shops / "out/trials").glob("*/*"))) == 3 + 2 + 1 + 3
    assert optuna.logging.get_verbosity() == level
    assert "study" not in capfd.readouterr().err


def test_optuna_begins_with_a_setting_that_fits_the_memory(shops):
    pytest.importorskip("optuna")

    class Sized(Taste):
        name: ClassVar[str] = "toy/sized"
        weight: Annotated[float, Search(4.0, 1.0, 0.5)] = 4.0

        def memory(self, facts):
            return Memory(int(self.weight * 2**30), "its weight")

        def adapt(self, carried, transfer, context):
            fitted.add(self.weight)
            return super().adapt(carried, transfer, context)

    fitted = set()
    how = {"folder": shops, "output": shops / "out", "control": None, "search": "optuna"}
    platform(kinds=(Popular, Sized)).compare(experiment({}, budget={"memory": "2GiB"}), **how)
    assert fitted == {1.0, 0.5}


def test_optuna_tries_no_combination_that_takes_more_memory_than_there_is(shops):
    pytest.importorskip("optuna")

    class Sized(Taste):
        name: ClassVar[str] = "toy/sized"
        weight: Annotated[float, Search(1.0, 0.5)] = 1.0
        copies: Annotated[int, Search(1, 2, 3)] = 1

        def memory(self, facts):
            return Memory(int(self.weight * self.copies * 2**30), f"{self.copies} copies")

        def adapt(self, carried, transfer, context):
            fitted.add((self.weight, self.copies))
            return super().adapt(carried, transfer, context)

    fitted = set()
    how = {"folder": shops, "output": shops / "out", "control": None, "search": "optuna"}
    asked = experiment({}, budget={"memory": "2GiB"}, tries=6)
    (found,) = platform(kinds=(Popular, Sized)).compare(asked, **how).transfers
    assert fitted == {(1.0, 1), (1.0, 2), (0.5, 1), (0.5, 2), (0.5, 3)}
    (note,) = [one for one in found.notes if one.startswith("toy/sized")]
    needs = "needs 3 GiB for 3 copies, the budget is 2 GiB"
    assert note == f"toy/sized: proposed settings not tried: 1, the first {needs}"


def test_optuna_tries_nothing_that_would_take_longer_than_a_fit_may(racing, shops):
    pytest.importorskip("optuna")
    (found,) = compare(racing, shops, ["race/slow"], each=0.2, search="optuna").transfers
    assert found.entry("race/slow").params == {"weight": 0.1}
    assert any(re.match(r"race/slow: proposed settings not tried: 1, the first would take", one) for one in found.notes)


def test_optuna_ends_where_the_values_of_a_grid_end(racing, shops):
    pytest.importorskip("optuna")
    asked = experiment({}, tries=50)
    how = {"folder": shops, "output": shops / "out", "strategies": HELPS, "control": None, "search": "optuna"}
    racing.compare(asked, **how)
    assert len(list((shops / "out/trials").glob("*/*"))) == 4 + 2 + 1 + 3


def test_another_search_is_told(racing, shops):
    with pytest.raises(ConfigError, match="search: found 'luck', expected grid or optuna"):
        compare(racing, shops, HELPS, search="luck")
