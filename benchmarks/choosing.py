"""What choosing by experiment costs: the choice of ``foretaste compare`` beside the best in hindsight.

Run by hand: ``python benchmarks/choosing.py OUT ...``, folders that ``foretaste compare EXPERIMENT --thorough`` wrote.
Prints Markdown. Regret is how far the choice is behind what was best on the test people; excess regret is what is left
when the regret is taken off that would be expected if all strategies were equally good, when the best of many is ahead
by chance (bootstrap over people, 2,000 draws, differences to each strategy's mean). Intervals are 95 %, 10,000 draws.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from foretaste.comparison import CompareResult, TransferComparison
from foretaste.evaluation import POPULATIONS, BootstrapPlan, bootstrap_plan, holm, paired_lifts

DRAWS, SEED = 2_000, 7
ADAPTIVE = "adaptive/"
Column = NDArray[np.float64]


class Pair:
    """The values of the test people of one race, by strategy."""

    def __init__(self, found: TransferComparison, table: pl.DataFrame, metric: str) -> None:
        wide = table.pivot("strategy", index=["repeat", "user_id", "population"], values=metric).drop_nulls()
        self.found = found
        self.name = f"{found.source} -> {found.target}"
        self.strategies = [name for name in wide.columns if "/" in name]
        self.values = {name: wide[name].to_numpy() for name in self.strategies}
        self.population = wide["population"].to_numpy()
        repeats = wide["repeat"].to_numpy()
        self.plan = bootstrap_plan(wide["user_id"].rank("dense").to_numpy().astype(np.int64), seed=SEED)
        self.choice = self._picked(repeats, found.choice.picks)

    def _picked(self, repeats: NDArray[np.int64], picks: list[str]) -> Column:
        return np.concatenate([self.values[pick][repeats == at] for at, pick in enumerate(picks)])

    def _baseline(self, name: str) -> bool:
        return self.found.entry(name).lift is None

    def regret(self) -> tuple[float, float, str]:
        """Return regret and excess regret as shares of the best, and what was best."""
        columns = np.stack([*self.values.values(), self.choice])
        means = columns.mean(axis=1)
        best = int(means[:-1].argmax())
        centred = (columns - means[:, None]).T
        drawn = resampled(centred, BootstrapPlan(self.plan.clusters, self.plan.n_people, DRAWS, SEED))
        expected = float((drawn[:, :-1].max(axis=1) - drawn[:, -1]).mean())
        regret = float(means[best] - means[-1])
        return regret / means[best], (regret - expected) / means[best], self.strategies[best]

    def ahead(self, mine: Column, theirs: Column) -> str:
        """Return a difference with its interval, in percent of the second."""
        one = paired_lifts((mine - theirs)[None, :], self.plan)[0]
        value, low, high = (100 * figure / theirs.mean() for figure in (one.value, one.low, one.high))
        return f"{value:+.1f} % [{low:+.1f}, {high:+.1f}]"

    def harms(self) -> list[tuple[str, float, float]]:
        """Return of each group how far the choice is from the best baseline, and p that it is not behind."""
        found = []
        for code, population in enumerate(POPULATIONS):
            rows = self.population == code
            if rows.any():
                over = max((n for n in self.strategies if self._baseline(n)), key=lambda n: self.values[n][rows].mean())
                people = bootstrap_plan(self.plan.clusters[rows], seed=SEED)
                one = paired_lifts((self.choice - self.values[over])[None, rows], people)[0]
                found.append((f"{self.name}, {population}", one.value, one.p if one.value < 0 else 1.0))
        return found


def resampled(columns: NDArray[np.float64], plan: BootstrapPlan) -> NDArray[np.float64]:
    """Return (draws, columns) means over people drawn with all their rows."""
    rows = np.bincount(plan.clusters, minlength=plan.n_people).astype(np.float64)
    sums = np.stack([np.bincount(plan.clusters, column, plan.n_people) for column in columns.T], axis=1)
    return np.concatenate([(counts @ sums) / (counts @ rows)[:, None] for counts in plan.counts()])


def pairs(folder: Path) -> list[Pair]:
    """Read what a comparison wrote."""
    result = CompareResult.model_validate_json((folder / "compare.json").read_text(encoding="utf-8"))
    found = []
    for place, one in enumerate(result.transfers):
        table = pl.read_parquet(folder / f"{place}-{one.source}__{one.target}.people.parquet")
        found.append(Pair(one, table, result.metrics[0]))
    return found


def main() -> None:
    every = [one for folder in sys.argv[1:] for one in pairs(Path(folder))]
    print("| pair, people tested | chosen | ndcg@10 | lift | best in hindsight | regret | excess regret |")
    print("|---|---|---|---|---|---|---|")
    excesses = []
    for one in every:
        regret, excess, best = one.regret()
        excesses.append(excess)
        lift = one.found.choice.lift
        picks = ", ".join(f"`{name}`" for name in dict.fromkeys(one.found.choice.picks))
        print(
            f"| {one.name}, {one.found.people:,} | {picks} | {one.choice.mean():.4f} |"
            f" {lift.value:+.3f} [{lift.low:+.3f}, {lift.high:+.3f}] | `{best}` {one.values[best].mean():.4f} |"
            f" {100 * regret:.1f} % | {100 * excess:+.1f} % |"
        )
    print(f"\nMean excess regret: {100 * float(np.mean(excesses)):+.2f} %.\n")
    harms = [harm for one in every for harm in one.harms()]
    for (name, value, _), p in zip(harms, holm([p for _, _, p in harms]), strict=True):
        if value < 0:
            print(f"{name}: the choice is {value:+.4f} from the best baseline of the group, p {p:.3f} after Holm")
    print("\n| pair | strategy | ndcg@10 | over the best single one in hindsight |\n|---|---|---|---|")
    for one in every:
        best = max((n for n in one.strategies if not n.startswith(ADAPTIVE)), key=lambda n: one.values[n].mean())
        for name in (n for n in one.strategies if n.startswith(ADAPTIVE)):
            mine = one.values[name]
            print(f"| {one.name} | `{name}` | {mine.mean():.4f} | {one.ahead(mine, one.values[best])} (`{best}`) |")


if __name__ == "__main__":
    main()
