"""What foretaste does where no plugin answers: core's own behaviour, as the plugin that is asked last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foretaste.data import Domain, DomainSpec, PairFacts, Transfer
from foretaste.hookspecs import hookimpl
from foretaste.metrics import MetricFactory, builtin_metrics
from foretaste.recommender import Recommender
from foretaste.registry import Catalog, Decision, Registry, choose
from foretaste.strategy import Carried, Context, Strategy


class Defaults:
    """Core's answers; ``folder`` is what the paths of domains are relative to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @hookimpl(trylast=True)
    def register_metrics(self) -> dict[str, MetricFactory]:
        """Bring the built-in metrics."""
        return builtin_metrics()

    @hookimpl(trylast=True)
    def load_domain(self, name: str, spec: DomainSpec) -> Domain | None:
        """Read files, folders of parts and SQL."""
        return Domain.load(name, spec, self.folder) if spec.kind in ("file", "sql") else None

    @hookimpl(trylast=True)
    def choose_strategy(
        self, facts: list[PairFacts], transfer: Transfer, registry: Registry, catalog: Catalog
    ) -> Decision:
        """Follow the registry."""
        return choose(registry, facts, transfer, catalog)

    @hookimpl(trylast=True)
    def pretrain(self, strategy: Strategy, source: Domain, context: Context) -> Carried:
        """Let the strategy pretrain."""
        return strategy.pretrain(source, context)

    @hookimpl(trylast=True)
    def adapt(
        self, strategy: Strategy, carried: Mapping[str, Carried], transfer: Transfer, context: Context
    ) -> Recommender:
        """Let the strategy adapt."""
        return strategy.adapt(carried, transfer, context)
