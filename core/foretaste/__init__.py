"""foretaste carries taste from one domain to another.

``Platform`` and ``run_experiment`` do the work; the other names are what hosts and plugin authors need. Each is
imported when it is first asked for: ``foretaste --help`` and a host that serves a bundle do not wait for the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretaste.bundle import SavedCarried, load_bundle, load_carried, save_bundle, save_carried
    from foretaste.checkpoint import Checkpoint
    from foretaste.data import (
        Domain,
        DomainPair,
        DomainSpec,
        FeatureMatrices,
        Features,
        Index,
        Interactions,
        Overlap,
        PairFacts,
        Transfer,
        feature_matrices,
        sealed,
    )
    from foretaste.errors import (
        BundleError,
        CancelledError,
        ConfigError,
        DataError,
        ForetasteError,
        MissingPackageError,
        OutputError,
        PluginError,
        StrategyError,
        UnknownIdError,
    )
    from foretaste.experiment import Experiment, read_experiment
    from foretaste.hookspecs import hookimpl
    from foretaste.metrics import Metric, Ndcg, Ranking
    from foretaste.platform import Platform, run_experiment
    from foretaste.recommender import (
        Blend,
        Correction,
        Encoder,
        FactorModel,
        GroupGate,
        HistoryModel,
        LinearGate,
        Mix,
        PairLayer,
        RatingScale,
        Recommender,
        Roster,
        Side,
        cut_map,
        own_share,
    )
    from foretaste.registry import Catalog, Decision, Registry
    from foretaste.result import RunResult, TransferResult
    from foretaste.strategy import Budget, Carried, Context, Memory, Search, Step, Strategy

__all__ = [
    "Blend",
    "Budget",
    "BundleError",
    "CancelledError",
    "Carried",
    "Catalog",
    "Checkpoint",
    "ConfigError",
    "Context",
    "Correction",
    "DataError",
    "Decision",
    "Domain",
    "DomainPair",
    "DomainSpec",
    "Encoder",
    "Experiment",
    "FactorModel",
    "FeatureMatrices",
    "Features",
    "ForetasteError",
    "GroupGate",
    "HistoryModel",
    "Index",
    "Interactions",
    "LinearGate",
    "Memory",
    "Metric",
    "MissingPackageError",
    "Mix",
    "Ndcg",
    "OutputError",
    "Overlap",
    "PairFacts",
    "PairLayer",
    "Platform",
    "PluginError",
    "Ranking",
    "RatingScale",
    "Recommender",
    "Registry",
    "Roster",
    "RunResult",
    "SavedCarried",
    "Search",
    "Side",
    "Step",
    "Strategy",
    "StrategyError",
    "Transfer",
    "TransferResult",
    "UnknownIdError",
    "cut_map",
    "feature_matrices",
    "hookimpl",
    "load_bundle",
    "load_carried",
    "own_share",
    "read_experiment",
    "run_experiment",
    "save_bundle",
    "save_carried",
    "sealed",
]

_NAMES = {
    "bundle": "SavedCarried load_bundle load_carried save_bundle save_carried",
    "checkpoint": "Checkpoint",
    "data": "Domain DomainPair DomainSpec FeatureMatrices Features Index Interactions Overlap PairFacts Transfer"
    " feature_matrices sealed",
    "errors": "BundleError CancelledError ConfigError DataError ForetasteError MissingPackageError OutputError"
    " PluginError StrategyError UnknownIdError",
    "experiment": "Experiment read_experiment",
    "hookspecs": "hookimpl",
    "metrics": "Metric Ndcg Ranking",
    "platform": "Platform run_experiment",
    "recommender": "Blend Correction Encoder FactorModel GroupGate HistoryModel LinearGate Mix PairLayer RatingScale"
    " Recommender Roster Side cut_map own_share",
    "registry": "Catalog Decision Registry",
    "result": "RunResult TransferResult",
    "strategy": "Budget Carried Context Memory Search Step Strategy",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

if not TYPE_CHECKING:  # a checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'foretaste' has no attribute {name!r}")
        found = getattr(import_module(f"foretaste.{_HOMES[name]}"), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
