"""The host: loaded plugins, what they brought, and calls to their hooks whose errors say whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Literal

import pluggy

from foretaste.data import Domain
from foretaste.errors import ForetasteError, PluginError, StrategyError
from foretaste.metrics import MetricFactory
from foretaste.plugins._words import said, type_of
from foretaste.registry import Catalog, Decision
from foretaste.strategy import Carried

CORE: Final = "core"
"""The name of the plugin that answers last."""

_OF_STRATEGIES: Final = frozenset({"choose_strategy", "pretrain", "adapt"})
_ANSWERS: Final[Mapping[str, type]] = {"load_domain": Domain, "choose_strategy": Decision, "pretrain": Carried}


@dataclass(frozen=True)
class PluginReport:
    """What became of one plugin: a line of ``foretaste plugins``."""

    name: str
    state: Literal["loaded", "blocked", "broken"]
    distribution: str | None = None
    """The installed distribution that it came with; None where a file, a module or an object was given."""
    version: str | None = None
    reason: str | None = None
    """Why it was kept out."""
    strategies: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PluginHost:
    """Loaded plugins, and what they brought."""

    manager: pluggy.PluginManager
    catalog: Catalog
    metrics: dict[str, MetricFactory]
    reports: tuple[PluginReport, ...]

    def call(self, hook: str, /, **arguments: Any) -> Any:
        """Call a hook; what a plugin raises becomes a StrategyError or PluginError that names plugin and hook.

        foretaste's own errors pass as they are. Returns None where nobody answered a hook of one answer.
        """
        try:
            answer = getattr(self.manager.hook, hook)(**arguments)
        except ForetasteError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may not end the process either
            kind = StrategyError if hook in _OF_STRATEGIES else PluginError
            culprit = self._culprit(error, hook, arguments.get("strategy"))
            raise kind(f"hook {hook} failed in {culprit}: {said(error)}") from error
        expected = _ANSWERS.get(hook, object)
        if answer is not None and not isinstance(answer, expected):
            raise PluginError(f"hook {hook} returned {type_of(answer)}, expected a {expected.__name__}")
        return answer

    def _culprit(self, error: BaseException, hook: str, strategy: object) -> str:
        """Name the plugin whose code was innermost when the error arose; else the one that brought the strategy."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        codes = {getattr(one.function, "__code__", None): one.plugin_name for one in implementations}
        modules = {_module_name(plugin): name for name, plugin in self.manager.list_name_plugin() if plugin is not None}
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame)
            trace = trace.tb_next
        for frame in reversed(frames):
            name = codes.get(frame.f_code) or _owner(modules, frame.f_globals.get("__name__", ""))
            if name is not None and name != CORE:
                return f"plugin '{name}'"
        name = self.catalog.origins.get(getattr(strategy, "name", ""))
        return CORE if name is None else f"plugin '{name}'"


def _module_name(plugin: object) -> str:
    return plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__


def _owner(modules: Mapping[str, str], name: str) -> str | None:
    """Return the plugin that a module or the nearest package around it is."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return modules.get(name)
