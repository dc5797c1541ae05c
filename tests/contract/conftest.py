from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foretaste import Experiment, Platform, Strategy, Transfer, hookimpl
from foretaste.result import TransferResult
from foretaste.testing import save_world


class InHand:
    """A plugin that is an object: one strategy."""

    foretaste_api = 1

    def __init__(self, strategy: type[Strategy]) -> None:
        self.strategy = strategy

    @hookimpl
    def register_strategies(self) -> list[type[Strategy]]:
        return [self.strategy]


@pytest.fixture
def proof(tmp_path: Path) -> Any:
    """Platforms that know one strategy more, and a tiny experiment run on one."""

    def platform(strategy: type[Strategy]) -> Platform:
        return Platform(plugins=[InHand(strategy)])

    def run(strategy: type[Strategy], world: Transfer) -> TransferResult:
        save_world(world, tmp_path)
        names = [pair.source.name for pair in world.pairs]
        experiment = Experiment.model_validate(
            {
                "domains": {name: {"path": f"{name}.parquet"} for name in (*names, world.target.name)},
                "transfers": [
                    {"source": names, "target": world.target.name, "shared": "users", "strategy": strategy.name}
                ],
                "metrics": ["ndcg@5"],
                "tries": 1,
                "folds": 2,
                "block": ["align"],
            }
        )
        (result,) = platform(strategy).run(experiment, folder=tmp_path).transfers
        return result

    return SimpleNamespace(platform=platform, run=run)
