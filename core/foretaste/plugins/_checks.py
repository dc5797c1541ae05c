"""What a plugin must be, and what its register hooks must return; every fault is a PluginError that names it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import pluggy

from foretaste.errors import PluginError, did_you_mean
from foretaste.hookspecs import API, Hooks
from foretaste.metrics import Metric, MetricFactory
from foretaste.plugins._doors import Candidate
from foretaste.plugins._words import type_of
from foretaste.registry import STRATEGY_NAME
from foretaste.strategy import Strategy


def check_plugin(manager: pluggy.PluginManager, plugin: object, candidate: Candidate) -> None:
    """Refuse what is no plugin, what speaks another version of the hooks, and hooks that nobody calls."""
    if inspect.isclass(plugin):
        raise PluginError(f"{candidate}: found the class {plugin.__name__}; have you forgotten the ()?")
    api = getattr(plugin, "foretaste_api", None)
    if api != API:
        found = "missing" if api is None else repr(api)
        raise PluginError(f"{candidate}: foretaste_api is {found}, this foretaste speaks {API}")
    known = [name for name in vars(Hooks) if not name.startswith("_")]
    found_hooks = _hooks(manager, plugin)
    for hook in found_hooks:
        if hook not in known:  # pluggy's check_pending tells only the first, and not what was meant
            raise PluginError(f"unknown hook '{hook}' in {candidate}{did_you_mean(hook, known)}")
    if not found_hooks:
        raise PluginError(f"{candidate}: found no hook; is @hookimpl missing?")


def strategies_of(answers: Sequence[object], candidate: Candidate) -> dict[str, type[Strategy]]:
    """Return the strategies in what a plugin's ``register_strategies`` returned, by name."""
    head = f"{candidate}: register_strategies"
    found: dict[str, type[Strategy]] = {}
    for answer in answers:
        if not isinstance(answer, list | tuple):
            raise PluginError(f"{head} returned {type_of(answer)}, expected a list of strategy classes")
        for kind in answer:
            if isinstance(kind, Strategy):
                raise PluginError(f"{head}: found an instance of {type(kind).__name__}, expected the class")
            if not (inspect.isclass(kind) and issubclass(kind, Strategy)):
                raise PluginError(f"{head}: found {type_of(kind)}, expected a subclass of Strategy")
            if fault := _fault(kind):
                raise PluginError(f"{head}: {kind.__name__}: {fault}")
            if kind.name in found:
                raise PluginError(f"{head}: strategy '{kind.name}' is there twice")
            found[kind.name] = kind
    return found


def metrics_of(answers: Sequence[object], candidate: Candidate) -> dict[str, MetricFactory]:
    """Return the metrics in what a plugin's ``register_metrics`` returned, by name."""
    head = f"{candidate}: register_metrics"
    found: dict[str, MetricFactory] = {}
    for answer in answers:
        if not isinstance(answer, Mapping):
            raise PluginError(f"{head} returned {type_of(answer)}, expected a dict of names and metrics")
        for name, factory in answer.items():
            if not isinstance(name, str) or not name or "@" in name:
                raise PluginError(f"{head}: found the name {name!r}, expected text without @")
            if not callable(factory):
                raise PluginError(f"{head}: '{name}' is {type_of(factory)}, expected a metric class or a function")
            if inspect.isclass(factory) and issubclass(factory, Metric) and (fault := _metric_fault(factory, name)):
                raise PluginError(f"{head}: {factory.__name__}: {fault}")
            found[name] = factory
    return found


def _hooks(manager: pluggy.PluginManager, plugin: object) -> list[str]:
    """Return the names of the hooks that a plugin implements."""
    marks = ((name, manager.parse_hookimpl_opts(plugin, name)) for name in dir(plugin))
    return [options.get("specname") or name for name, options in marks if options is not None]


def _metric_fault(kind: type[Metric], name: str) -> str | None:
    said = getattr(kind, "name", None)
    if said != name:
        found = "has no name" if said is None else f"name is {said!r}"
        return f"{found}, expected {name!r} as it is registered"
    if lacking := sorted(getattr(kind, "__abstractmethods__", ())):
        return f"lacks {', '.join(lacking)}"
    return None


def _fault(kind: type[Strategy]) -> str | None:
    name = getattr(kind, "name", None)
    if name is None:
        return "has no name, expected one such as name: ClassVar[str] = 'plugin/strategy'"
    if not isinstance(name, str) or not STRATEGY_NAME.fullmatch(name):
        return f"name is {name!r}, expected plugin/strategy in small letters"
    if lacking := sorted(getattr(kind, "__abstractmethods__", ())):
        return f"lacks {', '.join(lacking)}"
    requires: object = kind.requires
    if not isinstance(requires, tuple) or not all(isinstance(module, str) for module in requires):
        return f"requires is {requires!r}, expected a tuple of module names"
    return None
