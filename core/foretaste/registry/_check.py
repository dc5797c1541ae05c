"""What can be wrong with a registry before any data is seen, beside its form."""

from __future__ import annotations

import math
from collections.abc import Iterator

from foretaste.errors import ConfigError
from foretaste.registry._auto import AUTO, read_auto
from foretaste.registry._catalog import Catalog
from foretaste.registry._rules import Condition, Range, Registry, Rule, Use
from foretaste.strategy import Strategy, make_strategy


def check_registry(registry: Registry, catalog: Catalog, *, strict: bool = True) -> list[str]:
    """Return what a catalog makes wrong with a registry, a line each.

    That is: unknown strategies, wrong params, and what is never reached. With ``strict=False`` a strategy whose plugin
    is not loaded is no mistake, as the choice passes it over aloud. With an empty catalog (no plugin loaded) there is
    nothing to compare with: reading has checked the shape.
    """
    if not catalog.strategies:
        return []
    loaded = {*catalog.origins.values(), *(name.partition("/")[0] for name in catalog.strategies)}
    problems: list[str] = []
    for at, rule in enumerate(registry.rules):
        for use in rule.use:
            if strict or use.strategy == AUTO or use.strategy.partition("/")[0] in loaded:
                problems.extend(f"{rule}: {line}" for line in _faults(use, catalog))
        problems.extend(f"{rule}: {line}" for line in _never_reached(rule, registry.rules[:at], catalog))
    return problems


def _faults(use: Use, catalog: Catalog) -> list[str]:
    try:
        if use.strategy == AUTO:
            read_auto(use.params)
            return []
        make_strategy(catalog.get(use.strategy), use.params)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def _never_reached(rule: Rule, before: tuple[Rule, ...], catalog: Catalog) -> Iterator[str]:
    for earlier in before:
        final = next((use for use in earlier.use if _always_serves(use, catalog)), None)
        if final is None or any(_passed_over_for(later, final, catalog) for later in rule.use):
            continue
        if _covers(earlier, rule):
            yield f"never reached: {earlier} fits wherever this fits, and {final.strategy} can always serve"
            return
    for place, use in enumerate(rule.use):
        if not _always_serves(use, catalog):
            continue
        barred = [later for later in rule.use[place + 1 :] if not _passed_over_for(later, use, catalog)]
        if barred:
            yield f"{barred[0].strategy} is never reached: {use.strategy} before it can always serve"
            return


def _always_serves(use: Use, catalog: Catalog) -> bool:
    """Say whether a strategy needs no package, never objects, and is passed over by no budget.

    What a budget in seconds times may be, and registries know no budget; a baseline is taken to be fast.
    """
    kind = catalog.strategies.get(use.strategy)
    if kind is None or kind.requires or _faults(use, catalog):
        return False
    if not (kind.baseline or kind.ends_in_time or kind.uses_others):
        return False
    return kind.objection is Strategy.objection and kind.memory is Strategy.memory


def _passed_over_for(later: Use, use: Use, catalog: Catalog) -> bool:
    """Say whether a run about ratings comes to ``later`` where ``use`` can always serve: it may predict none."""
    kind = catalog.strategies.get(later.strategy)
    return not catalog.strategies[use.strategy].predicts_ratings and (kind is None or kind.predicts_ratings)


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Say whether a rule fits every transfer that another fits, as far as can be told from how they are written."""
    names = ((wide.source, narrow.source), (wide.target, narrow.target))
    return all(one in (None, "*", other) for one, other in names) and all(
        fact in narrow.when and _implies(narrow.when[fact], condition) for fact, condition in wide.when.items()
    )


def _implies(narrow: Condition, wide: Condition) -> bool:
    if isinstance(narrow, str) or isinstance(wide, str):
        return narrow == wide
    (low, high), (lowest, highest) = _bounds(narrow), _bounds(wide)
    return lowest <= low and high <= highest


def _bounds(condition: Range | float) -> tuple[float, float]:
    if not isinstance(condition, Range):
        return condition, condition
    low, high = condition.min, condition.max
    return -math.inf if low is None else low, math.inf if high is None else high
