"""A plugin of strategies that come to grief, each in its own way, as a file."""

import ctypes
import os
import time
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from foretaste import Carried, Context, Domain, Recommender, Strategy, Transfer, hookimpl

foretaste_api = 1


class Grief(Strategy):
    def pretrain(self, source: Domain, context: Context) -> Carried:
        return Carried()


class Raising(Grief):
    name: ClassVar[str] = "race/raising"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        raise ZeroDivisionError("nothing to divide by")


class Hanging(Grief):
    """Sleeps in C and lets nobody else work meanwhile."""

    name: ClassVar[str] = "race/hanging"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        ctypes.PyDLL(None).sleep(1000)
        raise AssertionError


class Hungry(Grief):
    name: ClassVar[str] = "race/hungry"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        eaten = []
        while True:
            eaten.append(np.ones(2_000_000))
            time.sleep(0.002)


class Crashing(Grief):
    name: ClassVar[str] = "race/crashing"

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Recommender:
        os.abort()


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    return [Raising, Hanging, Hungry, Crashing]
