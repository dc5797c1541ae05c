"""What makes two runs equal: configuration, registry, plugins, data and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import metadata
from types import ModuleType
from typing import Any

from scipy import sparse

from foretaste.data import Domain, Features, Transfer
from foretaste.experiment import BudgetSpec, Experiment
from foretaste.platform._code import code_of, code_of_core
from foretaste.plugins import PluginHost
from foretaste.registry import Registry

_PACKAGES = ("foretaste", "numpy", "scipy", "polars")
"""What the figures of every strategy depend on."""

_PLACES: dict[str, Any] = {
    "output": True,
    "plugins": True,
    "registry": True,
    "domains": {"__all__": {"path", "url", "item_features", "user_features"}},
    "transfers": {"__all__": {"links"}},
    "holdout": {"files", "candidates"},
}
"""Where things lie; what lies there is read, and hashed by what it holds."""


def run_fingerprint(
    experiment: Experiment,
    transfers: Sequence[Transfer],
    registry: Registry,
    host: PluginHost,
    control: str | None,
    device: str,
    carried: Mapping[str, str],
    installed: Mapping[str, str],
) -> str:
    """Return a hash of all that a run's result depends on: equal for equal runs, wherever their files lie.

    ``carried`` are ids of what was pretrained before, ``installed`` the host's ``versions``.
    """
    # what is not said is left out, as it was before it could be said: runs of then stay equal
    unsaid = {"budget": True} if experiment.budget == BudgetSpec() else {}
    what = {
        "experiment": experiment.model_dump(mode="json", exclude=_PLACES | unsaid),
        "transfers": [list(transfer_facts(transfer)) for transfer in transfers],
        "registry": [repr(rule) for rule in registry.rules],
        "plugins": list(_plugins(host)),
        "code": code_of_core(),
        "control": control,
        "device": device,  # other devices give other figures, in the last digits
        "carried": dict(carried),
        "versions": installed,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def race_fingerprints(
    experiment: Experiment, transfers: Sequence[Transfer], host: PluginHost, device: str, installed: Mapping[str, str]
) -> list[str]:
    """Return of each transfer a hash of what its trials depend on, beside strategies and settings."""
    how = {
        "holdout": experiment.holdout.model_dump(mode="json", exclude={"files", "candidates"}),
        "how": experiment.model_dump(mode="json", include={"metrics", "seed", "threads", "folds", "tries", "budget"}),
        "code": code_facts(host, installed),
        "device": device,
    }
    facts = ([spec.twins, *transfer_facts(one)] for spec, one in zip(experiment.transfers, transfers, strict=True))
    return [hashlib.sha256(json.dumps([how, one], sort_keys=True).encode()).hexdigest() for one in facts]


def versions(host: PluginHost, strategies: Collection[str] | None = None) -> dict[str, str]:
    """Return the versions of the packages that figures depend on, those of the strategies' ``requires`` among them.

    Of all strategies, or of those named, whose plugins' distributions then are among them too. A package is called as
    its distribution is; what is not installed is left out.
    """
    kinds = [kind for name, kind in host.catalog.strategies.items() if strategies is None or name in strategies]
    needed = {module.partition(".")[0] for kind in kinds for module in kind.requires}
    brought = metadata.packages_distributions() if needed else {}
    plugins = {r.distribution for r in host.reports if r.distribution and set(r.strategies) & set(strategies or ())}
    found = {}
    for package in dict.fromkeys(
        (*_PACKAGES, *sorted({*plugins, *(name for module in needed for name in brought.get(module, []))}))
    ):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def code_facts(host: PluginHost, installed: Mapping[str, str]) -> list[Any]:
    """Return what says by which code something is fitted, JSON-ready; ``installed`` are the host's ``versions``."""
    return [code_of_core(), list(_plugins(host)), dict(installed)]


def transfer_facts(transfer: Transfer) -> Iterator[Any]:
    """Yield what tells a transfer's data from others', JSON-ready."""
    yield list(domain_facts(transfer.target))
    for pair in transfer.pairs:
        yield [*domain_facts(pair.source), _matrix(pair.user_links), _matrix(pair.item_links), pair.warnings]


def data_fingerprint(domain: Domain) -> str:
    """Return what tells a domain's data, as it was read, from others', in 16 letters."""
    return hashlib.sha256(json.dumps(list(domain_facts(domain)), sort_keys=True).encode()).hexdigest()[:16]


def domain_facts(domain: Domain) -> Iterator[Any]:
    """Yield what tells a domain's data from others', JSON-ready."""
    yield domain.name
    yield domain.interactions.fingerprint
    yield domain.minimum.model_dump()
    yield domain.notes
    yield from (_features(table) for table in (domain.user_features, domain.item_features))
    yield _matrix(domain.candidates)


def _features(features: Features | None) -> list[Any] | None:
    if features is None:
        return None
    return [features.kinds, hashlib.blake2b(features.table.hash_rows(seed=1).to_numpy().tobytes()).hexdigest()]


def _matrix(matrix: sparse.csr_matrix | None) -> str | None:
    if matrix is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for part in (matrix.indptr, matrix.indices, matrix.data):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _plugins(host: PluginHost) -> Iterator[Any]:
    loaded = dict(host.manager.list_name_plugin())
    for report in host.reports:
        kind = _kind(loaded.get(report.name))
        yield [report.name, report.state, report.distribution, report.version, kind, code_of(report, host)]


def _kind(plugin: object) -> str | None:
    """Return what an object in hand is called where it has no file, and where two kinds share one."""
    if plugin is None or isinstance(plugin, ModuleType):
        return None
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"
