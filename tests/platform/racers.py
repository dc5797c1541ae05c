"""A plugin for races, as a file: what is in hand cannot be raced in a process of its own."""

import os
import time
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from foretaste import Carried, Context, Domain, HistoryModel, Recommender, Roster, Side, Strategy, Transfer, hookimpl

foretaste_api = 1


def popularity(transfer):
    return np.log1p(transfer.target.interactions.popularity).astype(np.float32)


class Popular(Strategy):
    name: ClassVar[str] = "race/popular"
    baseline: ClassVar[bool] = True

    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        return HistoryModel(Roster.of(transfer), popularity(transfer), {})


class Taste(Popular):
    name: ClassVar[str] = "race/taste"
    baseline: ClassVar[bool] = False
    sign: ClassVar[float] = 1.0

    weight: float = 1.0
    """What going together counts."""

    def grid(self, facts, n):
        return self.varied([{"weight": weight} for weight in (1.0, 0.5, 0.25, 0.125)])[:n]

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        target, sides = transfer.target.interactions.preference, {}
        for pair in transfer.pairs:
            together = np.asarray((pair.source_history.T @ target).toarray(), np.float32) * self.sign * self.weight
            sides[pair.source.name] = Side(pair.source.interactions.items, together, 0.0, pair.source_history)
        return HistoryModel(Roster.of(transfer), popularity(transfer), sides)


class Bad(Taste):
    """The items that go together least."""

    name: ClassVar[str] = "race/bad"
    sign: ClassVar[float] = -1.0


class Late(Taste):
    """Is killed with the whole race, once: the first time that it is fitted."""

    name: ClassVar[str] = "race/late"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        with open(os.environ["RACERS_LOG"], "a") as log:  # noqa: PTH123 - as short as can be
            log.write("x\n")
        return super().adapt(carried, transfer, context)


class Slow(Taste):
    """Takes a millisecond for each person of the source and unit of weight: 0.4 s, or 0.01 s, for all."""

    name: ClassVar[str] = "race/slow"

    weight: float = 4.0

    def grid(self, facts, n):
        return self.varied([{"weight": weight} for weight in (4.0, 0.1)])[:n]

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        time.sleep(0.001 * self.weight * (transfer.pair.source.interactions.history > 0).sum())
        return super().adapt(carried, transfer, context)


class Slower(Slow):
    """Has no setting that is fast."""

    name: ClassVar[str] = "race/slower"

    def grid(self, facts, n):
        return [self]


class Killed(Late):
    """Is killed when it is fitted, as long as that is asked for."""

    name: ClassVar[str] = "race/killed"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        found = super().adapt(carried, transfer, context)
        if sent := os.environ.get("RACERS_SIGNAL"):
            os.kill(os.getpid(), int(sent))
        return found


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    return [Popular, Taste, Bad, Late, Slow, Slower, Killed]
