"""foretaste carries taste from one domain to another.

``Platform`` and ``run_experiment`` do the work; the other names are what hosts and plugin authors need.
"""

from foretaste.bundle import load_bundle, save_bundle
from foretaste.data import Domain, DomainPair, Features, Index, Interactions, Overlap, PairFacts, Transfer, sealed
from foretaste.errors import (
    BundleError,
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
from foretaste.metrics import Metric, Ranking
from foretaste.platform import Platform, run_experiment
from foretaste.recommender import (
    Encoder,
    FactorModel,
    HistoryModel,
    RatingScale,
    Recommender,
    Roster,
    Side,
    cut_map,
    own_share,
)
from foretaste.registry import Catalog, Decision, Registry
from foretaste.result import RunResult, TransferResult
from foretaste.strategy import Budget, Carried, Context, Search, Strategy

__all__ = [
    "Budget",
    "BundleError",
    "Carried",
    "Catalog",
    "ConfigError",
    "Context",
    "DataError",
    "Decision",
    "Domain",
    "DomainPair",
    "Encoder",
    "Experiment",
    "FactorModel",
    "Features",
    "ForetasteError",
    "HistoryModel",
    "Index",
    "Interactions",
    "Metric",
    "MissingPackageError",
    "OutputError",
    "Overlap",
    "PairFacts",
    "Platform",
    "PluginError",
    "Ranking",
    "RatingScale",
    "Recommender",
    "Registry",
    "Roster",
    "RunResult",
    "Search",
    "Side",
    "Strategy",
    "StrategyError",
    "Transfer",
    "TransferResult",
    "UnknownIdError",
    "cut_map",
    "hookimpl",
    "load_bundle",
    "own_share",
    "read_experiment",
    "run_experiment",
    "save_bundle",
    "sealed",
]
