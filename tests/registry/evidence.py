"""Evidence as ``compare`` would note it."""

from __future__ import annotations

import datetime
from typing import Any

from foretaste.registry import Evidence, MeasuredLift

LIFT = MeasuredLift(value=0.028, low=0.022, high=0.033, over="baseline/popular")
TEXT = """\
{metric: ndcg@10, lift: {value: 0.028, low: 0.022, high: 0.033, over: baseline/popular}, control: no evidence,
      people: 712, seeds: [7, 8, 9], holdout: {kind: newcomers}, data: {books: 4f1a, films: 9c02}, date: 2026-11-02,
      versions: {foretaste: 0.1.0}}"""


def evidence(**changed: Any) -> Evidence:
    """What was measured on books and films, but for what is said otherwise."""
    found: dict[str, Any] = {
        "metric": "ndcg@10",
        "lift": LIFT,
        "control": "no evidence",
        "people": 712,
        "seeds": [7, 8, 9],
        "holdout": {"kind": "newcomers"},
        "data": {"books": "4f1a", "films": "9c02"},
        "date": datetime.date(2026, 11, 2),
        "versions": {"foretaste": "0.1.0"},
    }
    return Evidence(**found | changed)
