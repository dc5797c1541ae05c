"""``align/ridge`` beside the bare calls that do the same maths: rarity weights, two implicit ALS fits, a ridge map,
a mix.

Run by hand: ``python benchmarks/align_ridge.py [SOURCE.parquet TARGET.parquet]``; left out, grocery and drugstore
of ``examples/grocery`` are used. Rows that a ``split`` column calls test are left out. CPU seconds of the process, in
turns, BLAS on one thread, implicit on one thread.
"""

import sys
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from implicit.als import AlternatingLeastSquares
from own_process import cost_of, machine
from scipy import sparse
from threadpoolctl import threadpool_limits

from foretaste import Domain, FactorModel, Overlap, Platform, Transfer, read_experiment

EXAMPLE = Path(__file__).parent.parent / "examples/grocery/experiment.yaml"
FACTORS, REGULARIZATION, EPOCHS, KAPPA, MAP = 64, 10.0, 15, 5.0, 0.1
ROUNDS = 5


def from_file(path: Path) -> Domain:
    frame = pl.read_parquet(path)
    train = frame.filter(pl.col("split") != "test").drop("split") if "split" in frame.columns else frame
    return Domain.from_frame(train, path.stem)


def from_example(name: str) -> Domain:
    experiment, _ = read_experiment(EXAMPLE)
    host = Platform(experiment.plugins, folder=EXAMPLE.parent)
    return host.load_domain(name, experiment.domains[name], EXAMPLE.parent)


def bare(transfer: Transfer) -> np.ndarray:
    pair = transfer.pair
    models = []
    counts = np.asarray((pair.source_history > 0).sum(axis=0)).ravel()
    rarity = np.log((1 + (pair.source_length > 0).sum()) / (1 + counts))
    told = (pair.source_history @ sparse.diags(rarity / rarity.mean())).tocsr().astype(np.float32)
    for matrix in (told, transfer.target.interactions.preference):
        model = AlternatingLeastSquares(FACTORS, REGULARIZATION, iterations=EPOCHS, num_threads=1, random_state=0)
        model.fit(matrix, show_progress=False)
        models.append(model)
    source, own = models[0].user_factors, models[1].user_factors
    source = source / np.maximum(np.linalg.norm(source, axis=1, keepdims=True), 1e-12)
    people, length = pair.shared_people, transfer.target.interactions.history
    weights = length[people] / (length[people] + KAPPA)
    x, y = source[people].astype(np.float64), own[people].astype(np.float64)
    x_mean, y_mean = np.average(x, axis=0, weights=weights), np.average(y, axis=0, weights=weights)
    x, y = x - x_mean, y - y_mean
    left = (x * weights[:, None]).T @ x
    left += MAP * float((source[people] ** 2).sum()) / FACTORS * np.eye(FACTORS)
    matrix = np.linalg.solve(left, (x * weights[:, None]).T @ y)
    mapped = source @ matrix + (y_mean - x_mean @ matrix)
    trust = (length / (length + KAPPA))[:, None]
    return np.asarray(trust * own + (1 - trust) * mapped)


def ours(host: Platform, transfer: Transfer) -> np.ndarray:
    settings = {"factors": FACTORS, "map_regularization": MAP, "kappa": KAPPA, "epochs": EPOCHS}
    recommender = host.fit("align/ridge", transfer, settings)
    assert isinstance(recommender, FactorModel)
    return recommender.user_factors


def main() -> None:
    given = [from_file(Path(p)) for p in sys.argv[1:3]]
    source, target = given or [from_example("grocery"), from_example("drugstore")]
    host = Platform()
    found: dict[str, list[float]] = {"bare": [], "foretaste": []}
    with threadpool_limits(1, "blas"):
        for _ in range(ROUNDS):
            # a fresh transfer each time: matrices are kept once they are made
            found["bare"].append(cost_of(lambda: bare(Transfer.of(source, target, Overlap("users")))).cpu)
            found["foretaste"].append(cost_of(lambda: ours(host, Transfer.of(source, target, Overlap("users")))).cpu)
    print(machine())
    for name, seconds in found.items():
        print(f"{name}: CPU s min {min(seconds):.2f}, median {median(seconds):.2f}")
    print(f"ratio of minima {min(found['foretaste']) / min(found['bare']):.2f}")


if __name__ == "__main__":
    main()
