"""Pretraining by itself: what one source teaches, saved for the targets of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foretaste.bundle import save_carried
from foretaste.data import Domain
from foretaste.errors import ConfigError, StrategyError
from foretaste.platform._checkpoints import Checkpoints
from foretaste.platform._fingerprint import code_facts, versions
from foretaste.platform._fit import Fitter
from foretaste.platform._output import held
from foretaste.plugins import PluginHost
from foretaste.registry import Catalog
from foretaste.strategy import Context, Strategy, pretraining_settings


def portable(catalog: Catalog, name: str, params: Mapping[str, Any]) -> Strategy:
    """Return a strategy whose pretraining can be saved; an error in words for others, and for other settings."""
    made = catalog.make(name, params)
    if not made.portable:
        able = ", ".join(sorted(one.name for one in catalog.strategies.values() if one.portable)) or "none"
        raise StrategyError(
            f"{name} is not portable: what it carries is of no use without the source's rows; are: {able}"
        )
    if idle := sorted(params.keys() - pretraining_settings(made).keys()):
        raise ConfigError(f"{name}: pretraining does not depend on {', '.join(idle)}; fix that where it is adapted")
    return made


def save_pretrained(
    host: PluginHost, strategy: Strategy, source: Domain, context: Context, output: Path, people: bool
) -> Path:
    """Pretrain on a prepared source, going on where an equal pretraining was killed, and save what is carried."""
    installed = versions(host)
    with held(output, "checkpoints"):
        states = Checkpoints(output / "checkpoints", code_facts(host, installed))
        fitter = Fitter(host, context, states)
        carried = fitter.pretrained(strategy, source, fitter.inside({}, None))
        metadata = {
            "seed": context.seed,
            "rows": source.interactions.fingerprint,
            "plugin": plugin_of(strategy, host),
            "versions": installed,
        }
        saved = save_carried(carried, source, output, strategy=strategy, people=people, metadata=metadata)
        states.remove()
    return saved


def plugin_of(strategy: Strategy, host: PluginHost) -> dict[str, str | None]:
    """Return which plugin brought a strategy, and with which distribution and version."""
    report = next(report for report in host.reports if strategy.name in report.strategies)
    return {"name": report.name, "distribution": report.distribution, "version": report.version}
