import sys
from typing import Any, ClassVar

import numpy as np
import pytest

from evaluation.toy_experiment import (
    KINDS,
    Lacking,
    Popular,
    Shelf,
    Taste,
    Toy,
    Watch,
    experiment,
    platform,
    popularity,
    run,
    shop,
)
from foretaste import (
    ConfigError,
    Decision,
    Domain,
    HistoryModel,
    MissingPackageError,
    Platform,
    PluginError,
    Roster,
    Step,
    StrategyError,
    hookimpl,
)
from foretaste.data import Overlap, Transfer


class Chooser:
    foretaste_api = 1

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    @hookimpl
    def choose_strategy(self, facts: Any) -> Any:
        self.asked.append(facts)
        return self.answer


def failing(shops, *transfers, plugins=(), kinds=KINDS, **changed):
    """Run, expect an error, and return it with what was fitted before."""
    watch = Watch()
    with pytest.raises((StrategyError, ConfigError, PluginError)) as caught:
        platform(watch, *plugins, kinds=kinds).run(experiment(*transfers, **changed), folder=shops)
    return caught.value, watch


def test_run_finished_is_called_once_per_transfer_with_its_result(shops):
    watch = Watch()
    made = run(shops, {"strategy": "toy/taste"}, {"strategy": "toy/plain"}, plugins=[watch])
    assert watch.finished == made.transfers


def test_a_wrapper_observes_every_fit(shops):
    watch = Watch()
    run(shops, plugins=[watch])
    # two folds and one last fit; popularity has one setting, taste has two, and is fitted again on all rows
    assert {name: watch.adapted.count(name) for name in set(watch.adapted)} == {"toy/popular": 3, "toy/taste": 6}


def test_pretraining_is_done_once_for_all_folds_and_settings(shops):
    watch = Watch()
    run(shops, plugins=[watch])
    assert watch.pretrained == ["toy/popular", "toy/taste"]


def test_a_wrapper_may_replace_what_came_back(shops):
    class Swap:
        foretaste_api = 1

        @hookimpl(wrapper=True)
        def adapt(self, strategy: Any, transfer: Any) -> Any:
            found = yield
            return found if strategy.baseline else HistoryModel(Roster.of(transfer), popularity(transfer), {})

    assert run(shops, plugins=[Swap()]).transfers[0].entry("toy/taste").lift.value == 0


def test_a_plugins_choice_wins_over_the_registry(shops):
    chooser = Chooser(Decision("toy/taste", {"weight": 0.5}, "my rule", ("because",)))
    (result,) = run(shops, {}, plugins=[chooser]).transfers
    assert result.rule_choice == "toy/taste"
    assert result.trace[0] == "because"
    assert result.entry("toy/taste").params == {"weight": 0.5}
    assert len(chooser.asked) == 1


def test_a_plugin_that_says_nothing_leaves_the_choice_to_the_registry(shops):
    chooser = Chooser(None)
    error, watch = failing(shops, {}, plugins=[chooser])
    assert "grocery -> drugstore: no rule of" in str(error)
    assert "align/ridge" in str(error)
    assert (len(chooser.asked), watch.adapted) == (1, [])


def test_a_choice_is_not_asked_for_where_one_is_named(shops):
    chooser = Chooser(None)
    run(shops, plugins=[chooser])
    assert chooser.asked == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("toy/taste", "choose_strategy returned"),
        (Decision("toy/tast", {}, "x"), "unknown strategy 'toy/tast'"),
        (Decision("toy/picky", {}, "x"), "toy/picky cannot serve this transfer: needs 1000 shared users, there are 70"),
    ],
    ids=["type", "unknown", "objects"],
)
def test_a_choice_that_cannot_be_is_an_error_before_any_fit(shops, answer, words):
    error, watch = failing(shops, {}, plugins=[Chooser(answer)])
    assert words in str(error)
    assert watch.adapted == []


# Strategies that cannot -----------------------------------------------------------------------------------------


def test_a_strategy_that_raises_is_named_in_one_error(shops):
    error, _ = failing(shops, {"strategy": "toy/raising"})
    assert isinstance(error, StrategyError)
    assert "toy/raising" in str(error)
    assert "nothing to divide by" in str(error)
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_factors_that_are_not_finite_are_an_error(shops):
    error, _ = failing(shops, {"strategy": "toy/nan"})
    assert str(error) == "toy/nan: user_factors holds values that are not finite"


def test_a_recommender_of_another_target_is_an_error(shops):
    class Elsewhere(Toy):
        name: ClassVar[str] = "toy/elsewhere"

        def adapt(self, carried: Any, transfer: Any, context: Any) -> Any:
            domains = [Domain.from_frame(shop(n, "x").head(30), f"x{n}") for n in (1, 2)]
            return super().adapt(carried, Transfer.of(*domains, Overlap("users")), context)

    error, _ = failing(shops, {"strategy": "toy/elsewhere"}, kinds=[Popular, Elsewhere])
    assert str(error).startswith("toy/elsewhere: adapt returned a recommender of 5 people and ")
    assert str(error).endswith("expected the target's 100 and 24")


def test_pretrain_must_return_carried(shops):
    class Loose(Toy):
        name: ClassVar[str] = "toy/loose"

        def pretrain(self, source: Any, context: Any) -> Any:
            return {"x": np.zeros(1)}

    error, _ = failing(shops, {"strategy": "toy/loose"}, kinds=[Popular, Loose])
    assert "pretrain returned" in str(error)


@pytest.mark.parametrize("found", [None, {"weight": 0.5}, Popular()], ids=["nothing", "a dict", "another strategy"])
def test_a_grid_of_other_things_than_settings_is_an_error(shops, found):
    class Odd(Toy):
        name: ClassVar[str] = "toy/odd"

        def grid(self, facts: Any, n: int) -> Any:
            return [self, found]

    error, _ = failing(shops, {"strategy": "toy/odd"}, kinds=[Popular, Odd])
    assert str(error).startswith("toy/odd: grid returned ")
    assert str(error).endswith(" among its settings, expected a list of Odd")


@pytest.mark.parametrize("method", ["grid", "objection", "adapt", "pretrain"])
def test_a_strategy_that_ends_the_process_is_an_error(shops, method):
    def leaving(self: Any, *_: Any) -> Any:
        sys.exit(0)

    Leaving = type("Leaving", (Toy,), {"name": "toy/leaving", "__module__": __name__, method: leaving})
    error, _ = failing(shops, {"strategy": "toy/leaving"}, kinds=[Popular, Leaving])
    assert "toy/leaving: " in str(error)
    assert method in str(error)
    assert "SystemExit: 0" in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("method", ["grid", "objection"])
def test_other_methods_that_raise_are_named_too(shops, method):
    def broken(self: Any, *_: Any) -> Any:
        raise KeyError("no such thing")

    Broken = type("Broken", (Toy,), {"name": "toy/broken", "__module__": __name__, method: broken})
    error, _ = failing(shops, {"strategy": "toy/broken"}, kinds=[Popular, Broken])
    assert str(error) == f"toy/broken: {method} failed: KeyError: 'no such thing'"


def test_an_empty_grid_is_an_error(shops):
    class Empty(Toy):
        name: ClassVar[str] = "toy/empty"

        def grid(self, facts: Any, n: int) -> Any:
            return []

    error, _ = failing(shops, {"strategy": "toy/empty"}, kinds=[Popular, Empty])
    assert str(error) == "toy/empty: grid returned no setting, expected the strategy itself first"


def test_an_objection_to_a_named_strategy_is_an_error(shops):
    error, watch = failing(shops, {"strategy": "toy/picky"})
    assert str(error) == (
        "grocery -> drugstore: toy/picky cannot serve this transfer: needs 1000 shared users, there are 70"
        " (measured after the hold-out)"
    )
    assert watch.adapted == []


def test_an_objection_of_one_beside_is_a_note(shops):
    (result,) = run(shops, {"strategy": "toy/taste", "beside": ["toy/picky"]}).transfers
    assert "toy/picky passed over: needs 1000 shared users, there are 70" in result.notes
    assert [entry.strategy for entry in result.leaderboard] == ["toy/taste", "toy/popular"]


def test_a_baseline_whose_package_is_missing_is_a_note(shops):
    (result,) = platform(kinds=[Popular, Taste, Lacking]).run(experiment(), folder=shops).transfers
    assert result.notes == ["toy/lacking passed over: needs no_such_module: pip install 'foretaste[toys]'"]


def test_a_named_strategy_whose_package_is_missing_is_an_error(shops):
    error, watch = failing(shops, {"strategy": "toy/lacking"}, kinds=[Popular, Lacking])
    assert isinstance(error, MissingPackageError)
    assert str(error) == "toy/lacking needs no_such_module: pip install 'foretaste[toys]'"
    assert watch.adapted == []


def test_a_run_without_any_baseline_is_an_error(shops):
    error, watch = failing(shops, kinds=[Taste, Lacking])
    assert str(error) == (
        "grocery -> drugstore: there is no baseline to measure a lift against:"
        " toy/lacking passed over: needs no_such_module: pip install 'foretaste[toys]'"
    )
    assert watch.adapted == []


@pytest.mark.parametrize(
    ("transfer", "changed", "words"),
    [
        ({}, {"metrics": ["ndgc@5"]}, "unknown metric 'ndgc@5'"),
        ({}, {"metrics": ["coverage@5"]}, "'coverage@5' has no value per person"),
        ({"strategy": "toy/tast"}, {}, "unknown strategy 'toy/tast'; known: "),
        ({"beside": ["toy/tast"]}, {}, "did you mean 'toy/taste'?"),
        ({"strategy": "toy/taste", "params": {"wieght": 1}}, {}, "toy/taste: wieght: "),
        ({"strategy": "toy/taste", "params": {"weight": "much"}}, {}, "toy/taste: weight: found"),
    ],
)
def test_what_is_misspelt_is_found_before_any_fit(shops, transfer, changed, words):
    good = {"strategy": "toy/taste"}
    error, watch = failing(shops, good, transfer, **changed)
    assert isinstance(error, ConfigError)
    assert words in str(error)
    assert watch.adapted == []


def test_settings_that_were_named_are_not_tuned(shops):
    watch = Watch()
    (result,) = run(shops, {"strategy": "toy/taste", "params": {"weight": 0.25}}, plugins=[watch]).transfers
    assert result.entry("toy/taste").params == {"weight": 0.25}
    assert watch.adapted.count("toy/taste") == 4  # two folds, the training rows, all rows


# Tuning and what is reused --------------------------------------------------------------------------------------


def test_the_setting_that_is_best_on_validation_is_taken(shops):
    class Two(Taste):
        name: ClassVar[str] = "toy/two"

        def grid(self, facts: Any, n: int) -> Any:
            return [self.model_copy(update={"weight": weight}) for weight in (-1.0, 1.0, 7.0)]

    (result,) = platform(kinds=[Popular, Two]).run(experiment({"strategy": "toy/two"}), folder=shops).transfers
    assert result.entry("toy/two").params == {"weight": 1.0}  # the third was one more than tries


def test_a_setting_that_leaves_newcomers_to_popularity_is_one_of_several(shops):
    class Three(Taste):
        name: ClassVar[str] = "toy/three"

        def grid(self, facts: Any, n: int) -> Any:
            return [self.model_copy(update={"weight": weight}) for weight in (-1.0, 0.0, 1.0)]

        def adapt(self, carried: Any, transfer: Any, context: Any) -> Any:
            if self.weight:
                return super().adapt(carried, transfer, context)
            return HistoryModel(Roster.of(transfer).without_source(), popularity(transfer))

    asked = experiment({"strategy": "toy/three"}, tries=3)
    (result,) = platform(kinds=[Popular, Three]).run(asked, folder=shops).transfers
    assert result.entry("toy/three").params == {"weight": 1.0}


def test_work_of_ones_own_is_not_called_cached(shops):
    two = [{"strategy": "toy/plain"}, {"strategy": "toy/plain"}]
    first, second = run(shops, *two).transfers
    assert [one.entry("toy/plain").cached for one in (first, second)] == [False, True]
    assert not second.entry("toy/popular").cached  # it carries nothing that could be reused


def test_what_another_strategy_pretrained_is_called_cached(shops):
    class Other(Toy):
        name: ClassVar[str] = "toy/other"

        def adapt(self, carried: Any, transfer: Any, context: Any) -> Any:
            return context.fit("toy/plain", {}, transfer)

    asked = experiment({"strategy": "toy/plain", "beside": ["toy/other"]})
    (result,) = platform(kinds=[Popular, Toy, Other]).run(asked, folder=shops).transfers
    assert [result.entry(name).cached for name in ("toy/plain", "toy/other")] == [False, True]


def test_progress_names_transfer_strategy_and_repeat(shops):
    lines: list[str] = []
    asked = experiment(holdout={"kind": "newcomers", "repeats": 2})
    platform().run(asked, folder=shops, progress=lines.append)
    repeats = [f"grocery -> drugstore: {name} ({n}/2)" for n in (1, 2) for name in ("toy/popular", "toy/taste")]
    assert lines == [*repeats, "grocery -> drugstore: toy/taste (all rows)"]


def test_progress_says_how_many_steps_of_how_many_are_done(shops):
    steps: list[Any] = []
    asked = experiment(
        {"strategy": "toy/taste"}, {"strategy": "toy/taste"}, holdout={"kind": "newcomers", "repeats": 2}
    )
    platform().run(asked, folder=shops, progress=lambda line: steps.append(line) if isinstance(line, Step) else None)
    assert [(step.done, step.total) for step in steps] == 2 * [(0, 4), (1, 4), (2, 4), (3, 4)]


# Platforms and domains ------------------------------------------------------------------------------------------


def test_two_platforms_do_not_meet(shops, tmp_path):
    watches = [Watch(), Watch()]
    first = Platform([Shelf(Popular, Taste), watches[0]], entry_points=False)
    second = Platform([Shelf(Popular, Toy), watches[1]], entry_points=False)
    assert sorted(first.catalog.strategies) == ["toy/popular", "toy/taste"]
    assert sorted(second.catalog.strategies) == ["toy/plain", "toy/popular"]
    first.run(experiment(), folder=shops, output=tmp_path / "one")
    assert not watches[1].adapted
    second.run(experiment({"strategy": "toy/plain"}), folder=shops, output=tmp_path / "two")
    assert set(watches[0].adapted) == {"toy/popular", "toy/taste"}
    with pytest.raises(ConfigError, match="unknown strategy 'toy/plain'"):
        first.catalog.get("toy/plain")


class Reader:
    foretaste_api = 1

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.specs: dict[str, Any] = {}

    @hookimpl
    def load_domain(self, name: str, spec: Any) -> Any:
        self.specs[name] = spec
        return self.answer(name) if spec.kind == "toys" else None


def from_toys(path=None):
    grocery = {"kind": "toys"} if path is None else {"kind": "toys", "path": path}
    return {"grocery": grocery, "drugstore": {"path": "drugstore.parquet"}}


@pytest.mark.parametrize("called", ["domain", "../../elsewhere"])
def test_a_domain_is_called_what_the_experiment_calls_it(shops, called):
    reader = Reader(lambda _: Domain.from_frame(shop(1, "g"), called))
    (result,) = run(shops, plugins=[reader], domains=from_toys()).transfers
    assert (result.source, result.bundle) == ("grocery", "bundles/grocery__drugstore/v1")
    assert result.audit["pairs"]["grocery"]["source"] == "grocery"


def test_paths_are_relative_to_the_folder_and_addresses_stay(shops):
    reader = Reader(lambda name: Domain.from_frame(shop(1, "g"), name))
    run(shops, plugins=[reader], domains=from_toys("toys://shelf/one"))
    assert reader.specs["grocery"].path == "toys://shelf/one"
    assert reader.specs["drugstore"].path == str(shops / "drugstore.parquet")


def test_a_sqlite_file_is_relative_to_the_folder_too(shops):
    class Sql(Reader):
        @hookimpl
        def load_domain(self, name: str, spec: Any) -> Any:
            return super().load_domain(name, spec) or (self.answer(name) if spec.kind == "sql" else None)

    reader = Sql(lambda name: Domain.from_frame(shop(1, "g"), name))
    for place, (url, expected) in enumerate(
        [
            ("sqlite:///shop.db", f"sqlite:///{shops}/shop.db"),
            ("sqlite:////var/shop.db", "sqlite:////var/shop.db"),
            ("sqlite:///:memory:", "sqlite:///:memory:"),
            ("postgresql://host/shop", "postgresql://host/shop"),
        ]
    ):
        domains = from_toys() | {"grocery": {"kind": "sql", "url": url, "query": "select 1"}}
        run(shops, plugins=[reader], domains=domains, output=f"out{place}")
        assert reader.specs["grocery"].url == expected


def test_a_kind_that_nobody_reads_is_an_error(shops):
    error, _ = failing(shops, domains=from_toys())
    assert str(error) == "domains.grocery: no plugin reads kind 'toys'; core reads file and sql"


def test_fit_needs_no_experiment_and_minds_objections():
    source, target = (Domain.from_frame(shop(n, name), name) for n, name in ((1, "g"), (2, "d")))
    transfer = Transfer.of(source, target, Overlap("users"))
    assert platform().fit("toy/taste", transfer).recommend(["p000"], 3).lists[0].items
    with pytest.raises(StrategyError, match="g -> d: toy/picky cannot serve this transfer: needs 1000 shared users"):
        platform().fit("toy/picky", transfer)
