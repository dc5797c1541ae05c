"""Loading: every plugin through the same checks, and all of what it brings or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pluggy

from foretaste.defaults import Defaults
from foretaste.errors import ConfigError, PluginError, did_you_mean
from foretaste.hookspecs import Hooks
from foretaste.metrics import MetricFactory
from foretaste.plugins._checks import check_plugin, metrics_of, strategies_of
from foretaste.plugins._doors import Candidate, given, installed
from foretaste.plugins._host import CORE, PluginHost, PluginReport
from foretaste.plugins._words import said
from foretaste.registry import Catalog
from foretaste.strategy import Strategy


def load_plugins(
    *,
    plugins: Sequence[object] = (),
    block: Sequence[str] = (),
    folder: Path | None = None,
    entry_points: bool = True,
) -> PluginHost:
    """Load core's defaults, what is installed, and what was given; whoever came last answers first.

    One of ``plugins`` is a ``.py`` file, a folder with ``__init__.py`` or a dotted module name, as str or Path, or an
    object with hooks. Relative paths, also those of domains, start at ``folder``, and a plugin's path written as str
    must stay in it: it may come from a file, and runs code. A Path may lead anywhere. ``block`` keeps plugins out by
    name, before their code runs. A PluginError names plugin, distribution and hook.
    """
    loading = _Loading()
    loading.core(Defaults(folder or Path()))
    found = list(installed()) if entry_points else []
    wanted = [given(plugin, folder) for plugin in _several(plugins, "plugins")]
    loading.block(_several(block, "block"), {candidate.name for candidate in (*found, *wanted)})
    for candidate in found:
        try:
            loading.take(candidate)
        except PluginError as error:
            loading.report(candidate, "broken", str(error))
    for candidate in wanted:
        loading.take(candidate)
    return loading.host()


def _several(values: Sequence[Any], what: str) -> Sequence[Any]:
    if isinstance(values, str):
        raise ConfigError(f"{what}: found the text '{values}', expected a list")
    return values


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("foretaste")
    manager.add_hookspecs(Hooks)
    return manager


@dataclass
class _Loading:
    """A host in the making."""

    manager: pluggy.PluginManager = field(default_factory=_manager)
    strategies: dict[str, type[Strategy]] = field(default_factory=dict)
    metrics: dict[str, MetricFactory] = field(default_factory=dict)
    brought_by: dict[str, Candidate] = field(default_factory=dict)
    """Strategy or metric to its plugin; a strategy's name holds a slash, a metric's may not clash with it."""
    loaded: dict[str, Candidate] = field(default_factory=dict)
    reports: list[PluginReport] = field(default_factory=list)

    def core(self, defaults: Defaults) -> None:
        """Register core's own answers, which pass no checks."""
        candidate = Candidate(CORE, lambda: defaults)
        self.manager.register(defaults, CORE)
        self._keep(candidate, {}, defaults.register_metrics())

    def block(self, names: Sequence[str], known: Collection[str]) -> None:
        """Keep plugins out by name; ConfigError where a name looks like a known one misspelt, which would run it.

        A name like no other is let pass: what is not installed here may be elsewhere.
        """
        for name in names:
            if name == CORE:
                raise ConfigError("block: core is foretaste itself, and cannot be blocked")
            if name not in known and (meant := did_you_mean(name, known)):
                raise ConfigError(f"block: no plugin is called '{name}'{meant}")
            self.manager.set_blocked(name)

    def take(self, candidate: Candidate) -> None:
        """Load one plugin and keep what it brings: all of it, or on a PluginError nothing."""
        if self.manager.is_blocked(candidate.name):
            self.report(candidate, "blocked", "blocked by name")
            return
        plugin = candidate.load()
        if any(plugin is other for _, other in self.manager.list_name_plugin()):
            return  # named again, or named although it is installed
        if (other := self.loaded.get(candidate.name)) is not None:
            raise PluginError(f"{candidate}: that name is taken by {other}")
        check_plugin(self.manager, plugin, candidate)
        try:
            self.manager.register(plugin, candidate.name)
            self._open(candidate, plugin)
        except PluginError:
            self._forget(candidate)
            raise
        except (pluggy.PluginValidationError, ValueError) as error:
            self._forget(candidate)
            raise PluginError(f"{candidate}: {' '.join(str(error).split())}") from error

    def report(
        self,
        candidate: Candidate,
        state: Literal["loaded", "blocked", "broken"],
        reason: str | None = None,
        strategies: tuple[str, ...] = (),
    ) -> None:
        """Note what became of a plugin."""
        origin = (candidate.distribution, candidate.version)
        self.reports.append(PluginReport(candidate.name, state, *origin, reason, strategies))

    def host(self) -> PluginHost:
        """Return what was loaded."""
        seen = {report.name for report in self.reports}
        for name, plugin in self.manager.list_name_plugin():
            if plugin is None and name not in seen:
                self.reports.append(PluginReport(name, "blocked", reason="blocked by name, and not installed"))
        origins = {name: self.brought_by[name].name for name in self.strategies}
        catalog = Catalog(self.strategies, origins, self._unavailable())
        return PluginHost(self.manager, catalog, self.metrics, tuple(self.reports))

    def _open(self, candidate: Candidate, plugin: object) -> None:
        strategies = strategies_of(self._answers(candidate, plugin, "register_strategies"), candidate)
        metrics = metrics_of(self._answers(candidate, plugin, "register_metrics"), candidate)
        for what, names in (("strategy", strategies), ("metric", metrics)):
            for name in names:
                if (other := self.brought_by.get(name)) is not None:
                    raise PluginError(f"{candidate}: {what} '{name}' is already registered by {other}")
        self._keep(candidate, strategies, metrics)
        self.report(candidate, "loaded", strategies=tuple(sorted(strategies)))

    def _answers(self, candidate: Candidate, plugin: object, hook: str) -> list[object]:
        """Call a register hook of one plugin alone, so that its failure is its own."""
        answers = []
        for one in getattr(self.manager.hook, hook).get_hookimpls():
            if one.plugin is not plugin:
                continue
            if one.hookwrapper or one.wrapper:
                raise PluginError(f"{candidate}: hook {hook} cannot be wrapped")
            try:
                answers.append(one.function())
            except (Exception, SystemExit) as error:
                raise PluginError(f"{candidate}: hook {hook} failed: {said(error)}") from error
        return answers

    def _keep(
        self, candidate: Candidate, strategies: Mapping[str, type[Strategy]], metrics: Mapping[str, MetricFactory]
    ) -> None:
        self.strategies.update(strategies)
        self.metrics.update(metrics)
        self.brought_by.update(dict.fromkeys([*strategies, *metrics], candidate))
        self.loaded[candidate.name] = candidate

    def _forget(self, candidate: Candidate) -> None:
        if self.manager.get_plugin(candidate.name) is not None:
            self.manager.unregister(name=candidate.name)

    def _unavailable(self) -> dict[str, str]:
        return {
            report.name: f"plugin '{report.name}' is blocked" if report.state == "blocked" else str(report.reason)
            for report in self.reports
            if report.state != "loaded" and report.name not in self.loaded
        }
