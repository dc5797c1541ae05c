"""What a rule rests on: the lift that was measured, how, and on what."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from foretaste.config import StrictModel
from foretaste.registry._scalars import Number, Whole

_AS_FOUND = ConfigDict(extra="allow")  # a later foretaste may note more, and its registry is still one to choose by


def _day(value: Any) -> Any:
    """Read a date as YAML writes it; pydantic would take 20261102 for seconds."""
    if isinstance(value, datetime.date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"found {value!r}, expected a date such as 2026-11-02")


class MeasuredLift(StrictModel):
    """Mean difference to a baseline on the same people, with its 95 % interval."""

    model_config = _AS_FOUND

    value: Number
    low: Number
    high: Number
    over: str
    """The baseline."""

    @model_validator(mode="after")
    def _sensible(self) -> MeasuredLift:
        if self.low > self.high:
            raise ValueError(f"low is {self.low:g} and high is {self.high:g}: nothing lies between")
        return self

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}] over {self.over}"


class Evidence(StrictModel):
    """What was measured of the first strategy of a rule. Further keys are kept and not read."""

    model_config = _AS_FOUND

    metric: str = Field(min_length=1)
    """What the lift is in."""
    lift: MeasuredLift
    control: Literal["helps", "no evidence", "hurts", "not run"]
    """The verdict on the same with the source's people permuted."""
    people: Annotated[Whole, Field(ge=1)]
    """How many people were evaluated."""
    seeds: list[Annotated[Whole, Field(ge=0)]] = Field(min_length=1)
    """The seeds that were pooled."""
    holdout: dict[str, Any]
    """What was hidden, as experiment.yaml says it."""
    data: dict[str, str]
    """Domain to the fingerprint of its data."""
    date: Annotated[datetime.date, BeforeValidator(_day)]
    """The day of the measurement."""
    versions: dict[str, str]
    """Distribution to version, of what the figures depend on."""

    def __str__(self) -> str:
        return f"evidence of {self.date}: {self.lift}"
