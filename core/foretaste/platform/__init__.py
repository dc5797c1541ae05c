"""The platform: plugins, registry and the road from a configuration to a recommender, in one object."""

from foretaste.platform._experiments import compare_experiment, explain_experiment, pretrain_experiment, run_experiment
from foretaste.platform._forecasts import PairForecast
from foretaste.platform._platform import Explained, Platform

__all__ = [
    "Explained",
    "PairForecast",
    "Platform",
    "compare_experiment",
    "explain_experiment",
    "pretrain_experiment",
    "run_experiment",
]
