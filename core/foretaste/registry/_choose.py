"""From rules and facts to one strategy, with a trace of every rule and strategy that was considered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from foretaste.data import PairFacts, Transfer
from foretaste.errors import ConfigError, StrategyError
from foretaste.registry._auto import AUTO, read_auto
from foretaste.registry._catalog import Catalog
from foretaste.registry._rules import Condition, Range, Registry, Rule, Use
from foretaste.strategy import make_strategy


@dataclass(frozen=True)
class Decision:
    """Which strategy a transfer uses, by which rule, and what was considered on the way."""

    strategy: str
    params: dict[str, Any]
    rule: str
    """``registry.yaml:12 (rule 3)``, or whatever else decided."""
    trace: tuple[str, ...] = ()


def choose(registry: Registry, facts: Sequence[PairFacts], transfer: Transfer, catalog: Catalog) -> Decision:
    """Return the first strategy that can serve, of the first rule that fits and has one.

    ``facts`` are those of ``transfer.pairs``, in order. StrategyError with the whole trace if no rule has one.
    """
    trace: list[str] = []
    for rule in registry.rules:
        if misfits := list(_misfits(rule, facts, transfer)):
            trace.append(f"{rule}: does not fit: {'; '.join(misfits)}")
            continue
        for use in rule.use:
            obstacle = _obstacle(use, facts, catalog)
            if obstacle is None:
                trace.append(f"{rule}: {use.strategy} chosen")
                return Decision(use.strategy, dict(use.params), str(rule), tuple(trace))
            trace.append(f"{rule}: {use.strategy} passed over: {obstacle}")
    considered = "".join(f"\n  {line}" for line in trace)
    raise StrategyError(f"{transfer.place}: no rule of {registry.origin} has a strategy for it{considered}")


def _misfits(rule: Rule, facts: Sequence[PairFacts], transfer: Transfer) -> Iterator[str]:
    """Say why a rule is not for this transfer; nothing where it fits."""
    target = transfer.target.name
    if rule.target is not None and not fnmatchcase(target, rule.target):
        yield f"the target is {target}, wanted {rule.target}"
    for pair, measured in zip(transfer.pairs, facts, strict=True):
        source = pair.source.name
        if rule.source is not None and not fnmatchcase(source, rule.source):
            yield f"the source is {source}, wanted {rule.source}"
        whose = f" of {source}" if len(facts) > 1 else ""
        for fact, condition in rule.when.items():
            if misfit := _misfit(getattr(measured, fact), condition):
                yield f"{fact}{whose} is {misfit}"


def _misfit(value: Any, condition: Condition) -> str | None:
    if value is None:
        return "not available"
    if not isinstance(condition, Range):
        return None if value == condition else f"{_shown(value)}, wanted {_shown(condition)}"
    if condition.min is not None and not value >= condition.min:
        return f"{_shown(value)}, wanted at least {_shown(condition.min)}"
    if condition.max is not None and not value <= condition.max:
        return f"{_shown(value)}, wanted at most {_shown(condition.max)}"
    return None


def _shown(value: Any) -> str:
    """Return a value as YAML would write it; whole numbers in full."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.6g}"
    return str(value)


def _obstacle(use: Use, facts: Sequence[PairFacts], catalog: Catalog) -> str | None:
    """Say why a strategy cannot serve pairs with these facts, or None where it can."""
    try:
        if use.strategy == AUTO:
            read_auto(use.params)
            return None
        if obstacle := catalog.unfit(use.strategy):
            return obstacle
        return catalog.refusal(make_strategy(catalog.get(use.strategy), use.params), facts)
    except ConfigError as error:
        lines = str(error).splitlines()
        return "; ".join(line.removeprefix(f"{use.strategy}: ") for line in lines)
