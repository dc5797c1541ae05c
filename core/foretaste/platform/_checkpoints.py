"""Where the fits of a run keep their states: each in a folder that is named by all that its result depends on.

What another seed, other data, other code or another device saved is so never found. The names are made when a strategy
first asks: most keep no state, and pay nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foretaste.checkpoint import Checkpoint
from foretaste.data import Domain, Transfer
from foretaste.errors import OutputError
from foretaste.platform._fingerprint import domain_facts, transfer_facts
from foretaste.strategy import Carried, Context, Strategy

Stage = Literal["pretrain", "adapt"]
_OURS = re.compile(r"(pretrain|adapt)-[0-9a-f]{32}")


class _Named(Checkpoint):
    """A checkpoint whose folder is found when it is asked for."""

    def __init__(self, root: Path, name: Callable[[], str], tell: Callable[[str], None]) -> None:
        super().__init__(root, tell)
        self._name = name

    @cached_property
    def folder(self) -> Path:
        return self._folder / self._name()


@dataclass(frozen=True)
class Checkpoints:
    """The states of one run's fits, in folders of ``root``; ``code`` says what fits them, JSON-ready."""

    root: Path
    code: Any

    def of_pretraining(
        self, strategy: Strategy, settings: Mapping[str, Any], source: Domain, context: Context
    ) -> Checkpoint:
        """Return where pretraining on this source keeps its state."""
        return self._named("pretrain", strategy, settings, context, lambda: list(domain_facts(source)))

    def of_adapting(
        self, strategy: Strategy, carried: Mapping[str, Carried], transfer: Transfer, context: Context
    ) -> Checkpoint:
        """Return where adapting to this transfer keeps its state."""

        def facts() -> list[Any]:
            plan = () if context.validation is None else context.validation.folds
            folds = [[list(transfer_facts(one.train)), one.test.fingerprint] for one in plan]
            brought = {name: _carried_facts(one) for name, one in carried.items()}
            return [list(transfer_facts(transfer)), brought, folds, context.fit is None]

        return self._named("adapt", strategy, strategy.params(), context, facts)

    def _named(
        self,
        stage: Stage,
        strategy: Strategy,
        settings: Mapping[str, Any],
        context: Context,
        facts: Callable[[], list[Any]],
    ) -> Checkpoint:
        def name() -> str:
            # equal bits are promised for equal threads, and on one kind of device
            how = [context.seed, context.device, context.threads]
            what = [strategy.name, settings, how, self.code, facts()]
            return f"{stage}-{hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]}"

        return _Named(self.root, name, context.progress)

    def remove(self, stage: Stage | None = None) -> None:
        """Remove the states of a stage, or all; what else lies there stays. OutputError where that cannot be."""
        try:
            for place in self.root.glob("*"):
                if (ours := _OURS.fullmatch(place.name)) and stage in (None, ours[1]):
                    shutil.rmtree(place)
        except OSError as error:
            raise OutputError(f"{self.root}: cannot be cleared: {error.strerror or error}") from error
        with suppress(OSError):  # not there, or not empty
            self.root.rmdir()


def _carried_facts(carried: Carried) -> list[Any]:
    digest = hashlib.blake2b(digest_size=16)
    for name, array in sorted(carried.arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return [carried.version, dict(carried.meta), digest.hexdigest()]
