"""A strategy that chooses among others is handed what these come to on people who are not asked about."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from evaluation.toy_experiment import KINDS, Taste, Toy, Watch, experiment, platform
from foretaste import Carried, ConfigError, Context, Recommender, StrategyError, Transfer
from foretaste.testing import taste_world

GATE = {"strategy": "toy/gate", "beside": ["toy/taste"]}


class Gate(Toy):
    """Hands on ``toy/taste``, and notes what it was handed."""

    name: ClassVar[str] = "toy/gate"
    uses_others: ClassVar[bool] = True
    met: ClassVar[list[tuple[int | None, dict[str, Any], str | None]]] = []

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        assert context.fit is not None
        assert context.tune is not None
        assert context.obstacle is not None
        settings = context.tune("toy/taste", {})
        plan = context.validation
        for fold in plan.folds if plan else ():
            context.fit("toy/taste", settings, fold.train)
        self.met.append((plan and len(plan.folds), settings, context.obstacle("toy/picky", {})))
        return context.fit("toy/taste", settings, transfer)


class Nested(Gate):
    name: ClassVar[str] = "toy/nested"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        assert context.fit is not None
        return context.fit("toy/gate", {}, transfer)


@pytest.fixture
def met():
    Gate.met.clear()
    return Gate.met


def test_it_is_as_good_as_what_it_hands_on_and_nothing_is_fitted_twice(shops, met):
    watch = Watch()
    ours = platform(watch, kinds=(*KINDS, Gate))
    found = ours.run(experiment(GATE, refit=False), folder=shops).transfers[0]
    assert found.entry("toy/gate").metrics == found.entry("toy/taste").metrics
    assert found.entry("toy/gate").validation == found.entry("toy/taste").validation
    assert found.entry("toy/gate").cached
    # two settings on two folds, the best of them on each fold and on all training data; none of it again for the gate
    assert watch.adapted.count("toy/taste") == 4 + 2 + 1
    assert watch.adapted.count("toy/gate") == 2 + 1


def test_alone_it_tunes_what_it_uses_itself(shops, met):
    watch = Watch()
    ours = platform(watch, kinds=(*KINDS, Gate))
    found = ours.run(experiment({"strategy": "toy/gate"}, refit=False), folder=shops).transfers[0]
    assert watch.adapted.count("toy/taste") == 4 + 2 + 1
    assert not found.entry("toy/gate").cached


def test_each_fold_is_judged_by_what_the_others_say(shops, met):
    platform(kinds=(*KINDS, Gate)).run(experiment(GATE, refit=False, folds=3), folder=shops)
    assert [folds for folds, _, _ in met] == [2, 2, 2, 3]


def test_of_a_single_fold_it_is_told_of_other_people(shops, met):
    last = {"kind": "last-items"}
    found = platform(kinds=(*KINDS, Gate)).run(experiment(GATE, refit=False, holdout=last), folder=shops).transfers[0]
    assert [folds for folds, _, _ in met] == [2, 2, 2, 1]
    assert found.entry("toy/gate").validation == pytest.approx(found.entry("toy/taste").validation, abs=1e-12)


def test_on_all_rows_it_takes_the_settings_that_were_found(shops, met):
    watch = Watch()
    platform(watch, kinds=(*KINDS, Gate)).run(experiment(GATE), folder=shops)
    # in the end the best setting on each new fold and on all rows: nothing is tuned again
    assert watch.adapted.count("toy/taste") == 4 + 2 + 1 + 2 + 1
    assert met[-1][1] == met[0][1]


def test_it_is_told_what_cannot_serve_the_pair(shops, met):
    platform(kinds=(*KINDS, Gate)).run(experiment(GATE, refit=False), folder=shops)
    assert {objection for _, _, objection in met} == {"needs 1000 shared users, there are 70"}


def test_settings_that_it_fixes_are_left_as_they_are(shops):
    class Fixed(Gate):
        name: ClassVar[str] = "toy/fixed"

        def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
            assert context.tune is not None
            assert context.tune("toy/taste", {"weight": 0.25}) == {"weight": 0.25}
            return super().adapt(carried, transfer, context)

    platform(kinds=(*KINDS, Fixed)).run(experiment({"strategy": "toy/fixed"}), folder=shops)


def test_one_cannot_use_another_that_uses_others(shops):
    ours = platform(kinds=(*KINDS, Gate, Nested))
    with pytest.raises(StrategyError, match="toy/gate uses other strategies, and cannot be one that another uses"):
        ours.run(experiment({"strategy": "toy/nested"}), folder=shops)


def test_others_are_handed_no_such_calls(shops):
    class Curious(Taste):
        name: ClassVar[str] = "toy/curious"

        def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
            assert context.tune is None
            assert context.obstacle is None
            return super().adapt(carried, transfer, context)

    platform(kinds=(*KINDS, Curious)).run(experiment({"strategy": "toy/curious"}), folder=shops)


class Asking(Taste):
    """Notes what it is judged by, and which of two strategies transfer."""

    name: ClassVar[str] = "toy/asking"
    others: ClassVar[tuple[str, ...]] = ("toy/taste", "toy/popular")
    heard: ClassVar[list[tuple[str | None, list[bool]]]] = []

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        assert context.transfers is not None
        self.heard.append((context.metric and context.metric.label, [context.transfers(one) for one in self.others]))
        return super().adapt(carried, transfer, context)


class Misspelling(Asking):
    name: ClassVar[str] = "toy/misspelling"
    others: ClassVar[tuple[str, ...]] = ("toy/tast",)


@pytest.fixture
def heard():
    Asking.heard.clear()
    return Asking.heard


def test_it_is_told_by_what_all_are_judged_and_which_are_baselines(shops, heard):
    ours = platform(kinds=(*KINDS, Asking))
    ours.run(experiment({"strategy": "toy/asking"}, metrics=["recall@3", "ndcg@5"]), folder=shops)
    how = {"folder": shops, "output": shops / "raced", "strategies": ["toy/asking"], "control": None}
    ours.compare(experiment({}, metrics=["recall@3"]), **how)
    assert set(map(str, heard)) == {"('recall@3', [True, False])"}


def test_a_fit_without_an_experiment_is_judged_by_nothing(heard):
    platform(kinds=(*KINDS, Asking)).fit("toy/asking", taste_world())
    assert heard == [(None, [True, False])]


def test_whether_an_unknown_strategy_transfers_is_an_error():
    with pytest.raises(ConfigError, match=r"unknown strategy 'toy/tast'.*did you mean 'toy/taste'"):
        platform(kinds=(*KINDS, Misspelling)).fit("toy/misspelling", taste_world())


def test_in_a_race_what_did_not_race_itself_is_tuned_once(shops, met):
    watch = Watch()
    ours = platform(watch, kinds=(*KINDS, Gate))
    how = {"folder": shops, "output": shops / "out", "strategies": ["toy/gate"], "control": None}
    (found,) = ours.compare(experiment({}), **how).transfers
    assert found.entry("toy/gate").verdict == "helps"
    # two settings on two folds and the best on each of them; for the test people the best on each and on all
    assert watch.adapted.count("toy/taste") == 4 + 2 + 2 + 1


def test_a_fit_without_an_experiment_is_told_what_cannot_serve_the_pair():
    told = []

    class Asking(Toy):
        name: ClassVar[str] = "toy/asking"
        uses_others: ClassVar[bool] = True

        def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
            assert context.fit is not None
            assert context.obstacle is not None
            told.extend(context.obstacle(name, {}) for name in ("toy/picky", "toy/asking", "toy/taste"))
            return context.fit("toy/taste", {}, transfer)

    platform(kinds=(*KINDS, Asking)).fit("toy/asking", taste_world())
    nested = "toy/asking uses other strategies, and cannot be one that another uses"
    assert told == ["needs 1000 shared users, there are 100", nested, None]
