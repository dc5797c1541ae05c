"""deep/finetune: whom it serves, what fine-tuning moves, its losses, and when training ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from foretaste import (
    Budget,
    ConfigError,
    Context,
    Domain,
    FactorModel,
    Features,
    Index,
    Overlap,
    PairFacts,
    StrategyError,
    Transfer,
)
from foretaste.strategy import Strategy, make_strategy
from foretaste.testing import (
    StrategyContract,
    fit_once,
    newcomer_lift,
    taste_of,
    taste_world,
    two_source_world,
    unrelated_world,
)
from foretaste_deep import Finetune

torch = pytest.importorskip("torch")

from foretaste_deep._adam import Group  # noqa: E402 - torch may be missing
from foretaste_deep._bags import bag  # noqa: E402 - torch may be missing
from foretaste_deep._factors import known_people  # noqa: E402
from foretaste_deep._finetuning import finetuning  # noqa: E402
from foretaste_deep._losses import Items, Loss, ranking_loss  # noqa: E402
from foretaste_deep._tower import HistoryTower  # noqa: E402
from foretaste_deep._training import Schedule, device, train  # noqa: E402

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"factors": 8, "source_epochs": 5, "epochs": 8, "learning_rate": 1e-2, "batch": 32}

FACTORS: dict[str, Any] = {"model": "factors", "source_epochs": 20, "epochs": 15}


class TestFinetune(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Finetune
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2, "source_epochs": 2}


class TestFinetuneWithTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Finetune
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2, "source_epochs": 2}

    def world(self) -> Transfer:
        return two_source_world()


class TestFinetuneOfFactors(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Finetune
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2, "source_epochs": 2, "model": "factors"}


class TestFinetuneWithAScorer(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Finetune
    params: ClassVar[dict[str, Any]] = {**SMALL, "epochs": 2, "source_epochs": 2, "scorer_units": 4}


@pytest.mark.parametrize("loss", ["softmax", "bpr", "bce"])
def test_newcomers_gain_by_every_loss(loss: Loss) -> None:
    assert newcomer_lift(Finetune(**SMALL, loss=loss), taste_world(240)) > 0.05


@pytest.mark.parametrize(
    "how",
    [
        {"units": 16},
        {"encoder_rate": 0},
        {"rank": 2},
        {"thaw": 4},
        {"decay": "linear"},
        {"decay": "cosine"},
        {"scorer_units": 8},
        {"sparse": True},
        FACTORS,
        {**FACTORS, "encoder_rate": 0},
        {**FACTORS, "scorer_units": 8},
    ],
    ids=str,
)
def test_newcomers_keep_working_however_it_is_tuned(how: dict[str, Any]) -> None:
    assert newcomer_lift(Finetune(**{**SMALL, **how}), taste_world(240)) > 0.05


def test_an_unrelated_source_brings_nothing_to_speak_of() -> None:
    assert abs(newcomer_lift(Finetune(**SMALL), unrelated_world(240))) < 0.1


def fitted(world: Transfer, **params: Any) -> FactorModel:
    found = fit_once(Finetune(**{**SMALL, **params}), world)
    assert isinstance(found, FactorModel)
    return found


def test_a_frozen_tower_is_the_pretrained_one_and_a_pull_holds_the_other_near_it() -> None:
    world, context = taste_world(), Context()
    (began,) = (Finetune(**SMALL).pretrain(pair.source, context).arrays["items"] for pair in world.pairs)
    moved = [
        np.abs(fitted(world, held=0, **how).encoders["books"].item_factors - began).max()
        for how in ({"encoder_rate": 0}, {"pull": 10.0}, {"pull": 0.0})
    ]
    assert moved[0] == 0
    assert 0 < moved[1] < moved[2] / 2


def test_pretrained_parameters_stand_still_until_they_thaw() -> None:
    world = taste_world()
    still, thawed = (fitted(world, held=0, epochs=4, thaw=epochs).encoders["books"].item_factors for epochs in (4, 3))
    began = Finetune(**SMALL).pretrain(world.pair.source, Context()).arrays["items"]
    np.testing.assert_array_equal(still, began)
    assert (thawed != began).any()


def test_what_is_served_is_what_was_trained() -> None:
    world, strategy, context = taste_world(), Finetune(**SMALL, units=4), Context()
    source, rows = world.pair.source_history, np.arange(40)
    carried = strategy.pretrain(world.pair.source, context)
    model = strategy.adapt({"books": carried}, world, context)
    assert isinstance(model, FactorModel)
    encoder = model.encoders["books"]
    assert encoder.correction is not None
    parts = {"inner": "inner", "inner_offset": "inner_offset", "outer": "outer"}
    arrays = {"items": encoder.item_factors, **{name: getattr(encoder.correction, name) for name in parts}}
    tower = HistoryTower.of(arrays)
    with torch.no_grad():
        expected = tower(bag(source[rows], carried.arrays["weights"], CPU)).numpy()
    known = source[rows].getnnz(axis=1) > 0
    np.testing.assert_allclose(encoder.encode(source[rows])[known], expected[known], atol=1e-5)


def test_an_adapter_leaves_the_tower_as_it_was_and_is_served() -> None:
    world = taste_world()
    encoder = fitted(world, rank=2, held=0).encoders["books"]
    began = Finetune(**SMALL).pretrain(world.pair.source, Context()).arrays["items"]
    np.testing.assert_array_equal(encoder.item_factors, began)
    assert encoder.matrix is not None
    moved = encoder.matrix - np.eye(8)
    assert np.linalg.matrix_rank(moved, tol=1e-5) == 2


def test_in_what_order_things_were_carried_changes_nothing() -> None:
    world, strategy = two_source_world(), Finetune(**{**SMALL, "epochs": 2, "source_epochs": 1}, rank=2)
    carried = {pair.source.name: strategy.pretrain(pair.source, Context()) for pair in world.pairs}
    one, other = (
        strategy.adapt(dict(brought), world, Context()).arrays()[0]
        for brought in (carried.items(), reversed(carried.items()))
    )
    assert all(np.array_equal(one[name], other[name]) for name in one | other)


def test_a_scorer_is_served_as_it_was_trained() -> None:
    world, strategy = taste_world(), Finetune(**SMALL, scorer_units=4)
    carried = {"books": strategy.pretrain(world.pair.source, Context())}
    learner = finetuning(strategy, carried, world, Context()).start()
    with torch.no_grad():
        learner.items.normal_(), learner.scorer.out.normal_()
    model, rows = learner.exported(world), world.target.interactions
    people = np.arange(5)
    with torch.no_grad():
        expected = learner.ranked().every(learner.vectors(people, rows.preference[people]))
    ids = rows.users.take(people)
    items = rows.items.take(np.arange(rows.shape[1]))
    found = [model.score([user] * len(items), items) for user in ids]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_factors_hold_people_and_take_others_for_strangers() -> None:
    world, strategy = taste_world(), Finetune(**SMALL, model="factors")
    carried = strategy.pretrain(world.pair.source, Context())
    assert {name: len(array) for name, array in carried.arrays.items()} == {
        "people": len(world.pair.source.interactions.users)
    }
    model = strategy.adapt({"books": carried}, world, Context())
    assert model.recommend_for({}, k=1).path == "popular"


def test_an_account_without_rows_says_nothing_of_somebody_who_has_another() -> None:
    world = taste_world()
    rows = world.pair.source.interactions
    own = pl.DataFrame({"user_id": rows.users.take(rows.user_rows), "item_id": rows.items.take(rows.item_rows)})
    idle = pl.DataFrame({"user_id": ["idle"], "item_id": ["book-a0"], "weight": [0.0]})
    table = pl.concat([own.with_columns(weight=pl.lit(1.0)), idle])
    books = Domain.from_frame(table, "books")
    users = books.interactions.users.ids
    links = pl.DataFrame({"from_id": users, "to_id": pl.Series(["a0" if one == "idle" else one for one in users])})
    twice = Transfer.of(books, world.target, Overlap(user_links=links))
    strategy = Finetune(**SMALL, model="factors")
    carried = {"books": strategy.pretrain(books, Context(device="cpu"))}
    a0 = twice.target.interactions.users.rows(["a0"])[0]
    assert np.linalg.norm(known_people(carried, twice)[a0]) == pytest.approx(1, abs=1e-5)


def test_what_is_shared_of_factors_stands_still_and_the_residual_is_for_the_targets_own_people() -> None:
    world = taste_world()
    strategy = Finetune(**SMALL, model="factors", encoder_rate=0, held=0)
    model = fit_once(strategy, world)
    assert isinstance(model, FactorModel)
    (links,) = (pair.user_links for pair in world.pairs)
    known = links.T @ strategy.pretrain(world.pair.source, Context()).arrays["people"]
    newcomers = world.target.interactions.history == 0
    np.testing.assert_allclose(model.user_factors[newcomers], known[newcomers], atol=1e-6)
    moved = np.abs(model.user_factors - known).max(axis=1) > 0
    assert moved[~newcomers].mean() > 0.9  # but for who was told as a newcomer each time


def test_nobody_is_in_what_is_carried() -> None:
    carried = Finetune(**SMALL).pretrain(taste_world().pair.source, Context())
    items = taste_world().pair.source.interactions.shape[1]
    assert {name: array.shape for name, array in carried.arrays.items()} == {
        "items": (items, 8), "inner": (8, 0), "inner_offset": (0,), "outer": (0, 8), "weights": (items,),
    }  # fmt: skip


def test_somebody_who_had_ten_thousand_books_is_one_person_among_others() -> None:
    world = taste_world()
    books = pl.DataFrame({"user_id": ["a0"] * 10_000, "item_id": [f"book-{n}" for n in range(10_000)]})
    rows = world.pair.source.interactions
    own = pl.DataFrame({"user_id": rows.users.take(rows.user_rows), "item_id": rows.items.take(rows.item_rows)})
    source = Domain.from_frame(pl.concat([books, own]), "books")
    model = fit_once(Finetune(**SMALL), Transfer.of(source, world.target, Overlap("users")))
    (answer,) = model.recommend(["a0"], k=3)
    assert answer.path == "known"


def test_too_few_shared_people_are_an_objection() -> None:
    facts = PairFacts.of(taste_world(60).pair)
    assert Finetune().objection([facts]) == f"needs 64 shared users, there are {facts.shared_users}"


def test_sparse_updates_leave_what_no_step_touched_as_it_was() -> None:
    world = taste_world()
    source = world.pair.source.interactions
    rare = pl.DataFrame({"user_id": ["stranger"] * 3, "item_id": ["book-r1", "book-r2", "book-r3"]})
    own = pl.DataFrame({"user_id": source.users.take(source.user_rows), "item_id": source.items.take(source.item_rows)})
    books = Domain.from_frame(pl.concat([rare, own]), "books")
    world = Transfer.of(books, world.target, Overlap("users"))
    strategy = Finetune(**SMALL, sparse=True)
    began = strategy.pretrain(books, Context(device="cpu")).arrays["items"]
    model = fit_once(strategy, world)
    assert isinstance(model, FactorModel)
    moved = (model.encoders["books"].item_factors != began).any(axis=1)
    untouched = books.interactions.items.rows(["book-r1", "book-r2", "book-r3"])
    assert not moved[untouched].any()
    assert np.delete(moved, untouched).all()


@pytest.mark.parametrize("how", [{"encoder_rate": 0}, {"rank": 2}], ids=str)
def test_of_what_stands_still_no_gradients_pile_up(how: dict[str, Any]) -> None:
    world, strategy = taste_world(), Finetune(**{**SMALL, **how}, sparse=True)
    task = finetuning(strategy, {"books": strategy.pretrain(world.pair.source, Context())}, world, Context())
    learner = task.made()
    task.train(learner, task.preference, task.schedule(3))
    assert learner.get_parameter("towers.0.items").grad is None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"model": "factors", "units": 16}, "units: found 16, which 'model: factors' does not read; leave it out"),
        ({"model": "factors", "sparse": True}, "sparse: found True, which 'model: factors' does not read"),
        ({"private": 0.1}, "private: found 0.1, which 'model: towers' does not read; leave it out"),
    ],
    ids=str,
)
def test_a_setting_that_the_model_does_not_read_is_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"^deep/finetune: {words}"):
        make_strategy(Finetune, params)


def test_settings_as_they_are_by_default_may_be_said() -> None:
    whole = Finetune(model="factors").params()
    assert make_strategy(Finetune, whole) == Finetune(model="factors")


def test_where_something_is_declared_sparse_updates_are_whole_ones() -> None:
    world = described_world()
    mine, other = (fit_once(Finetune(**SMALL, sparse=sparse), world) for sparse in (True, False))
    np.testing.assert_array_equal(mine.arrays()[0]["item_factors"], other.arrays()[0]["item_factors"])


# Losses ----------------------------------------------------------------------------------------------------------


def scored(kind: Loss, scores: np.ndarray, preferred: np.ndarray, negatives: int = 1000) -> float:
    people, items = torch.from_numpy(scores.astype(np.float32)), torch.eye(scores.shape[1])
    asked, rng = Items(items, torch.zeros(scores.shape[1])), np.random.default_rng(0)
    return float(ranking_loss(kind, people, asked, sparse.csr_matrix(preferred), negatives, rng))


def test_softmax_is_the_share_among_what_is_not_preferred() -> None:
    scores, preferred = np.array([[1.0, 0.0, 2.0, -1.0]]), np.array([[1.0, 0.0, 1.0, 0.0]])
    others = np.exp(scores[0, [1, 3]]).sum()
    expected = sum(-np.log(np.exp(s) / (np.exp(s) + others)) for s in scores[0, [0, 2]])
    assert scored("softmax", scores, preferred) == pytest.approx(expected, rel=1e-5)


def test_a_sampled_softmax_is_near_the_whole_one() -> None:
    rng = np.random.default_rng(3)
    scores, preferred = rng.normal(size=(50, 400)), (rng.random((50, 400)) < 0.02).astype(float)
    assert scored("softmax", scores, preferred, 200) == pytest.approx(scored("softmax", scores, preferred), rel=0.03)


@pytest.mark.parametrize("kind", ["bpr", "bce"])
def test_what_somebody_prefers_is_never_their_negative(kind: Loss) -> None:
    scores, preferred = np.array([[9.0, 9.0, 9.0, -9.0]]), np.array([[1.0, 1.0, 1.0, 0.0]])
    assert scored(kind, scores, preferred) < 1e-3


@pytest.mark.parametrize("kind", ["softmax", "bpr", "bce"])
def test_somebody_with_thousands_of_items_costs_what_all_of_them_cost(kind: Loss) -> None:
    scores, preferred = np.zeros((1, 5000)), np.zeros((1, 5000))
    preferred[0, :4000] = 1
    each = {"softmax": np.log(1001), "bpr": np.log(2), "bce": 2 * np.log(2)}[kind]
    assert scored(kind, scores, preferred) == pytest.approx(4000 * each, rel=0.5)


# The loop --------------------------------------------------------------------------------------------------------


def trained(figures: list[float], context: Context | None = None, **schedule: int) -> tuple[int, float]:
    """Train one number upwards, with these figures by epoch; return the epoch kept and the number."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    told = iter(figures)
    kept = train(
        "toy: shop",
        model,
        lambda batch: -model.weight.sum() + 0 * len(batch),
        np.arange(4),
        [Group(list(model.parameters()), 1.0)],
        Schedule(len(figures) - 1, 4, **schedule),
        np.random.default_rng(0),
        context or Context(),
        lambda: next(told),
    )
    return kept, float(model.weight.detach())


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    kept, weight = trained([0.0, 0.2, 0.5, 0.1, 0.1])
    assert kept == 2
    assert weight == pytest.approx(2, rel=1e-3)  # Adam moves by its rate in every step


def test_training_ends_where_it_no_longer_gains() -> None:
    told: list[str] = []
    kept, _ = trained([0.0, 0.5, 0.1, 0.1, 0.9], Context(progress=told.append), patience=2)
    assert (kept, len(told)) == (1, 3)
    assert told[0].startswith("toy: shop: epoch 1/4, loss ")
    assert told[0].endswith("ndcg@10 0.5000 for people held out")


def test_where_training_only_harms_nothing_is_trained() -> None:
    assert trained([0.3, 0.2, 0.1]) == (0, 0.0)


def test_a_budget_of_seconds_ends_training() -> None:
    kept, _ = trained([0.0, 0.1, 0.2, 0.3], seconds=0)
    assert kept == 1


def test_a_budget_reaches_training() -> None:
    told: list[str] = []
    fit_once(Finetune(**SMALL), taste_world(), Context(budget=Budget(seconds=0), progress=told.append))
    assert len(told) == 3  # an epoch each of pretraining, of finding when to stop, and of everybody


def test_a_cancelled_run_says_so() -> None:
    with pytest.raises(StrategyError, match=r"^toy: shop: cancelled$"):
        trained([0.0, 1.0], Context(cancel=lambda: True))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"learning_rate": 1e39},
            "films: a parameter is (inf|nan) after epoch 1, .*; a smaller learning_rate may help",
        ),
        (
            {"learning_rate": 1e20, "scorer_units": 4},
            r"films: a parameter is \S+ after epoch 1, expected less than 1e\+06",
        ),
        ({"source_learning_rate": 1e20}, r"books: a parameter is .*; a smaller source_learning_rate may help"),
    ],
    ids=["infinite", "scores would overflow", "source"],
)
def test_parameters_that_the_last_step_led_astray_are_told(how: dict[str, Any], words: str) -> None:
    one_step = {"epochs": 1, "source_epochs": 1, "batch": 1000, "held": 0.0}
    with pytest.raises(StrategyError, match=rf"^deep/finetune: {words}"):
        fit_once(Finetune(**{**SMALL, **one_step, **how}), taste_world())


def test_a_loss_that_is_no_number_ends_training_with_the_weights_as_they_were_good() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    before = model.weight.detach().clone()
    with pytest.raises(StrategyError, match=r"^toy: shop: the loss is nan in epoch 1, expected a number; a smaller"):
        train(
            "toy: shop",
            model,
            lambda batch: model.weight.sum() * float("nan"),
            np.arange(3),
            [Group(list(model.parameters()), 1.0)],
            Schedule(2, 4),
            np.random.default_rng(0),
            Context(),
        )
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_too_little_memory_is_told_with_what_takes_less(error: Exception) -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    before = model.weight.detach().clone()

    def loss(batch: Any) -> Any:
        if torch.equal(model.weight, before):
            return model.weight.sum()
        raise error

    words = r"^toy: shop: cpu has not enough memory for a batch of 2 people; a smaller batch, or fewer negatives"
    groups, rng = [Group(list(model.parameters()), 1.0)], np.random.default_rng(0)
    with pytest.raises(StrategyError, match=words):
        train("toy: shop", model, loss, np.arange(4), groups, Schedule(2, 2), rng, Context())
    assert torch.equal(model.weight, before)  # as the best epoch had left it


def test_a_gradient_that_is_too_long_is_shortened() -> None:
    model, rng = torch.nn.Linear(1, 1, bias=False), np.random.default_rng(0)
    found = []

    def loss(batch: Any) -> Any:
        if model.weight.grad is not None:
            found.append(float(model.weight.grad))
        return 1000 * model.weight.sum()

    for clip in (5.0, 1e4):
        model.weight.grad = None
        train(
            "toy: shop",
            model,
            loss,
            np.arange(2),
            [Group([model.weight], 0.1)],
            Schedule(1, 2, clip=clip),
            rng,
            Context(),
        )
        found.append(float(model.weight.grad))
    assert found == pytest.approx([5.0, 1000.0])


def test_people_asked_about_are_like_those_who_will_be_served() -> None:
    world, strategy = taste_world(), Finetune(**SMALL)
    carried = {"books": strategy.pretrain(world.pair.source, Context())}
    task = finetuning(strategy, carried, world, Context())
    judges, taught = task.judges(), task.preference.getnnz(axis=1) > 0
    assert taught[judges].all()
    assert len(judges) == int(0.2 * ((task.people.placed() > 0) & taught).sum())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("how", [{}, {"model": "factors"}, {"scorer_units": 4}, {"mixed_precision": False}], ids=str)
def test_a_gpu_learns_what_a_cpu_learns(how: dict[str, Any]) -> None:
    lifts = [
        newcomer_lift(Finetune(**{**SMALL, **how}), taste_world(240), Context(device=where))
        for where in ("cpu", "cuda")
    ]
    assert lifts[1] == pytest.approx(lifts[0], abs=0.03)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device here")
def test_a_device_that_is_not_there_is_named() -> None:
    assert device("auto") == CPU
    with pytest.raises(StrategyError, match=r"^device: found cuda, but torch sees none here; expected cpu or auto$"):
        device("cuda")
    assert Finetune().unsupported("cuda") == "torch sees no GPU here; expected cpu or auto"
    assert Finetune().unsupported("cpu") is None
    assert Finetune().unsupported("auto") is None


def test_torch_has_as_many_threads_as_before() -> None:
    before = torch.get_num_threads()
    fitted(taste_world(80), epochs=1, source_epochs=1)
    assert torch.get_num_threads() == before


# What is declared of items ---------------------------------------------------------------------------------------


def described_world(unknown: Sequence[str] = (), bare: Sequence[str] = ()) -> Transfer:
    """Books and films that are said to be of a kind, which is their taste; nobody had the unknown films."""
    world = taste_world(240)
    rows = world.target.interactions
    ids = rows.items.ids.to_list()
    kept = rows.take(np.flatnonzero(~np.isin(rows.item_rows, [ids.index(one) for one in unknown])))
    books, films = (
        replace(one, item_features=kinds(one.interactions.items, bare)) for one in (world.pair.source, world.target)
    )
    return Transfer.of(books, films.with_interactions(kept), Overlap("users"))


def kinds(items: Index, bare: Sequence[str]) -> Features:
    said = [None if one in bare else f"kind-{taste_of(one)}" for one in items.ids.to_list()]
    table = pl.DataFrame({"item_id": items.ids, "kind": said})
    return Features.from_frame(table, items, "item_id", {}, "features")


def test_films_that_nobody_had_are_ranked_by_what_they_are_said_to_be() -> None:
    world = described_world(["film-a3", "film-b3"])
    model = fit_once(Finetune(**{**SMALL, "epochs": 20}), world)
    films = ["film-a3", "film-b3"]
    liked = {taste: model.score([f"{taste}{n}"] * 2, films) for taste, n in (("a", 0), ("b", 1))}
    assert liked["a"][0] > liked["a"][1]
    assert liked["b"][1] > liked["b"][0]
    blind = fit_once(Finetune(**SMALL, features=False), world)
    a, b = blind.score(["a0"] * 2, films)
    assert a == pytest.approx(b)


def test_what_a_source_learnt_of_a_kind_is_where_the_target_begins() -> None:
    world, strategy = described_world(), Finetune(**SMALL)
    carried = {"books": strategy.pretrain(world.pair.source, Context())}
    assert carried["books"].meta == {"tokens": ["kind=kind-a", "kind=kind-b"]}
    learner = finetuning(strategy, carried, world, Context()).start()
    apart = carried["books"].arrays["tokens_ranked"][[0, 1]]
    assert np.abs(apart[0] - apart[1]).max() > 0.01
    names = ["kind=kind-a", "kind=kind-b"]
    ids = world.target.interactions.items.ids.to_list()
    expected = apart[[names.index(f"kind=kind-{taste_of(one)}") for one in ids]]
    np.testing.assert_allclose(learner.ranked().vectors.detach(), expected, rtol=1e-5)


def test_items_of_which_nothing_is_said_are_served_all_the_same() -> None:
    world = described_world(bare=["film-a3", "book-b0"])
    assert newcomer_lift(Finetune(**SMALL), world) > 0.05


def test_a_film_that_nobody_had_says_nothing_of_who_asks_with_it() -> None:
    world = undescribed(described_world(["film-a3"]))
    model = fit_once(Finetune(**SMALL), world)
    assert model.recommend_for({"films": ["film-a3"]}, k=2).path == "popular"


def undescribed(world: Transfer) -> Transfer:
    """Return the world with nothing declared."""
    source, target = (replace(one, item_features=None) for one in (world.pair.source, world.target))
    return Transfer.of(source, target, Overlap("users"))
