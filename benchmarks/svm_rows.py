"""Accuracy of one person's classifier against how many target rows there are, by what is taken over of a source.

Run by hand: ``python benchmarks/svm_rows.py [--picture svm.png] [--repeats 30] [--households 60]``. Three tasks, each
with a related and an unrelated source: a constructed one (30 features, source and target directions at an angle of 26
degrees, or any), what households buy of one half of the groceries from what they buy of the other half, and what they
buy in the drugstore. Unrelated is the source of another household. Half of the rows are liked. "pulled" chooses gamma
by the person's rows alone; "pulled, usual" starts from the gamma that is best for all others. Prints Markdown; the
picture needs matplotlib (the extra ``report``).
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pairs import EXAMPLE
from threadpoolctl import threadpool_limits

from foretaste import DomainSpec, Platform, feature_matrices
from foretaste_linear._item_space import _latent
from foretaste_linear._person_svm import (
    augmented,
    projective,
    pulled,
    pulls,
    target_only,
    usual_gamma,
    warm_started,
)

Array = NDArray[np.float64]
Rows = tuple[Array, Array]
Task = tuple[Rows, Rows, Rows]  # of the source, of the target, and those of the target to be told apart

ROWS = (10, 30, 100, 300)
WAYS = ("source only", "target only", "pulled", "pulled, usual", "projective", "augmented", "warm start")
FEATURES, COSINE, SOURCE_ROWS, TEST_ROWS, DIMENSIONS = 30, 0.9, 2_000, 4_000, 64
LEAST_TEST = 50
SEED = 1_000


def constructed(n: int, related: bool, repeats: int) -> Iterator[Task]:
    for repeat in range(repeats):
        rng = np.random.default_rng([SEED, repeat, n, related])
        aim, other = rng.normal(size=(2, FEATURES))
        there = COSINE * aim + np.sqrt(1 - COSINE**2) * other if related else other
        X = [rng.normal(size=(size, FEATURES)) for size in (SOURCE_ROWS, n, TEST_ROWS)]
        noise = 0.5 * rng.normal(size=SOURCE_ROWS)
        judged = [X[0] @ there + noise, X[1] @ aim, X[2] @ aim]
        source, target, test = ((x, np.where(f > 0, 1.0, -1.0)) for x, f in zip(X, judged, strict=True))
        yield source, target, test


class Households:
    """Who bought what of two shelves, both described alike."""

    def __init__(self, source: str, target: str, people: int) -> None:
        host = Platform(["complete_journey.py"], folder=EXAMPLE.parent)
        names = list(dict.fromkeys((source, target)))
        options = {name: {"department": name, "features": True} for name in names}
        spec = {n: DomainSpec.model_validate({"kind": "complete-journey", "options": options[n]}) for n in names}
        shelves = [host.load_domain(name, spec[name], EXAMPLE.parent) for name in names]
        tables = [one.item_features for one in shelves if one.item_features is not None]
        vectors = _latent(list(feature_matrices(tables).matrices), DIMENSIONS, SEED)
        rng = np.random.default_rng(SEED)
        if len(shelves) == 1:
            half = rng.random(len(vectors[0])) < 0.5
            self.items = [np.flatnonzero(one) for one in (half, ~half)]
            shelves, vectors = shelves * 2, vectors * 2
        else:
            self.items = [np.arange(len(one)) for one in vectors]
        self.vectors = [np.column_stack([one, np.ones(len(one))]).astype(np.float64) for one in vectors]
        users = shelves[1].interactions.users
        bought = [shelves[0].interactions.preference, shelves[1].interactions.preference]
        rows = shelves[0].interactions.users.rows(users.ids)
        self.bought = [bought[0][rows].toarray() > 0, bought[1].toarray() > 0]
        known = np.flatnonzero((rows >= 0) & (self.bought[0][:, self.items[0]].sum(axis=1) >= 50))
        self.known, self.most = rng.permutation(known), people
        self.popularity = [one.sum(axis=0) for one in self.bought]

    def tasks(self, n: int, related: bool) -> Iterator[Task]:
        """Return for each household n rows of the target, and the source of its own or of the next one."""
        bought = self.bought[1][self.known][:, self.items[1]].sum(axis=1)
        people = self.known[bought >= n // 2 + LEAST_TEST][: self.most]
        for place, person in enumerate(people):
            rng = np.random.default_rng([SEED, int(person), n])
            there = person if related else people[(place + 1) % len(people)]
            source = self._rows(0, there, 400, rng)
            X, y = self._rows(1, person, n + 200, rng)
            yield source, (X[:n], y[:n]), (X[n:], y[n:])

    def _rows(self, side: int, person: int, most: int, rng: np.random.Generator) -> Rows:
        """Return liked and disliked rows in turn; what was never bought is drawn by popularity."""
        bought, items = self.bought[side][person], self.items[side]
        liked = rng.permutation(items[bought[items]])[: most // 2]
        free = items[~bought[items]]
        chances = self.popularity[side][free] + 1.0
        disliked = rng.choice(free, len(liked), replace=False, p=chances / chances.sum())
        order = np.stack([liked, disliked], axis=1).ravel()
        return self.vectors[side][order], np.tile([1.0, -1.0], len(liked))


def measured(tasks: Iterator[Task]) -> tuple[dict[str, Array], float]:
    """Return by way the accuracy in each task, and how often the pulled machine took anything over."""
    drawn = list(tasks)
    sources = [target_only(X, y, strengths=(1.0,)).weights for (X, y), _, _ in drawn]
    losses = np.array([pulls(X, y, source)[0] for source, (_, (X, y), _) in zip(sources, drawn, strict=True)])
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    taken = []
    for place, (source, ((X_there, y_there), (X, y), (X_test, y_test))) in enumerate(zip(sources, drawn, strict=True)):
        near = pulled(X, y, source)
        taken.append(near.gamma > 0)
        usual = usual_gamma(np.delete(losses, place, axis=0))
        weights = (
            source,
            target_only(X, y).weights,
            near.weights,
            pulled(X, y, source, usual=usual).weights,
            projective(X, y, source).weights,
            augmented(X, y, X_there, y_there, strengths=(0.1, 1.0, 10.0)).weights,
            warm_started(X, y, source).weights,
        )
        for way, w in zip(WAYS, weights, strict=True):
            found[way].append(float(np.mean(np.where(X_test @ w > 0, 1, -1) == y_test)))
    return {way: np.array(values) for way, values in found.items()}, float(np.mean(taken))


def interval(gains: Array) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a mean."""
    drawn = np.random.default_rng(SEED).integers(len(gains), size=(10_000, len(gains)))
    low, high = np.quantile(gains[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def line(n: int, kind: str, found: dict[str, Array], taken: float) -> str:
    figures = [f"{found[way].mean():.3f}" for way in WAYS]
    gains = [found[way] - found["target only"] for way in ("pulled", "pulled, usual")]
    said = [f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]" for gain in gains for low, high in [interval(gain)]]
    return f"| {' | '.join((str(n), kind, str(len(gains[0])), *figures, *said, f'{taken:.0%}'))} |"


def draw(results: dict[str, dict[tuple[int, bool], dict[str, Array]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2 * len(results)), layout="constrained")
    axes = figure.subplots(len(results), 2, squeeze=False, sharey="row", sharex=True)
    for row, (about, found) in zip(axes, results.items(), strict=True):
        for place, related in zip(row, (True, False), strict=True):
            for way in WAYS:
                values = [found[n, related][way] for n in ROWS]
                means = np.array([one.mean() for one in values])
                bounds = np.abs(np.array([interval(one) for one in values]).T - means)
                place.errorbar(ROWS, means, bounds, label=way, capsize=2)
            place.set_title(f"{about}, {'related' if related else 'unrelated'} source", fontsize=9)
            place.set_xscale("log")
            place.set_xticks(ROWS, [str(n) for n in ROWS])
    axes[0, 0].set_ylabel("accuracy")
    axes[-1, 0].set_xlabel("target rows")
    axes[0, 0].legend(fontsize=7)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, help="where to save the picture")
    parser.add_argument("--repeats", type=int, default=30, help="draws of the constructed task")
    parser.add_argument("--households", type=int, default=60)
    asked = parser.parse_args()
    half = Households("GROCERY", "GROCERY", asked.households)
    drug = Households("GROCERY", "DRUG GM", asked.households)
    about: dict[str, Callable[[int, bool], Iterator[Task]]] = {
        "constructed": lambda n, related: constructed(n, related, asked.repeats),
        "groceries -> other groceries": half.tasks,
        "groceries -> drugstore": drug.tasks,
    }
    results: dict[str, dict[tuple[int, bool], dict[str, Array]]] = {}
    head = ("rows", "source", "n", *WAYS, "pulled over target only", "usual over target only", "pulled: gamma > 0")
    for name, tasks in about.items():
        print(f"\n{name}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
        results[name] = {}
        for n in ROWS:
            for related in (True, False):
                with threadpool_limits(1, "blas"):
                    found, taken = measured(tasks(n, related))
                results[name][n, related] = found
                print(line(n, "related" if related else "unrelated", found, taken), flush=True)
    if asked.picture:
        draw(results, asked.picture)


if __name__ == "__main__":
    main()
