"""Honest figures: hold-outs, the validation plan, scores per person, intervals and verdicts."""

from foretaste.evaluation._holdout import FEW, POPULATIONS, HeldOut, Population, above_minimum, hold_out, prepared
from foretaste.evaluation._intervals import (
    BootstrapPlan,
    Interval,
    Verdict,
    bootstrap_plan,
    holm,
    paired_lift,
    paired_lifts,
    verdict,
)
from foretaste.evaluation._plan import ValidationPlan, validation_plan
from foretaste.evaluation._score import Scores, pooled, score

__all__ = [
    "FEW",
    "POPULATIONS",
    "BootstrapPlan",
    "HeldOut",
    "Interval",
    "Population",
    "Scores",
    "ValidationPlan",
    "Verdict",
    "above_minimum",
    "bootstrap_plan",
    "hold_out",
    "holm",
    "paired_lift",
    "paired_lifts",
    "pooled",
    "prepared",
    "score",
    "validation_plan",
    "verdict",
]
