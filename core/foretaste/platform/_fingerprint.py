"""What makes two runs equal: configuration, registry, plugins, data and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from scipy import sparse

from foretaste.data import Domain, Features, Transfer
from foretaste.experiment import Experiment
from foretaste.plugins import PluginHost
from foretaste.registry import Registry

_PACKAGES = ("foretaste", "numpy", "scipy", "polars", "implicit", "scikit-learn", "lightfm-next", "torch")


def run_fingerprint(
    experiment: Experiment, transfers: Sequence[Transfer], registry: Registry, host: PluginHost, control: str | None
) -> str:
    """Return a hash of all that a run's result depends on: equal for equal runs, wherever their files lie."""
    what = {
        "experiment": experiment.model_dump(mode="json", exclude={"output"}),
        "transfers": [list(_transfer(transfer)) for transfer in transfers],
        "registry": [repr(rule) for rule in registry.rules],
        "plugins": list(_plugins(host)),
        "control": control,
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the packages that figures depend on, of those that are installed."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _transfer(transfer: Transfer) -> Iterator[Any]:
    yield list(_domain(transfer.target))
    for pair in transfer.pairs:
        yield [*_domain(pair.source), _matrix(pair.user_links), _matrix(pair.item_links)]


def _domain(domain: Domain) -> Iterator[Any]:
    yield domain.name
    yield domain.interactions.fingerprint
    yield domain.minimum.model_dump()
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
        # a distribution's code goes by its version; what was given as a file goes by its text
        given = report.state == "loaded" and report.distribution is None
        code = _code(loaded.get(report.name)) if given else None
        yield [report.name, report.state, report.distribution, report.version, code]


def _code(plugin: object) -> str | None:
    if not isinstance(plugin, ModuleType):
        return f"{type(plugin).__module__}.{type(plugin).__qualname__}"
    if not plugin.__file__:
        return None
    start = Path(plugin.__file__)
    files = sorted(start.parent.rglob("*.py")) if start.name == "__init__.py" else [start]
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
