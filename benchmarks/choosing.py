"""What choosing by experiment costs: the choice of ``foretaste compare`` beside the best in hindsight.

Run by hand: ``python benchmarks/choosing.py OUT ...``, folders that ``foretaste compare EXPERIMENT --thorough`` wrote;
``OUT,OUT,...`` are of one pair, each of other people and with one repeat, and are pooled.
Prints Markdown. Regret is how far the choice is behind what was best on the test people; excess regret is what is left
when the regret is taken off that would be expected if all strategies were equally good, when the best of many is ahead
by chance (bootstrap over people, 2,000 draws, differences to each strategy's mean). Intervals are 95 %, 10,000 draws.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from foretaste.comparison import CompareResult, TransferComparison
from foretaste.evaluation import POPULATIONS, BootstrapPlan, Interval, bootstrap_plan, holm, paired_lifts

DRAWS, SEED = 2_000, 7
ADAPTIVE = "adaptive/"
Column = NDArray[np.float64]


class Pair:
    """The values of the test people of the races of one pair, by strategy."""

    def __init__(self, races: list[tuple[TransferComparison, pl.DataFrame]], metric: str) -> None:
        self.found = races[0][0]
        tables = (
            table.pivot("strategy", index=["repeat", "user_id", "population"], values=metric).with_columns(draw=draw)
            for draw, (_, table) in enumerate(races)
        )
        wide = pl.concat(tables, how="diagonal").drop_nulls()
        self.name = f"{self.found.source} -> {self.found.target}"
        self.strategies = [name for name in wide.columns if "/" in name]
        self.values = {name: wide[name].to_numpy() for name in self.strategies}
        self.population = wide["population"].to_numpy()
        who = wide.select(pl.struct("draw", "user_id").rank("dense")).to_series()
        self.plan = bootstrap_plan(who.to_numpy().astype(np.int64), seed=SEED)
        self.people = len(wide)
        self.picks = [pick for found, _ in races for pick in found.choice.picks]
        at = (wide["draw"] + wide["repeat"]).to_numpy()  # one of the two is always 0
        self.choice = self._picked(at, self.picks)
        self.control = self._control([found for found, _ in races])
        lift = self.found.choice.lift
        self.lift = Interval(lift.value, lift.low, lift.high, lift.p)
        if len(races) > 1:
            over = self._picked(at, [found.choice.lift.over for found, _ in races])
            self.lift = paired_lifts((self.choice - over)[None, :], self.plan)[0]

    def _picked(self, at: NDArray[np.int64], picks: list[str]) -> Column:
        found = np.empty(self.people)
        for place, pick in enumerate(picks):
            found[at == place] = self.values[pick][at == place]
        return found

    @staticmethod
    def _control(races: list[TransferComparison]) -> str:
        """Return what the winner gains with people (or items) permuted, in the mean of all races."""
        controls = [found.entry(found.winner).control for found in races]
        gains = [one.lift.value for one in controls if not isinstance(one, str)]
        return f"{np.mean(gains):+.3f}" if gains else ""

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


def pairs(folders: list[Path]) -> list[Pair]:
    """Read what a comparison, or one for each draw of people, wrote."""
    races = []
    for folder in folders:
        result = CompareResult.model_validate_json((folder / "compare.json").read_text(encoding="utf-8"))
        names = [f"{place}-{one.source}__{one.target}" for place, one in enumerate(result.transfers)]
        tables = [pl.read_parquet(folder / f"{name}.people.parquet") for name in names]
        races.append(list(zip(result.transfers, tables, strict=True)))
    return [Pair(list(one), result.metrics[0]) for one in zip(*races, strict=True)]


def main() -> None:
    every = [one for asked in sys.argv[1:] for one in pairs([Path(folder) for folder in asked.split(",")])]
    print("| pair, people tested | chosen | ndcg@10 | lift | permuted | best in hindsight | regret | excess |")
    print("|---|---|---|---|---|---|---|---|")
    excesses = []
    for one in every:
        regret, excess, best = one.regret()
        excesses.append(excess)
        lift, counts = one.lift, Counter(one.picks).most_common()
        picks = ", ".join(f"`{name}`" + (f" {count}" if len(counts) > 1 else "") for name, count in counts)
        ends = f"{lift.value:+.3f} [{lift.low:+.3f}, {lift.high:+.3f}]"
        print(
            f"| {one.name}, {one.people:,} | {picks} | {one.choice.mean():.4f} |"
            f" {ends} | {one.control} | `{best}` {one.values[best].mean():.4f} |"
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
