"""``budget: {seconds}``: what a fit would take is found with a part of the people, and cheaper settings are taken."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest

from evaluation.toy_experiment import PEOPLE, Picky, Popular, Shelf, Taste, Watch, experiment, platform
from foretaste import (
    Budget,
    CancelledError,
    Carried,
    Context,
    Domain,
    Memory,
    PairFacts,
    Platform,
    Recommender,
    Search,
    StrategyError,
    Transfer,
)
from foretaste.platform import _timing
from foretaste.platform._timing import part_of, reckoned
from foretaste.testing import taste_world

PART = 25
"""People of the first part in these tests; there are a hundred."""


def people_of(domain: Domain) -> int:
    return int((domain.interactions.history > 0).sum())


class Slow(Taste):
    """Takes a millisecond for each person of the source and unit of weight: 0.4 s, or 0.01 s, for all."""

    name: ClassVar[str] = "toy/slow"
    each: ClassVar[float] = 0.001
    fits: ClassVar[list[tuple[int, float]]] = []

    weight: Annotated[float, Search(4.0, 0.1)] = 4.0

    def objection(self, facts: Sequence[PairFacts]) -> str | None:
        return None  # may object, as far as a check of rules can see

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        self.fits.append((people_of(transfer.pair.source), self.weight))
        time.sleep(self.each * people_of(transfer.pair.source) * self.weight)
        return super().adapt(carried, transfer, context)


class Slower(Slow):
    """Has no setting that is fast."""

    name: ClassVar[str] = "toy/slower"

    weight: Annotated[float, Search(4.0, 3.0)] = 4.0


class SlowThere(Slow):
    """Takes its time in the source."""

    name: ClassVar[str] = "toy/slow-there"

    def pretrain(self, source: Domain, context: Context) -> Carried:
        time.sleep(self.each * people_of(source) * self.weight)
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        return Taste.adapt(self, carried, transfer, context)


class Ending(Slow):
    name: ClassVar[str] = "toy/ending"
    ends_in_time: ClassVar[bool] = True


class Failing(Slow):
    """Cannot be fitted with few people."""

    name: ClassVar[str] = "toy/failing"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        if people_of(transfer.pair.source) < 3 * PART:
            raise ZeroDivisionError("nobody to divide by")
        return Taste.adapt(self, carried, transfer, context)


class Broken(Slow):
    name: ClassVar[str] = "toy/broken"

    def memory(self, facts: Sequence[PairFacts]) -> Memory:
        raise ZeroDivisionError("no items")


class Asks(Taste):
    """Asks whether to stop."""

    name: ClassVar[str] = "toy/asks"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        until = time.perf_counter() + 5
        while time.perf_counter() < until:
            if context.cancel():
                raise StrategyError("stopped")
            time.sleep(0.005)
        return super().adapt(carried, transfer, context)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_timing, "_PEOPLE", PART)
    monkeypatch.setattr(_timing, "_PART", PART / PEOPLE)
    monkeypatch.setattr(Slow, "fits", [])


def run(folder: Path, *kinds: type[Any], transfer: Mapping[str, Any] | None = None, **changed: Any) -> Any:
    named = {"strategy": kinds[-1].name} | dict(transfer or {})
    (found,) = platform(kinds=(Popular, *kinds)).run(experiment(named, **changed), folder=folder).transfers
    return found


def test_the_setting_that_ends_in_time_is_taken_where_the_default_does_not_and_that_is_said(shops: Path) -> None:
    found = run(shops, Slow, budget={"seconds": 0.2}, refit=False)
    assert found.entry("toy/slow").params == {"weight": 0.1}
    (note,) = found.notes
    assert note.startswith("toy/slow: 1 of 2 settings are not tried: the first would take some 0.")
    assert note.endswith(" s, the budget is 0.2 s")


def test_time_in_the_source_counts_too(shops: Path) -> None:
    assert run(shops, SlowThere, budget={"seconds": 0.2}).entry("toy/slow-there").params == {"weight": 0.1}


def test_where_no_setting_ends_in_time_it_is_refused(shops: Path) -> None:
    with pytest.raises(
        StrategyError, match=r"toy/slower cannot serve .*: would take some 0\.\d+ s, the budget is 0.1 s"
    ):
        run(shops, Slower, budget={"seconds": 0.1})


def test_a_setting_that_is_fixed_has_no_faster_one(shops: Path) -> None:
    with pytest.raises(StrategyError, match="would take some"):
        run(shops, Slow, transfer={"params": {"weight": 4.0}}, budget={"seconds": 0.2})


def test_what_is_beside_and_takes_longer_is_a_note(shops: Path) -> None:
    found = run(shops, Slower, Taste, transfer={"beside": ["toy/slower"]}, budget={"seconds": 0.1})
    assert any(note.startswith("toy/slower passed over: would take some") for note in found.notes)


def chosen(shops: Path, kind: type[Slow], seconds: float) -> Any:
    rule = f"{{use: [{{strategy: {kind.name}}}, {{strategy: toy/taste}}]}}"
    (shops / "registry.yaml").write_text(f"version: 1\nrules: [{rule}]\n")
    made = Platform([Shelf(Popular, kind, Taste)], registry=shops / "registry.yaml", folder=shops, entry_points=False)
    (found,) = made.explain(experiment({"strategy": None}, budget={"seconds": seconds}), folder=shops)
    return found.decision


def test_the_registry_passes_over_what_takes_longer(shops: Path) -> None:
    found = chosen(shops, Slower, 0.1)
    assert "toy/slower passed over: would take some" in found.trace[0]
    assert found.strategy == "toy/taste"


def test_the_registry_takes_what_has_a_setting_that_is_fast(shops: Path) -> None:
    assert chosen(shops, Slow, 0.2).strategy == "toy/slow"


def test_a_single_fit_is_of_the_settings_given() -> None:
    made, world = platform(kinds=(Popular, Slow)), taste_world()
    with pytest.raises(StrategyError, match="toy/slow cannot serve this transfer: would take some"):
        made.fit("toy/slow", world, budget=Budget(seconds=0.02))
    assert made.fit("toy/slow", world, {"weight": 0.001}, budget=Budget(seconds=0.5))


def test_without_a_budget_of_seconds_nothing_is_timed(shops: Path) -> None:
    watch = Watch()
    asked = experiment({"strategy": "toy/taste"}, budget={"memory": "1GB"}, tries=1)
    platform(watch, kinds=(Popular, Taste)).run(asked, folder=shops)
    again = Watch()
    platform(again, kinds=(Popular, Taste)).run(
        experiment({"strategy": "toy/taste"}, budget={"memory": "1GB", "seconds": 60}, tries=1), folder=shops, new=True
    )
    assert len(again.adapted) == len(watch.adapted) + 2  # one for each of the two


def test_one_setting_is_timed_where_the_budget_is_ample(shops: Path) -> None:
    platform(kinds=(Popular, Slow)).explain(experiment({"strategy": "toy/slow"}, budget={"seconds": 60}), folder=shops)
    assert [weight for _, weight in Slow.fits] == [4.0]


def test_timing_a_strategy_has_an_end(shops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slower, "grid", lambda self, facts, n: [self, *(Slower(weight=w) for w in range(5, 30))][:n])
    with pytest.raises(StrategyError, match="would take some"):
        run(shops, Slower, budget={"seconds": 0.05}, tries=20)
    assert len(Slow.fits) < 6


def test_a_fit_is_the_same_with_a_budget_and_without(shops: Path) -> None:
    plain, ample = run(shops, Taste), run(shops, Taste, budget={"seconds": 60}, output="again")
    assert ample.entry("toy/taste").metrics == plain.entry("toy/taste").metrics
    assert ample.notes == plain.notes


def test_what_ends_in_time_by_itself_is_not_timed(shops: Path) -> None:
    made = platform(kinds=(Popular, Ending))
    made.fit("toy/ending", taste_world(), {"weight": 0.1}, budget=Budget(seconds=0.001))
    assert len(Ending.fits) == 1


def test_a_fit_with_few_people_that_fails_says_nothing_and_that_is_told(shops: Path) -> None:
    found = run(shops, Failing, budget={"seconds": 5})
    assert found.notes == [
        "toy/failing: not known whether it fits the budget of 5 s: a fit with a part of the people failed:"
        " StrategyError: toy/failing: hook adapt failed in plugin 'Shelf': ZeroDivisionError: nobody to divide by"
    ]


def test_an_estimate_that_breaks_is_one_error(shops: Path) -> None:
    with pytest.raises(StrategyError, match=r"^toy/broken: memory failed: ZeroDivisionError: no items$"):
        run(shops, Broken, budget={"seconds": 5})


def test_a_fit_with_few_people_is_stopped_where_it_alone_takes_longer(shops: Path) -> None:
    begun = time.perf_counter()
    with pytest.raises(StrategyError, match=r"toy/asks cannot serve .*: would take some"):
        run(shops, Asks, transfer={"params": {"weight": 1.0}}, budget={"seconds": 0.1})
    assert time.perf_counter() - begun < 2


def test_a_run_that_is_cancelled_ends_also_while_something_is_timed(shops: Path) -> None:
    lines: list[str] = []
    asked = experiment({"strategy": "toy/asks"}, budget={"seconds": 10})
    with pytest.raises(CancelledError):
        platform(kinds=(Popular, Asks)).run(asked, folder=shops, progress=lines.append, cancel=lambda: bool(lines))
    assert lines == ["grocery -> drugstore: toy/asks (timed with a part of the people)"]


# What explain says ----------------------------------------------------------------------------------------------------


class Sized(Slow):
    name: ClassVar[str] = "toy/sized"

    def memory(self, facts: Sequence[PairFacts]) -> Memory:
        return Memory(3 * 2**20, f"{facts[0].source_users} people")


def costs(shops: Path, **changed: Any) -> Any:
    asked = experiment({"strategy": "toy/sized", "beside": ["toy/taste", "toy/picky"]}, **changed)
    (found,) = platform(kinds=(Popular, Taste, Sized, Picky)).explain(asked, folder=shops)
    return found.costs


def test_explain_says_what_memory_is_known_and_times_nothing(shops: Path) -> None:
    (cost,) = costs(shops)
    assert str(cost) == "a fit of toy/sized takes some 3 MiB for 100 people"
    assert Slow.fits == []


def test_explain_says_what_time_a_fit_takes_where_a_budget_has_seconds(shops: Path) -> None:
    named, beside = costs(shops, budget={"seconds": 60})
    assert 0.3 <= named.seconds <= 1
    assert re.fullmatch(r"a fit of toy/sized takes some 0\.\d+ s and 3 MiB for 100 people", str(named))
    assert (beside.strategy, beside.memory) == ("toy/taste", None)


def test_explain_speaks_of_the_setting_that_would_be_tried(shops: Path) -> None:
    cost, _ = costs(shops, budget={"seconds": 0.2})
    assert cost.seconds <= 0.2


# What a part is, and what it says -------------------------------------------------------------------------------------


def test_a_part_has_all_rows_of_some_people_on_both_sides() -> None:
    whole = taste_world()
    part = part_of(whole, 0.5, 7)
    before, after = (one.target.interactions.history for one in (whole, part))
    assert {*after.tolist()} <= {0, *before.tolist()}
    assert 0 < (after > 0).sum() < (before > 0).sum()
    kept = after > 0
    assert (part.pair.source_length[kept] == whole.pair.source_length[kept]).all()
    gone = (before > 0) & ~kept
    assert not part.pair.source_length[gone].any()


def test_a_larger_part_has_the_people_of_a_smaller_one() -> None:
    small, large = (part_of(taste_world(), share, 7).target.interactions.history > 0 for share in (0.25, 0.5))
    assert small.sum() < large.sum()
    assert not (small & ~large).any()


@pytest.mark.parametrize(
    ("grows", "bounds"),
    [
        (lambda rows: 3 * rows, (24, 24)),
        (lambda rows: 5 + rows, (13, 13)),
        (lambda rows: 5, (5, 5)),
        (lambda rows: rows**2, (64, 64)),
        (lambda rows: 1 + rows**2, (30, 65)),
    ],
)
def test_time_is_reckoned_from_two_parts(grows: Any, bounds: tuple[float, float]) -> None:
    found = reckoned((1.0, grows(1.0)), (2.0, grows(2.0)), 8.0)
    assert bounds[0] - 1e-9 <= found <= bounds[1] + 1e-9
