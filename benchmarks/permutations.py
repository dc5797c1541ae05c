"""How often a race chooses transfer where there is none to be had: the people of the source are shuffled beforehand.

Run by hand: ``python benchmarks/permutations.py [EXPERIMENT.yaml | SOURCE.parquet TARGET.parquet] ...``; left out, the
pairs of ``examples/grocery``. Each of ``--permutations`` shuffles the people of the source among themselves and is
raced with a hold-out of its own, four settings of each strategy and without the permuted control, which could only
take choices away. Prints Markdown: how many races chose a transfer strategy, which ones, and what these gained over the
best baseline on their test people, in the mean.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from own_process import machine
from pairs import arguments, experiments
from threadpoolctl import threadpool_limits

from foretaste import Domain, Experiment, Platform
from foretaste.data import DomainSpec

STRATEGIES = ["align/ridge", "align/prior", "linear/naive-bayes", "linear/ridge", "linear/ease"]


class Shuffled(Platform):
    """A platform that gives the histories of some domains to the wrong people."""

    shuffled: tuple[str, ...] = ()
    seed: int = 0

    def load_domain(self, name: str, spec: DomainSpec, folder: Path) -> Domain:
        """See Platform.load_domain."""
        domain = super().load_domain(name, spec, folder)
        if name not in self.shuffled:
            return domain
        rows = domain.interactions
        people = np.unique(rows.user_rows)
        exchange = np.zeros(len(rows.users), np.int64)
        exchange[people] = np.random.default_rng(self.seed).permutation(people)
        return domain.with_interactions(replace(rows, user_rows=exchange[rows.user_rows]))


def race(experiment: Experiment, folder: Path, strategies: list[str], permutation: int) -> tuple[str, float]:
    """Return what was chosen, and what it gains over the baseline that was the alternative."""
    host = Shuffled(experiment.plugins, experiment.block, folder=folder)
    host.shuffled, host.seed = tuple(experiment.transfers[0].sources), permutation
    asked = experiment.model_copy(update={"seed": experiment.seed + permutation, "tries": 4, "metrics": ["ndcg@10"]})
    with TemporaryDirectory() as output, threadpool_limits(1, "blas"):
        found = host.compare(asked, folder=folder, output=Path(output), strategies=strategies, control=None)
    (choice,) = (one.choice for one in found.transfers)
    return choice.picks[0], choice.lift.value


def main() -> None:
    asked = arguments("Races for shuffled people.", STRATEGIES)
    print(f"{machine()}\n\n| pair | races | chose transfer | which | gain, mean |\n|---|---|---|---|---|", flush=True)
    races, chosen = 0, 0
    for experiment, folder in experiments(asked):
        spec = experiment.transfers[0]
        found = [race(experiment, folder, asked.strategies, one) for one in range(asked.permutations)]
        fooled = [one for one in found if not one[0].startswith("baseline/")]
        names = ", ".join(f"`{name}` {count}" for name, count in Counter(name for name, _ in fooled).most_common())
        gain = f"{np.mean([gain for _, gain in fooled]):+.4f}" if fooled else ""
        print(
            f"| {'+'.join(spec.sources)} -> {spec.target} | {len(found)} | {len(fooled)} | {names} | {gain} |",
            flush=True,
        )
        races, chosen = races + len(found), chosen + len(fooled)
    print(f"\n{chosen} of {races} races chose transfer: {chosen / races:.1%}.")


if __name__ == "__main__":
    main()
