"""The hooks, in the order in which a run calls them. Core's own behaviour answers last (see defaults.py).

To observe or time, wrap (``hookimpl(wrapper=True)``); to replace, answer first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from foretaste.data import Domain, DomainSpec, PairFacts, Transfer
    from foretaste.metrics import MetricFactory
    from foretaste.recommender import Recommender
    from foretaste.registry import Catalog, Decision, Registry
    from foretaste.result import TransferResult
    from foretaste.strategy import Carried, Context, Strategy

API = 1
"""What a plugin's ``foretaste_api`` must say."""

hookspec = pluggy.HookspecMarker("foretaste")
hookimpl = pluggy.HookimplMarker("foretaste")


class Hooks:
    """Every hook that foretaste calls."""

    @hookspec
    def register_strategies(self) -> list[type[Strategy]]:  # type: ignore[empty-body]
        """Return strategy classes (not instances). Called once per Platform; all answers are joined."""

    @hookspec
    def register_metrics(self) -> dict[str, MetricFactory]:  # type: ignore[empty-body]
        """Return metric factories by name. Called once per Platform; core's own metrics are joined last."""

    @hookspec(firstresult=True)
    def load_domain(self, name: str, spec: DomainSpec) -> Domain | None:
        """Return the domain that ``spec`` describes, or None to leave it to others.

        Called once per domain of an experiment. Core answers last: files, folders of parts and SQL.
        """

    @hookspec(firstresult=True)
    def choose_strategy(
        self, facts: list[PairFacts], transfer: Transfer, registry: Registry, catalog: Catalog, context: Context
    ) -> Decision | None:
        """Return the strategy to use and why, or None to leave it to others.

        Called once per transfer that names no strategy; ``facts`` has one entry per source. Core answers last: the
        rules of registry.yaml.
        """

    @hookspec(firstresult=True)
    def pretrain(self, strategy: Strategy, source: Domain, context: Context) -> Carried | None:
        """Return what a source hands on, or None to leave it to others.

        Called once per strategy, settings and prepared source, unless that was saved before. Core answers last:
        ``strategy.pretrain``.
        """

    @hookspec(firstresult=True)
    def adapt(
        self, strategy: Strategy, carried: Mapping[str, Carried], transfer: Transfer, context: Context
    ) -> Recommender | None:
        """Return the target's recommender, or None to leave it to others.

        Called once per strategy, settings and transfer. Core answers last: ``strategy.adapt``.
        """

    @hookspec
    def run_finished(self, result: TransferResult) -> None:
        """Take note of a finished transfer; answers are not used.

        Called once per transfer, after its result, values and bundle were written. Where somebody raises, the run
        ends, and the next equal run calls everybody again for that transfer, without fitting anything again. A
        transfer that is taken from an earlier run, and that all were told of, is not told again.
        """
