"""What every strategy must keep, as a test class to inherit; a broken promise is told in words."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydantic
from numpy.typing import NDArray

from foretaste.bundle import load_bundle, save_bundle
from foretaste.data import PairFacts, Transfer
from foretaste.errors import ConfigError
from foretaste.evaluation import hold_out
from foretaste.experiment import NewcomersHoldout
from foretaste.recommender import Recommender
from foretaste.registry import STRATEGY_NAME
from foretaste.strategy import Carried, Context, Strategy, make_strategy, missing_packages
from foretaste.testing._fit import fit_once
from foretaste.testing._unchanged import imported_by_listing, process_state, rows_state, stirred_seeds
from foretaste.testing._worlds import taste_world

_STRANGER = "nobody knows me"


class StrategyContract:
    """Tests of one strategy; subclass it as ``class TestMine(StrategyContract)`` with ``strategy = Mine``.

    ``params`` are settings for small data, where the defaults are not meant for it. Override ``world`` for a strategy
    that needs something else than shared people (ids must be strings), and ``context`` for one that fits others.
    """

    strategy: ClassVar[type[Strategy]]
    params: ClassVar[Mapping[str, Any]] = {}

    def world(self) -> Transfer:
        """Return the transfer that is fitted."""
        return taste_world()

    def context(self, seed: int = 0) -> Context:
        """Return how to run: on the CPU, with one thread."""
        return Context(seed=seed, device="cpu")

    def make(self, **params: Any) -> Strategy:
        """Return the strategy with the settings of the test class, and these."""
        return make_strategy(self.strategy, {**self.params, **params})

    # The settings ----------------------------------------------------------------------------------------------

    def test_its_name_is_plugin_and_strategy(self) -> None:
        name = self.strategy.name
        assert STRATEGY_NAME.fullmatch(name), f"name is {name!r}, expected plugin/strategy in small letters"

    def test_it_can_be_made_without_settings(self) -> None:
        made = self.strategy()
        assert make_strategy(self.strategy, made.params()) == made, "a default breaks the field's own limits"

    def test_it_is_frozen(self) -> None:
        made = self.make()
        for name in (*self.strategy.model_fields, "fitted"):
            try:
                setattr(made, name, 1)
            except (pydantic.ValidationError, TypeError):
                continue
            raise AssertionError(f"{name} could be set: nothing fitted may live in a strategy")

    def test_its_settings_are_validated(self) -> None:
        for name in self.strategy.model_fields:
            assert name in _refusal(self.strategy, {name: object()}), f"{name} takes anything"

    def test_it_refuses_unknown_settings(self) -> None:
        assert "no_such_setting" in _refusal(self.strategy, {"no_such_setting": 1}), "an unknown setting is taken"

    def test_every_setting_is_described(self) -> None:
        for name, said in self.strategy.model_json_schema().get("properties", {}).items():
            assert said.get("description", "").strip(), f"{name} has no docstring under it"

    def test_it_has_a_json_schema(self) -> None:
        schema = json.loads(json.dumps(self.strategy.model_json_schema()))
        assert set(schema.get("properties", {})) == set(self.strategy.model_fields)

    def test_its_settings_survive_json(self) -> None:
        made = self.make()
        assert make_strategy(self.strategy, json.loads(json.dumps(made.params()))) == made

    def test_pretrain_fields_are_fields(self) -> None:
        unknown = set(self.strategy.pretrain_fields or ()) - set(self.strategy.model_fields)
        assert not unknown, f"pretrain_fields names {sorted(unknown)}, which are no fields"

    def test_its_grid_starts_with_itself_and_holds_valid_settings(self) -> None:
        made = self.make()
        for n in (1, 2, 8):
            grid = made.grid(self._facts(), n)
            assert grid[0] == made, "the first of the grid is not the strategy itself"
            assert len(grid) <= n, f"the grid has {len(grid)} settings, expected {n} at most"
            for one in grid:
                assert make_strategy(self.strategy, one.params()) == one, f"the grid holds wrong settings: {one}"
            assert len({json.dumps(one.params(), sort_keys=True) for one in grid}) == len(grid), "a setting is twice"

    def test_its_grid_leaves_alone_what_was_set_by_hand(self) -> None:
        for one in self.strategy().grid(self._facts(), 8):
            for name, value in one.params().items():
                fixed = make_strategy(self.strategy, {name: value}).grid(self._facts(), 8)
                assert all(other.params()[name] == value for other in fixed), f"the grid varies {name}, set by hand"

    def test_listing_it_imports_nothing(self) -> None:
        """Its packages are imported by methods, not by the module that holds it."""
        found = imported_by_listing(self.strategy)
        assert not found, f"the module of {self.strategy.__name__} imports {', '.join(found)}; do it in methods"

    # What it learns --------------------------------------------------------------------------------------------

    def test_it_does_not_object_to_the_world_of_the_test(self) -> None:
        assert self.make().objection(self._facts()) is None

    def test_carried_is_plain(self) -> None:
        for name, carried in self._pretrained(self.context()).items():
            assert isinstance(carried, Carried), f"pretrain returned {type(carried).__name__}, expected Carried"
            _check_finite(carried.arrays, f"carried from {name}")
            assert json.loads(json.dumps(carried.meta, allow_nan=False)) == dict(carried.meta), "meta is not plain JSON"

    def test_nothing_is_carried_beside_arrays_and_meta(self) -> None:
        """What was carried may be saved, and adapted from in another process."""
        context, world = self.context(), self.world()
        kept = self._pretrained(context)
        saved = {
            name: Carried(
                {key: np.array(array) for key, array in one.arrays.items()},
                json.loads(json.dumps(one.meta)),
                one.version,
                one.personal,
            )
            for name, one in kept.items()
        }
        first = self.make().adapt(kept, world, self.context())
        assert _same(first, self.make().adapt(saved, self.world(), self.context())), "a saved Carried is worth less"

    def test_a_portable_carried_holds_no_row_per_person(self) -> None:
        if not self.strategy.portable:
            return
        world = self.world()
        for pair in world.pairs:
            people = len(pair.source.interactions.users)
            carried = self.make().pretrain(pair.source, self.context())
            for name, array in carried.arrays.items():
                if name in carried.personal:
                    assert len(array) == people, f"'{name}' is personal, and has {len(array)} rows for {people} people"
                    continue
                assert people not in array.shape, f"'{name}' has {people} rows or columns, as many as there are people"

    def test_it_makes_a_recommender_with_finite_arrays(self) -> None:
        world = self.world()
        found = self._fitted(world)
        _check_finite(found.arrays()[0], "recommender")
        assert found.roster.target == world.target.name
        assert found.roster.users == world.target.interactions.users, "the recommender has other people"
        assert found.roster.items == world.target.interactions.items, "the recommender has other items"

    def test_the_same_seed_gives_the_same_arrays(self) -> None:
        first, second = (self._fitted(self.world(), seed=3) for _ in range(2))
        assert _same(first, second), "two runs with the same seed and one thread differ"

    def test_it_changes_nothing_around_it(self) -> None:
        """Not the data, nor the process: global seeds, environment, folder, logging, warnings filters, threads."""
        self._skip_without_packages()
        for module in (*self.strategy.requires, "scipy.linalg", "scipy.optimize"):
            importlib.import_module(module)  # what packages set up when they are imported is theirs
        world = self.world()
        with stirred_seeds():
            rows, before = rows_state(world), process_state()
            self._fitted(world)
            after = process_state()
        assert rows_state(world) == rows, "the transfer's data changed"
        changed = [name for name, value in before.items() if after[name] != value]
        assert not changed, f"fitting changed the process: {', '.join(changed)}"

    # Whom it serves --------------------------------------------------------------------------------------------

    def test_everybody_is_served(self) -> None:
        """People of both sides, of the source alone, of the target alone, and those nobody knows."""
        world = self.world()
        rows = world.target.interactions
        found = self._fitted(world)
        k = len(rows.items)
        seen = dict(zip(rows.users.ids.to_list(), rows.seen.tolil().rows, strict=True))
        for one in found.recommend([*rows.users.ids.to_list(), _STRANGER], k):
            had = set(rows.items.take(np.array(seen.get(one.user, []), np.int64)))
            assert np.isfinite(one.scores).all(), f"{one.user} has a score that is not finite"
            assert not had & set(one.items), f"{one.user} is offered what was seen"
            assert len(set(one.items)) == len(one.items) == k - len(had), f"{one.user} is not offered all the rest"

    def test_people_without_target_rows_are_served(self) -> None:
        """Fitting needs no hidden row: those whose rows are all hidden get a full list."""
        held = hold_out(self._with_shared_people(), NewcomersHoldout(fraction=0.5), 1)
        found = self._fitted(held.train)
        items, scores = found.rank(held.people, 5)
        assert (items >= 0).all()
        assert np.isfinite(scores).all()

    def test_somebody_new_may_bring_a_history(self) -> None:
        found = self._fitted(self.world())
        for name in found.indexes():
            answer = found.recommend_for(_brought(found, name), 5)
            assert answer.path == "folded-in"
            assert len(answer.items) == 5
            assert np.isfinite(answer.scores).all()

    def test_a_bundle_gives_the_same_lists(self, tmp_path: Path) -> None:
        strategy, found = self.make(), self._fitted(self.world())
        save_bundle(found, tmp_path, strategy=strategy.name, params=strategy.params())
        loaded = load_bundle(tmp_path)
        users = [*found.roster.users.ids.to_list(), _STRANGER]
        assert loaded.recommend(users, 5).to_rows() == found.recommend(users, 5).to_rows()
        for name in found.indexes():
            history = _brought(found, name)
            assert loaded.recommend_for(history, 5) == found.recommend_for(history, 5)

    def test_predicted_ratings_stay_in_the_range_that_was_given(self, tmp_path: Path) -> None:
        """Where there is a ``predict``: for everybody, strangers too, and the same from a bundle."""
        strategy, world = self.make(), self.world()
        found = self._fitted(world)
        assert found.predicts_ratings == strategy.predicts_ratings, "predicts_ratings is not what the recommender does"
        if not found.predicts_ratings:
            return
        rows = world.target.interactions
        users = [*rows.users.ids.to_list(), _STRANGER]
        items = [rows.items.ids[0]] * len(users)
        ratings = found.predict(users, items)
        assert ratings.shape == (len(users),)
        assert float(ratings.min()) >= rows.values.min() - 1e-5, "a rating lies below all that were given"
        assert float(ratings.max()) <= rows.values.max() + 1e-5, "a rating lies above all that were given"
        save_bundle(found, tmp_path, strategy=strategy.name, params=strategy.params())
        loaded = load_bundle(tmp_path)
        assert loaded.predict(users, items).tobytes() == ratings.tobytes()
        for history in ({}, *(_brought(found, name) for name in found.indexes())):
            own = found.predict_for(history, rows.items.ids.to_list())
            assert float(own.min()) >= rows.values.min() - 1e-5, f"a rating for {history} lies below all given"
            assert float(own.max()) <= rows.values.max() + 1e-5, f"a rating for {history} lies above all given"
            assert loaded.predict_for(history, rows.items.ids.to_list()).tobytes() == own.tobytes()

    def _facts(self) -> list[PairFacts]:
        return [PairFacts.of(pair) for pair in self.world().pairs]

    def _pretrained(self, context: Context) -> dict[str, Carried]:
        self._skip_without_packages()
        return {pair.source.name: self.make().pretrain(pair.source, context) for pair in self.world().pairs}

    def _fitted(self, world: Transfer, seed: int = 0) -> Recommender:
        self._skip_without_packages()
        return fit_once(self.make(), world, self.context(seed))

    def _with_shared_people(self) -> Transfer:
        world = self.world()
        if not len(world.shared_people):
            import pytest

            pytest.skip("this world has no shared people to hide")
        return world

    def _skip_without_packages(self) -> None:
        if missing := missing_packages(self.strategy):
            import pytest

            pytest.skip(f"{self.strategy.name} needs {', '.join(missing)}")


def _brought(found: Recommender, name: str) -> dict[str, Any]:
    """Return a history of two items of one domain, with ratings where these are asked for."""
    ids = found.indexes()[name].ids[:2].to_list()
    return {name: dict(zip(ids, (4.0, 2.0), strict=False)) if name in found.rated_domains else ids}


def _refusal(kind: type[Strategy], params: Mapping[str, Any]) -> str:
    try:
        make_strategy(kind, params)
    except ConfigError as error:
        return str(error)
    return ""


def _check_finite(arrays: Mapping[str, NDArray[Any]], where: str) -> None:
    for name, array in arrays.items():
        assert isinstance(array, np.ndarray), f"{where}: '{name}' is {type(array).__name__}, expected a NumPy array"
        assert array.dtype.kind in "biuf", f"{where}: '{name}' holds {array.dtype}, expected numbers"
        assert np.isfinite(array).all(), f"{where}: '{name}' holds values that are not finite"


def _same(one: Recommender, other: Recommender) -> bool:
    (mine, facts), (theirs, other_facts) = one.arrays(), other.arrays()
    return (
        type(one) is type(other)
        and facts == other_facts
        and mine.keys() == theirs.keys()
        and all(mine[name].tobytes() == theirs[name].tobytes() for name in mine)
        and one.roster.paths.tobytes() == other.roster.paths.tobytes()
        and _ratings(one) == _ratings(other)
    )


def _ratings(one: Recommender) -> object:
    scale = one.roster.rating_scale
    if scale is None:
        return None
    return scale.mean, scale.lowest, scale.highest, scale.user_offset.tobytes(), scale.item_offset.tobytes()
