"""``budget`` of an experiment reaches every strategy, and what is known to take more memory is passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest

from evaluation.toy_experiment import Popular, Shelf, Taste, Toy, experiment, platform
from foretaste import (
    Budget,
    Carried,
    ConfigError,
    Context,
    Domain,
    Memory,
    PairFacts,
    Platform,
    Recommender,
    Search,
    StrategyError,
    Transfer,
    run_experiment,
)
from foretaste.config import parse_yaml, validate
from foretaste.experiment import BudgetSpec, Experiment
from foretaste.testing import taste_world

TAKES = 3 * 2**30


class Asking(Taste):
    """Notes its budget."""

    name: ClassVar[str] = "toy/asking"
    portable: ClassVar[bool] = True
    seen: ClassVar[set[tuple[str, Budget]]] = set()

    def pretrain(self, source: Domain, context: Context) -> Carried:
        self.seen.add(("pretrain", context.budget))
        return super().pretrain(source, context)

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        self.seen.add(("adapt", context.budget))
        return super().adapt(carried, transfer, context)


class Large(Taste):
    """Takes three gibibytes, as far as it says."""

    name: ClassVar[str] = "toy/large"

    def memory(self, facts: Sequence[PairFacts]) -> Memory:
        return Memory(TAKES, f"{facts[0].target_items} items", "toy/taste takes less")


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asking, "seen", set())


def asking() -> Platform:
    return platform(kinds=(Popular, Asking))


def test_a_run_hands_the_budget_to_every_fit(shops: Path) -> None:
    asking().run(experiment({"strategy": "toy/asking"}, budget={"seconds": 60, "memory": "2GB"}), folder=shops)
    assert Asking.seen == {(stage, Budget(60.0, 2_000_000_000)) for stage in ("pretrain", "adapt")}


def test_without_a_budget_there_is_none(shops: Path) -> None:
    asking().run(experiment({"strategy": "toy/asking"}), folder=shops)
    assert Asking.seen == {(stage, Budget()) for stage in ("pretrain", "adapt")}


def test_pretraining_by_itself_has_the_budget_of_its_experiment(shops: Path, tmp_path: Path) -> None:
    asked = experiment(budget={"seconds": 5})
    asking().pretrain(asked, "grocery", "toy/asking", folder=shops, output=tmp_path / "knowledge")
    assert Asking.seen == {("pretrain", Budget(seconds=5))}


def test_a_single_fit_takes_a_budget() -> None:
    asking().fit("toy/asking", taste_world(), budget=Budget(seconds=5))
    assert Asking.seen == {(stage, Budget(seconds=5)) for stage in ("pretrain", "adapt")}


@pytest.fixture
def chosen(shops: Path) -> Any:
    """Explain a choice between a strategy that takes 3 GiB and one of which nothing is known."""
    (shops / "registry.yaml").write_text("version: 1\nrules: [{use: [{strategy: toy/large}, {strategy: toy/taste}]}]\n")

    def choose(**changed: Any) -> Any:
        made = Platform(
            [Shelf(Popular, Large, Taste)], registry=shops / "registry.yaml", folder=shops, entry_points=False
        )
        (found,) = made.explain(experiment({"strategy": None}, **changed), folder=shops)
        return found.decision

    return choose


def test_the_registry_passes_over_what_takes_more_than_the_budget(chosen: Any) -> None:
    found = chosen(budget={"memory": "512MiB"})
    assert found.strategy == "toy/taste"
    assert found.trace[0].endswith(
        "toy/large passed over: needs 3 GiB for 24 items, the budget is 512 MiB; toy/taste takes less"
    )


def test_without_a_budget_the_limit_is_the_usual_one(chosen: Any) -> None:
    found = chosen()
    assert found.strategy == "toy/taste"
    assert "needs 3 GiB for 24 items, the limit is 2 GiB; toy/taste takes less" in found.trace[0]


def test_a_larger_budget_lets_a_large_strategy_in(chosen: Any) -> None:
    assert chosen(budget={"memory": TAKES}).strategy == "toy/large"


def test_what_is_named_and_takes_more_is_an_error(shops: Path) -> None:
    asked, made = experiment({"strategy": "toy/large"}, budget={"memory": "1GiB"}), platform(kinds=(Popular, Large))
    words = r"toy/large cannot serve this transfer: needs 3 GiB for \d+ items, the budget is 1 "
    with pytest.raises(StrategyError, match=f"{words}GiB"):
        made.run(asked, folder=shops)
    with pytest.raises(StrategyError, match=f"{words}KiB"):
        made.fit("toy/large", taste_world(), budget=Budget(memory=1024))


def test_what_is_beside_and_takes_more_is_a_note(shops: Path) -> None:
    asked = experiment({"strategy": "toy/taste", "beside": ["toy/large"]}, tries=1)
    (found,) = platform(kinds=(Popular, Taste, Large)).run(asked, folder=shops).transfers
    assert any(note.startswith("toy/large passed over: needs 3 GiB for 24 items") for note in found.notes)


def test_a_budget_makes_another_run_and_saying_nothing_does_not(shops: Path, tmp_path: Path) -> None:
    def fingerprint(name: str, **changed: Any) -> str:
        return platform(kinds=(Popular, Toy)).run(
            experiment({"strategy": "toy/plain"}, tries=1, **changed), folder=shops, output=tmp_path / name
        ).fingerprint  # fmt: skip

    plain = fingerprint("plain")
    assert fingerprint("empty", budget={}) == plain
    assert fingerprint("seconds", budget={"seconds": 60}) != plain


def read(budget: str) -> BudgetSpec:
    text = f"domains: {{a: {{path: a}}, b: {{path: b}}}}\ntransfers: [{{source: a, target: b}}]\nbudget: {budget}\n"
    return validate(Experiment, parse_yaml(text, "e.yaml")).budget


@pytest.mark.parametrize(
    ("written", "size"),
    [("2GB", 2_000_000_000), ("512MB", 512_000_000), ("1.5 GiB", 1_610_612_736), ("1000", 1000), ("null", None)],
)
def test_memory_is_a_size_as_one_writes_it(written: str, size: int | None) -> None:
    assert read(f"{{memory: {written}}}").memory == size


@pytest.mark.parametrize("written", ["2 lots", "true", "0", "-3", "[1]", "''"])
def test_what_is_no_size_is_told(written: str) -> None:
    with pytest.raises(ConfigError, match=r"^e\.yaml:3: budget\.memory: found .*, expected a size such as 2GB"):
        read(f"{{memory: {written}}}")


def test_no_time_at_all_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^e\.yaml:3: budget\.seconds: found 0, expected a number greater than 0$"):
        read("{seconds: 0}")


def test_an_override_takes_a_size_too(shops: Path) -> None:
    (shops / "experiment.yaml").write_text(
        "domains: {grocery: {path: grocery.parquet}, drugstore: {path: drugstore.parquet}}\n"
        "transfers: [{source: grocery, target: drugstore, shared: users, strategy: linear/ridge}]\n"
    )
    with pytest.raises(StrategyError, match=r"linear/ridge cannot serve .*, the budget is 1000 bytes; align/ridge"):
        run_experiment(shops / "experiment.yaml", assignments=["budget.memory=1000"])


# The cheaper setting --------------------------------------------------------------------------------------------


class Sized(Taste):
    """Takes a gibibyte for each unit of weight, as far as it says."""

    name: ClassVar[str] = "toy/sized"

    weight: Annotated[float, Search(4.0, 1.0)] = 4.0

    def memory(self, facts: Sequence[PairFacts]) -> Memory:
        return Memory(int(self.weight * 2**30), "its weight")


def test_the_setting_that_fits_is_taken_where_the_default_does_not_and_that_is_said(shops: Path) -> None:
    made = platform(kinds=(Popular, Sized))
    (found,) = made.run(experiment({"strategy": "toy/sized"}), folder=shops).transfers
    assert found.entry("toy/sized").params == {"weight": 1.0}
    assert found.notes == [
        "toy/sized: 1 of 2 settings are not tried: the first needs 4 GiB for its weight, the limit is 2 GiB"
    ]


def test_where_no_setting_fits_it_is_refused(shops: Path) -> None:
    asked = experiment({"strategy": "toy/sized"}, budget={"memory": "512MiB"})
    with pytest.raises(StrategyError, match="needs 4 GiB for its weight, the budget is 512 MiB"):
        platform(kinds=(Popular, Sized)).run(asked, folder=shops)


def test_a_setting_that_is_fixed_has_no_cheaper_one(shops: Path) -> None:
    asked = experiment({"strategy": "toy/sized", "params": {"weight": 4.0}})
    with pytest.raises(StrategyError, match="needs 4 GiB for its weight"):
        platform(kinds=(Popular, Sized)).run(asked, folder=shops)
