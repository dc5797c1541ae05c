"""What a source taught, saved once and taken by many runs: the same figures as a run that pretrains itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from evaluation.toy_epochs import Epochs
from evaluation.toy_experiment import Popular, Taste, Toy, Watch, experiment, platform
from foretaste import (
    BundleError,
    Carried,
    Checkpoint,
    ConfigError,
    DataError,
    FactorModel,
    MissingPackageError,
    OutputError,
    Platform,
    Roster,
    StrategyError,
    load_bundle,
    load_carried,
)
from foretaste.strategy import missing_packages

KINDS = (Popular, Taste, Epochs)
SPEC = {"strategy": "toy/epochs"}


def pretrain(folder: Path, strategy: str = "toy/epochs", *, made: Platform | None = None, **how: Any) -> Path:
    changed = how.pop("changed", {})
    how = {"output": folder / "knowledge"} | how
    return (made or platform(kinds=KINDS)).pretrain(
        experiment(SPEC, **changed), how.pop("source", "grocery"), strategy, folder=folder, **how
    )


def adapt(folder: Path, *carried: Path, spec=SPEC, watch=None, made=None, control=None, **changed: Any) -> Any:
    plugins = [] if watch is None else [watch]
    asked = made or platform(*plugins, kinds=KINDS)
    return asked.run(
        experiment(*([spec] if isinstance(spec, dict) else spec), **changed),
        folder=folder,
        output=folder / "adapted",
        carried=carried or [folder / "knowledge"],
        control=control,
    )


@pytest.fixture
def knowledge(shops):
    """The shops, and what the grocery taught."""
    pretrain(shops)
    return shops


# The same as a run that pretrains -----------------------------------------------------------------------------------


def test_a_run_with_saved_knowledge_equals_the_run_that_pretrains_and_never_pretrains(knowledge):
    whole = platform(kinds=KINDS).run(experiment(SPEC), folder=knowledge)
    watch = Watch()
    found = adapt(knowledge, watch=watch)
    assert set(watch.pretrained) == {"toy/popular"}
    assert_equal(found, whole, knowledge)


def assert_equal(found, whole, folder, output="out"):
    """To the last digit: figures, and the recommenders that are handed on."""
    (mine,), (theirs,) = found.transfers, whole.transfers
    assert [one.metrics for one in mine.leaderboard] == [one.metrics for one in theirs.leaderboard]
    assert [one.params for one in mine.leaderboard] == [one.params for one in theirs.leaderboard]
    one, other = load_bundle(folder / "adapted" / mine.bundle), load_bundle(folder / output / theirs.bundle)
    assert one.roster.users == other.roster.users
    for name, array in one.arrays()[0].items():
        assert array.tobytes() == other.arrays()[0][name].tobytes(), name


REAL = {
    "align/ridge": {"factors": 4, "source_factors": 4, "epochs": 3},
    "deep/finetune": {"factors": 4, "epochs": 3, "source_epochs": 2},
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_strategies_say_the_same_from_what_was_saved(shops, name):
    made = Platform()
    if missing_packages(made.catalog.get(name)):
        pytest.skip(f"{name} cannot run here")
    params = REAL[name]
    early = {key: value for key, value in params.items() if key in made.catalog.get(name).pretrain_fields}
    spec = {"strategy": name, "params": params}
    how = {"metrics": ["ndcg@5"], "tries": 1}
    whole = made.run(experiment(spec, **how), folder=shops)
    pretrain(shops, name, params=early, made=made)
    assert_no_person(shops)
    found = adapt(shops, spec=spec, made=made, **how)
    assert_equal(found, whole, shops)
    # who adapts needs the rows of those people only whom the target knows: here two of three
    rows = pl.read_parquet(shops / "grocery.parquet")
    rows.filter(pl.col("user_id").str.slice(1).cast(pl.Int64) % 3 != 0).write_parquet(shops / "grocery.parquet")
    shutil.rmtree(shops / "adapted")
    (one,) = adapt(shops, spec=spec, made=made, holdout={"fraction": 0.02}, **how).transfers
    assert one.chosen


def test_vectors_of_people_are_saved_when_they_are_asked_for_and_say_the_same(shops):
    made = Platform()
    if missing_packages(made.catalog.get("deep/finetune")):
        pytest.skip("deep/finetune cannot run here")
    early = {"model": "factors", "factors": 4, "source_epochs": 2}
    with pytest.raises(StrategyError, match="all that it carries from grocery has a row per person"):
        pretrain(shops, "deep/finetune", params=early, made=made)
    spec, how = {"strategy": "deep/finetune", "params": early | {"epochs": 3}}, {"metrics": ["ndcg@5"], "tries": 1}
    whole = made.run(experiment(spec, **how), folder=shops)
    pretrain(shops, "deep/finetune", params=early, made=made, people=True)
    assert_equal(adapt(shops, spec=spec, made=made, **how), whole, shops)


def assert_no_person(folder: Path) -> None:
    """The files hold no id of a person, and no pair of a row."""
    held = b"".join(path.read_bytes() for path in (folder / "knowledge").rglob("*") if path.is_file())
    assert held.count(b"g01") == 1, "ids of items stand in it once"
    assert b"p001" not in held
    assert b"p057" not in held


def test_what_is_saved_holds_nothing_of_any_person(knowledge):
    assert_no_person(knowledge)
    saved = load_carried(knowledge / "knowledge")
    assert (saved.manifest.contains, saved.users, saved.manifest.personal) == ((), None, ())
    files = sorted(path.name for path in saved.folder.iterdir())
    assert files == ["arrays.safetensors", "items.arrow", "manifest.json"]


def test_the_result_and_the_bundle_say_what_was_taken(knowledge):
    (one,) = adapt(knowledge).transfers
    saved = load_carried(knowledge / "knowledge").manifest
    assert one.trace[1] == f"toy/epochs takes what was carried from grocery before ({saved.id[:12]})"
    manifest = json.loads((knowledge / "adapted" / one.bundle / "manifest.json").read_text())
    assert manifest["metadata"]["carried"] == {"grocery": saved.id}
    assert one.entry("toy/epochs").cached


def test_its_strategy_takes_the_place_of_the_one_that_is_named_or_stands_beside(knowledge):
    for spec in ({"strategy": "toy/taste"}, {"strategy": "toy/taste", "beside": ["toy/epochs"]}):
        (one,) = adapt(knowledge, spec=spec, output="x").transfers
        assert one.rule_choice == "toy/epochs"
        assert one.trace[0].endswith("), in place of toy/taste")
        assert not any("named by the experiment" in line for line in one.trace)
        shutil.rmtree(knowledge / "adapted")


def test_one_saved_source_serves_many_targets(knowledge):
    pl.read_parquet(knowledge / "drugstore.parquet").write_parquet(knowledge / "bakery.parquet")
    domains = {name: {"path": f"{name}.parquet"} for name in ("grocery", "drugstore", "bakery")}
    watch, specs = Watch(), [SPEC, {**SPEC, "target": "bakery"}, {**SPEC, "source": "bakery", "target": "grocery"}]
    found = adapt(knowledge, spec=specs, watch=watch, domains=domains)
    assert watch.pretrained.count("toy/epochs") == 1  # of the bakery
    assert [one.target for one in found.transfers] == ["drugstore", "bakery", "grocery"]


def test_only_settings_that_pretraining_does_not_depend_on_are_tuned(shops):
    class Tuned(Taste):
        name: ClassVar[str] = "toy/tuned"
        portable: ClassVar[bool] = True
        pretrain_fields: ClassVar[tuple[str, ...] | None] = ("length",)
        length: int = 3

        def pretrain(self, source, context):
            return Carried({"items": np.full((len(source.interactions.items), self.length), 1.0)})

        def adapt(self, carried, transfer, context):
            tried.append((self.weight, carried["grocery"].arrays["items"].shape[1]))
            return super().adapt(carried, transfer, context)

    tried: list[tuple[float, int]] = []
    made = platform(kinds=(Popular, Tuned))
    pretrain(shops, "toy/tuned", params={"length": 5}, made=made)
    (one,) = adapt(shops, made=made, spec={"strategy": "toy/taste"}).transfers
    assert {length for _, length in tried} == {5}
    assert {weight for weight, _ in tried} == {0.5, 1.0}
    assert one.entry("toy/tuned").params["length"] == 5
    with pytest.raises(
        ConfigError, match=r"^transfers\[0\]: params: length: found 3, expected 5, as .*v1 was pretrained"
    ):
        adapt(shops, made=made, spec={"strategy": "toy/tuned", "params": {"length": 3}})
    with pytest.raises(ConfigError, match="pretraining does not depend on weight; fix that where it is adapted"):
        pretrain(shops, "toy/tuned", params={"weight": 0.5}, made=made)


def test_another_saved_source_makes_another_run(knowledge):
    adapt(knowledge)
    pretrain(knowledge, changed={"seed": 3})
    with pytest.raises(OutputError, match="holds another run"):
        adapt(knowledge)


def test_a_pretraining_that_was_stopped_goes_on_and_leaves_no_state(shops, monkeypatch):
    monkeypatch.setattr(Epochs, "done", [])
    monkeypatch.setattr(Epochs, "stop", {"pretrain": 2})
    with pytest.raises(StrategyError, match="stopped midway"):
        pretrain(shops)
    monkeypatch.setattr(Epochs, "stop", {})
    pretrain(shops)
    assert [epoch for _, epoch in Epochs.done] == [1, 2, 3, 4]
    assert sorted(path.name for path in (shops / "knowledge").iterdir()) == ["CURRENT", "v1"]


# Items in another order, fewer, more --------------------------------------------------------------------------------


def rewrite(folder: Path, change) -> None:
    rows = pl.read_parquet(folder / "grocery.parquet")
    change(rows).write_parquet(folder / "grocery.parquet")


@pytest.mark.parametrize("name", ["toy/epochs", "align/ridge"])
def test_rows_in_another_order_change_nothing(shops, name):
    made = Platform() if name == "align/ridge" else platform(kinds=KINDS)
    if missing_packages(made.catalog.get(name)):
        pytest.skip(f"{name} cannot run here")
    pretrain(shops, name, made=made)
    how = {"spec": {"strategy": name}, "made": made, "metrics": ["ndcg@5"], "tries": 1, "refit": False}
    first = adapt(shops, **how)
    shutil.rmtree(shops / "adapted")
    rewrite(shops, lambda rows: rows.sort("item_id", descending=True))
    second = adapt(shops, **how)
    assert first.transfers[0].entry(name).metrics == second.transfers[0].entry(name).metrics


def test_items_that_are_unknown_are_left_out_and_counted(knowledge):
    extra = pl.DataFrame({"user_id": ["p001", "p002"], "item_id": ["g98", "g99"], "timestamp": [1.0, 2.0]})
    rewrite(knowledge, lambda rows: pl.concat([extra, rows.filter(pl.col("item_id") != "g03")]))
    (one,) = adapt(knowledge).transfers
    (note,) = [note for note in one.notes if "unknown" in note]
    total = pl.read_parquet(knowledge / "grocery.parquet").height
    assert note == f"grocery: 2 of 25 items are unknown to what was carried: 2 of {total} rows left out"


def test_features_of_items_follow_their_items(knowledge):
    from foretaste import Domain
    from foretaste.data import DomainSpec
    from foretaste.platform._carried import onto_saved

    ids = [f"g{n:02}" for n in range(24)]
    pl.DataFrame({"item_id": ids, "colour": [f"c{name}" for name in ids]}).write_csv(knowledge / "items.csv")
    rewrite(knowledge, lambda rows: rows.sort("item_id", descending=True))
    spec = DomainSpec(path="grocery.parquet", item_features="items.csv")
    moved = onto_saved(Domain.load("grocery", spec, knowledge), load_carried(knowledge / "knowledge"))
    assert moved.item_features.table["colour"].to_list() == [f"c{name}" for name in moved.interactions.items.ids]
    assert moved.notes == Domain.load("grocery", spec, knowledge).notes


def test_nothing_known_in_common_is_an_error(knowledge):
    rewrite(knowledge, lambda rows: rows.with_columns(pl.format("x{}", "item_id").alias("item_id")))
    with pytest.raises(DataError, match=r"v1: was carried from grocery with other items: it knows 0 of the 24"):
        adapt(knowledge)


def test_ids_of_another_type_are_an_error(knowledge):
    rewrite(knowledge, lambda rows: rows.with_columns(pl.col("item_id").str.slice(1).cast(pl.Int64)))
    with pytest.raises(DataError, match="was carried from grocery with other ids: item ids: found whole numbers"):
        adapt(knowledge)


def test_values_that_are_read_otherwise_are_an_error(knowledge):
    domains = {"grocery": {"path": "grocery.parquet", "weighting": "raw"}, "drugstore": {"path": "drugstore.parquet"}}
    with pytest.raises(DataError, match=r"was carried from grocery read as .*'binary'.*, found .*'raw'"):
        adapt(knowledge, domains=domains)
    with pytest.raises(DataError, match=r"read as weighting 'binary', found weighting 'raw'; expected the same$"):
        adapt(knowledge, domains=domains)


# What cannot be honest is refused -----------------------------------------------------------------------------------


def test_a_time_is_refused(knowledge):
    with pytest.raises(ConfigError, match=r"^holdout: time hides rows of grocery that .*v1 may have learnt from"):
        adapt(knowledge, holdout={"kind": "time"})


@pytest.mark.parametrize("twins", ["drop", "merge"])
def test_twins_that_are_taken_out_are_refused(shops, twins):
    target = pl.read_parquet(shops / "drugstore.parquet")
    copied = target.filter(pl.col("item_id") == "d02").with_columns(item_id=pl.lit("g77"))
    rewrite(shops, lambda rows: pl.concat([rows, copied]))
    pretrain(shops)
    with pytest.raises(ConfigError, match="has learnt from rows of grocery that this run leaves out"):
        adapt(shops, spec={**SPEC, "twins": twins})
    (one,) = adapt(shops, spec={**SPEC, "twins": "report"}).transfers
    assert one.audit["pairs"]["grocery"]["twins"]


def test_the_control_keeps_what_was_saved_as_no_person_is_in_it(knowledge):
    whole = platform(kinds=KINDS).run(experiment(SPEC), folder=knowledge, control="permuted")
    found = adapt(knowledge, control="permuted")
    mine, theirs = (one.transfers[0].entry("toy/epochs").control for one in (found, whole))
    assert mine.lift == theirs.lift


@pytest.mark.parametrize("shared", ["items", "both"])
def test_a_control_of_items_is_refused(knowledge, shared):
    target = pl.read_parquet(knowledge / "drugstore.parquet")
    target.with_columns(pl.col("item_id").str.replace("d", "g")).write_parquet(knowledge / "drugstore.parquet")
    with pytest.raises(ConfigError, match="is in the order of items, which the control permutes"):
        adapt(knowledge, spec={**SPEC, "shared": shared}, holdout={"kind": "random"}, control="permuted")


# People -------------------------------------------------------------------------------------------------------------


class Personal(Toy):
    """Carries a number for each person, and one for each item."""

    name: ClassVar[str] = "toy/personal"
    portable: ClassVar[bool] = True
    named: ClassVar[tuple[str, ...]] = ("people",)
    only: ClassVar[bool] = False

    def pretrain(self, source, context):
        people = np.array([[float(name[1:]) + 1] for name in source.interactions.users.ids], np.float32)
        items = {} if self.only else {"items": source.interactions.popularity}
        return Carried({"people": people, **items}, personal=self.named)

    def adapt(self, carried, transfer, context):
        (pair,) = transfer.pairs
        people = carried["grocery"].arrays.get("people")
        users, items = transfer.target.interactions.shape
        if people is None:
            vectors = np.zeros((users, 1), np.float32)
        else:
            assert len(people) == len(pair.source.interactions.users)
            vectors = pair.user_links.T @ people
            expected = [float(name[1:]) + 1 for name in transfer.target.interactions.users.ids]
            assert ((vectors[:, 0] == expected) | (vectors[:, 0] == 0)).all()
            assert (vectors > 0).any()
        return FactorModel(Roster.of(transfer), np.asarray(vectors, np.float32), np.ones((items, 1), np.float32))


class Sly(Personal):
    name: ClassVar[str] = "toy/sly"
    named: ClassVar[tuple[str, ...]] = ()


class Only(Personal):
    name: ClassVar[str] = "toy/only"
    only: ClassVar[bool] = True


class Wrong(Personal):
    name: ClassVar[str] = "toy/wrong"
    named: ClassVar[tuple[str, ...]] = ("items",)


PEOPLE = platform(kinds=(Popular, Taste, Personal, Sly, Only, Wrong))


def test_rows_of_people_are_left_out_unless_they_are_asked_for(shops):
    pretrain(shops, "toy/personal", made=PEOPLE)
    assert_no_person(shops)
    saved = load_carried(shops / "knowledge")
    assert list(saved.carried.arrays) == ["items"]
    assert adapt(shops, made=PEOPLE, spec={"strategy": "toy/personal"}).transfers[0].rule_choice == "toy/personal"


def test_people_come_back_in_the_order_of_their_rows(shops):
    pretrain(shops, "toy/personal", made=PEOPLE, people=True)
    saved = load_carried(shops / "knowledge")
    assert saved.manifest.contains == ("rows per person", "user ids")
    assert saved.carried.personal == ("people",)
    stranger = pl.DataFrame({"user_id": ["p777"], "item_id": ["g01"], "timestamp": [1.0]})
    rewrite(shops, lambda rows: pl.concat([stranger, rows.reverse().filter(pl.col("user_id") != "p005")]))
    (one,) = adapt(shops, made=PEOPLE, spec={"strategy": "toy/personal"}).transfers
    assert any("1 of 100 people are: 1 of " in note for note in one.notes), one.notes


def test_the_control_of_what_holds_people_is_refused(shops):
    pretrain(shops, "toy/personal", made=PEOPLE, people=True)
    with pytest.raises(ConfigError, match="holds rows of people, who cannot be permuted in it"):
        adapt(shops, made=PEOPLE, spec={"strategy": "toy/personal"}, control="permuted")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("toy/sly", "array 'people' has 100 rows, as many as there are people"),
        ("toy/only", "all that it carries from grocery has a row per person"),
        ("toy/wrong", "personal names 'items', which has not a row for each of 100 people"),
    ],
)
def test_people_never_slip_in(shops, name, words):
    with pytest.raises(StrategyError, match=words):
        pretrain(shops, name, made=PEOPLE)
    assert not list((shops).glob("knowledge/v*"))


# Folders that cannot be taken ---------------------------------------------------------------------------------------


def test_what_is_not_portable_is_refused_in_words(shops):
    with pytest.raises(StrategyError) as caught:
        pretrain(shops, "toy/taste")
    assert str(caught.value) == (
        "toy/taste is not portable: what it carries is of no use without the source's rows; are: toy/epochs"
    )
    assert not (shops / "knowledge").exists()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"source": "grocer"},
            "source: no domain is called 'grocer'; known: grocery, drugstore; did you mean 'grocery'?",
        ),
        ({"strategy": "toy/epoch"}, "unknown strategy 'toy/epoch'"),
        ({"params": {"scale": -1}}, "scale"),
    ],
)
def test_a_mistake_in_what_is_to_be_pretrained(shops, how, words):
    with pytest.raises(ConfigError, match=words.replace("?", r"\?")):
        pretrain(shops, **how)
    assert not (shops / "knowledge").exists()


def test_a_folder_of_another_source_is_named(knowledge):
    domains = {name: {"path": f"{at}.parquet"} for name, at in (("bakery", "grocery"), ("drugstore", "drugstore"))}
    with pytest.raises(ConfigError) as caught:
        adapt(knowledge, spec={**SPEC, "source": "bakery"}, domains=domains)
    assert str(caught.value) == (
        f"{knowledge / 'knowledge'}: was carried from 'grocery', which is no source of the experiment;"
        " its sources: bakery"
    )


def test_two_folders_of_one_source_are_an_error(knowledge):
    pretrain(knowledge, output=knowledge / "again")
    with pytest.raises(ConfigError, match=r"^carried: both .*knowledge/v1 and .*again/v1 are of 'grocery'"):
        adapt(knowledge, knowledge / "knowledge", knowledge / "again")


def test_two_sources_of_other_strategies_are_an_error(shops):
    domains = {name: {"path": f"{at}.parquet"} for name, at in (("grocery", "grocery"), ("bakery", "grocery"))}
    domains["drugstore"] = {"path": "drugstore.parquet"}
    made = platform(kinds=(*KINDS, Personal))
    for name, strategy in (("grocery", "toy/epochs"), ("bakery", "toy/personal")):
        made.pretrain(experiment(SPEC, domains=domains), name, strategy, folder=shops, output=shops / name)
    with pytest.raises(ConfigError, match=r"transfers\[0\]: .*\(toy/epochs, toy/personal\); a transfer has one"):
        adapt(
            shops,
            shops / "grocery",
            shops / "bakery",
            made=made,
            spec={**SPEC, "source": ["grocery", "bakery"]},
            domains=domains,
        )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere", "nowhere: not saved source knowledge: expected a folder, found nothing"),
        ("grocery.parquet", "grocery.parquet: not saved source knowledge: expected a folder, found a file"),
        (".", "not saved source knowledge: expected CURRENT or manifest.json in it"),
    ],
)
def test_what_is_no_such_folder(knowledge, place, words):
    with pytest.raises(BundleError, match=words):
        adapt(knowledge, knowledge / place)


def test_a_recommender_is_no_saved_knowledge_nor_the_other_way_round(knowledge):
    (one,) = adapt(knowledge).transfers
    with pytest.raises(BundleError, match="is a recommender's, expected that of saved source knowledge"):
        adapt(knowledge, knowledge / "adapted" / one.bundle)
    with pytest.raises(BundleError, match="is what was carried from a source, expected a recommender"):
        load_bundle(knowledge / "knowledge")


@pytest.mark.parametrize("name", ["arrays.safetensors", "items.arrow", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_damage_is_found_wherever_it_is(knowledge, name, damage):
    place = knowledge / "knowledge" / "v1" / name
    data = bytearray(place.read_bytes())
    if damage == "missing":
        place.unlink()
    else:
        data[len(data) // 2] ^= 1
        place.write_bytes(data[:-3] if damage == "truncated" else data)
    with pytest.raises(BundleError) as caught:
        adapt(knowledge)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (knowledge / "adapted").exists()


def other(kind, **names):
    """The same strategy in another version of its plugin."""
    return platform(kinds=(Popular, type(kind.__name__, (kind,), {"__module__": kind.__module__, **names})))


def test_another_layout_of_arrays_is_refused(knowledge):
    with pytest.raises(BundleError, match=r"v1: holds layout 1 of toy/epochs, expected 2; pretrain again, or use the"):
        adapt(knowledge, made=other(Epochs, carried_version=2))


def test_a_strategy_that_pretrains_by_other_settings_is_refused(knowledge):
    changed = {"__annotations__": {"depth": int}, "depth": 3}
    with pytest.raises(BundleError, match="does not fit toy/epochs: only one of them pretrains by depth"):
        adapt(knowledge, made=other(Epochs, **changed))


def test_a_strategy_that_is_not_here_is_named(knowledge):
    with pytest.raises(ConfigError, match="unknown strategy 'toy/epochs'"):
        adapt(knowledge, made=platform())
    with pytest.raises(MissingPackageError, match="toy/epochs needs no_such_module"):
        adapt(knowledge, made=other(Epochs, requires=("no_such_module",)))


def test_a_pretraining_that_was_killed_is_told_from_what_is_no_such_folder(shops):
    Checkpoint(shops / "knowledge" / "checkpoints" / f"pretrain-{'0' * 32}").save({"a": np.ones(2)}, {})
    with pytest.raises(BundleError, match=r"knowledge: found a pretraining that is not done, expected what it carries"):
        adapt(shops)
    assert not (shops / "adapted").exists()


def test_a_newer_format_is_refused(knowledge):
    from foretaste.bundle._manifest import manifest_id

    place = knowledge / "knowledge" / "v1" / "manifest.json"
    manifest = json.loads(place.read_text()) | {"format_version": 2}
    manifest["id"] = manifest_id(manifest)
    place.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="found format_version 2, expected 1 at most"):
        adapt(knowledge)


def test_a_disk_that_cannot_be_written_is_told_and_leaves_nothing(shops, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("foretaste.bundle._save_carried.write_ids", full)
    with pytest.raises(OutputError, match="knowledge: cannot save what was carried: No space left on device"):
        pretrain(shops)
    assert not list(shops.glob("knowledge/v*"))
