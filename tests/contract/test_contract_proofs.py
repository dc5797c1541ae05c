"""Can the Strategy contract hold what people will want to write? A short strategy of each kind, run on the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse

from foretaste import (
    Carried,
    Context,
    Domain,
    FactorModel,
    HistoryModel,
    Recommender,
    Roster,
    Side,
    Strategy,
    Transfer,
)
from foretaste.testing import StrategyContract, newcomer_lift, taste_world, two_source_world


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Torch knows but one number of threads, the process's own: it is given back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class FineTuned(Strategy):
    """Pretrain item vectors on the source as an autoencoder, then fine-tune them towards the target's items."""

    name: ClassVar[str] = "proof/fine-tuned"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    portable: ClassVar[bool] = True

    factors: int = 4
    """Length of the vectors."""
    epochs: int = 15
    """Steps of Adam on either side, each over everybody."""
    learning_rate: float = 0.03
    """Of Adam."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        X = source.interactions.preference
        start = context.rng(1).normal(0, 0.1, (X.shape[1], self.factors))
        encoder, _ = self._train(X, X, start, context)
        return Carried({"items": encoder})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        pair, rows, people = transfer.pair, transfer.target.interactions, transfer.pair.shared_people
        start = carried[pair.source.name].arrays["items"]
        factors = self._train(pair.source_history[people], rows.preference[people], start, context)
        side = Side(pair.source.interactions.items, factors, power=0.5, histories=pair.source_history)
        return HistoryModel(Roster.of(transfer), np.zeros(len(rows.items), np.float32), {pair.source.name: side})

    def _train(self, X: sparse.csr_matrix, Y: sparse.csr_matrix, start: Any, context: Context) -> tuple[Any, Any]:
        import torch

        draw = torch.Generator().manual_seed(context.seed)  # of its own: the process's stays as it is
        with torch_threads(context.threads):
            history, wanted = (torch.tensor(M.toarray(), dtype=torch.float32) for M in (X, Y))
            history = history / history.sum(1, keepdim=True).clamp(min=1).sqrt()
            encoder = torch.tensor(np.asarray(start), dtype=torch.float32, requires_grad=True)
            decoder = torch.randn((self.factors, Y.shape[1]), generator=draw).mul_(0.1).requires_grad_()
            optimizer = torch.optim.Adam([encoder, decoder], self.learning_rate, weight_decay=1e-3)
            for _ in range(self.epochs):
                optimizer.zero_grad()
                loss = -(wanted * torch.log_softmax(history @ encoder @ decoder, dim=1)).sum(1).mean()
                torch.autograd.backward(loss)
                optimizer.step()
            return encoder.detach().numpy(), decoder.detach().numpy()


class SideFeatures(Strategy):
    """LightFM, a person being what that person had in the source; vectors and biases are exported."""

    name: ClassVar[str] = "proof/side-features"
    requires: ClassVar[tuple[str, ...]] = ("lightfm",)

    factors: int = 8
    """Length of the vectors."""
    epochs: int = 20
    """Passes over the target's rows."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        from lightfm import LightFM  # type: ignore[import-untyped]

        rows = transfer.target.interactions
        histories = sparse.hstack([pair.source_history for pair in transfer.pairs]).tocsr()
        length = np.maximum(np.asarray(histories.sum(axis=1)).ravel(), 1)
        people = sparse.csr_matrix(sparse.diags(1 / length) @ histories, dtype=np.float32)
        model = LightFM(no_components=self.factors, loss="warp", random_state=context.seed)
        # updates race between threads: with one, the same seed gives the same numbers
        model.fit(rows.preference, user_features=people, epochs=self.epochs, num_threads=1)
        _, vectors = model.get_user_representations(people)  # a person's bias moves all items alike
        bias, items = model.get_item_representations()
        return FactorModel(Roster.of(transfer), vectors, items, item_bias=bias)


class Svm(Strategy):
    """A linear SVM for each target item over the source history."""

    name: ClassVar[str] = "proof/svm"
    requires: ClassVar[tuple[str, ...]] = ("sklearn",)

    C: float = 0.1
    """Weight of the loss beside the squared length of the weights."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        from sklearn.svm import LinearSVC

        pair, rows, people = transfer.pair, transfer.target.interactions, transfer.pair.shared_people
        X, Y = pair.source_history, rows.preference[people].toarray() > 0
        weights, bias = np.zeros((X.shape[1], Y.shape[1])), np.full(Y.shape[1], -1.0)
        for item in np.flatnonzero(Y.any(axis=0) & ~Y.all(axis=0)):  # a class needs both sides
            # without a seed, liblinear draws one from NumPy's global state
            model = LinearSVC(C=self.C, class_weight="balanced", random_state=context.seed).fit(X[people], Y[:, item])
            weights[:, item], bias[item] = model.coef_[0], model.intercept_[0]
        side = Side(pair.source.interactions.items, weights, histories=X)
        bias = bias + np.log1p(rows.popularity)
        return HistoryModel(Roster.of(transfer), bias, {pair.source.name: side})


class TwoSources(Strategy):
    """Of each source its most popular half counts; the sides of all sources are added."""

    name: ClassVar[str] = "proof/two-sources"

    smoothing: float = 5.0
    """Added to every count."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried({"popularity": source.interactions.popularity}, {"rows": len(source.interactions)})

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> HistoryModel:
        rows, sides = transfer.target.interactions, {}
        for pair in transfer.pairs:
            popularity = carried[pair.source.name].arrays["popularity"]
            both = (pair.source_history.T @ rows.preference).toarray()
            lift = np.log((both + self.smoothing) / (np.outer(popularity, rows.popularity) / 100 + self.smoothing))
            lift[popularity < np.median(popularity)] = 0
            sides[pair.source.name] = Side(pair.source.interactions.items, lift, histories=pair.source_history)
        return HistoryModel(Roster.of(transfer), np.log1p(rows.popularity), sides)


class TestFineTuned(StrategyContract):
    strategy: ClassVar[type[Strategy]] = FineTuned


class TestSideFeatures(StrategyContract):
    strategy: ClassVar[type[Strategy]] = SideFeatures


class TestSvm(StrategyContract):
    strategy: ClassVar[type[Strategy]] = Svm


class TestTwoSources(StrategyContract):
    strategy: ClassVar[type[Strategy]] = TwoSources

    def world(self) -> Transfer:
        return two_source_world()


def many() -> Transfer:
    return taste_world(240)


PROOFS = {FineTuned: many, SideFeatures: many, Svm: many, TwoSources: two_source_world}


@pytest.mark.parametrize("strategy", PROOFS)
def test_newcomers_gain(strategy: type[Strategy]) -> None:
    assert newcomer_lift(strategy(), PROOFS[strategy]()) > 0.05


@pytest.mark.parametrize("strategy", PROOFS)
def test_a_platform_fits_it_by_name(proof: Any, strategy: type[Strategy]) -> None:
    world = PROOFS[strategy]()
    found = proof.platform(strategy).fit(strategy.name, world)
    assert isinstance(found, Recommender)
    newcomer = world.target.interactions.users.take(np.flatnonzero(world.target.interactions.history == 0)[:1])
    (answer,) = found.recommend(newcomer, 5)
    assert answer.path == "newcomer"
    assert len(answer.items) == 5


@pytest.mark.parametrize("strategy", PROOFS)
def test_an_experiment_measures_it_and_finds_no_leak(proof: Any, strategy: type[Strategy]) -> None:
    result = proof.run(strategy, PROOFS[strategy]())
    entry = result.entry(strategy.name)
    assert not result.audit["leak"]
    assert result.chosen == strategy.name
    assert entry.lift is not None
    assert entry.lift.value > 0.05
