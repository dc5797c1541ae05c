"""What is asked of a platform, checked before anything is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, get_args

from foretaste.data import DomainSpec
from foretaste.errors import ConfigError, did_you_mean
from foretaste.experiment import MOST_THREADS, Experiment
from foretaste.metrics import parse_metric
from foretaste.platform._compare import Measure
from foretaste.registry import AUTO, Catalog, read_auto
from foretaste.strategy import Budget, Device

T = TypeVar("T")


def measure_of(experiment: Experiment, known: Mapping[str, Any]) -> Measure:
    """Return how to measure; ``known`` are the metrics of plugins. ConfigError for a metric that is wrong."""
    metrics = each(
        (f"metrics[{place}]", partial(parse_metric, text, known)) for place, text in enumerate(experiment.metrics)
    )
    first = metrics[0]
    if not first.per_person:
        raise ConfigError(f"metrics: the first is what lifts are measured in; '{first.label}' has no value per person")
    return Measure(experiment.holdout, metrics, experiment.seed, experiment.tries, experiment.folds)


def check_names(experiment: Experiment, how: Measure, catalog: Catalog) -> None:
    """Raise ConfigError for a strategy or parameter that is misspelt, or has no place: that should not cost a run."""

    def make(name: str, params: Mapping[str, Any]) -> None:
        if name == AUTO:
            read_auto(params)
            return
        if not catalog.make(name, params).predicts_ratings and how.of_ratings:
            raise ConfigError(
                f"{name} predicts no ratings, and the first metric is {how.primary.label};"
                " leave it out, or name a metric of lists first"
            )

    each(
        (f"{spec.place}.{key}", partial(make, name, params))
        for spec in experiment.transfers
        for key, name, params in (
            ("strategy", spec.strategy, spec.params),
            *((f"beside[{n}]", name, {}) for n, name in enumerate(spec.beside)),
        )
        if name is not None
    )


def spec_of(experiment: Experiment, source: str) -> DomainSpec:
    """Return the domain of an experiment that is called so; ConfigError."""
    if source not in experiment.domains:
        known = f"known: {', '.join(experiment.domains)}{did_you_mean(source, experiment.domains)}"
        raise ConfigError(f"source: no domain is called '{source}'; {known}")
    return experiment.domains[source]


def budget_of(experiment: Experiment) -> Budget:
    """Return what each fit may cost."""
    return Budget(experiment.budget.seconds, experiment.budget.memory)


def device_and_threads(device: Device, threads: int) -> tuple[Device, int]:
    """Return both; ConfigError."""
    if device not in get_args(Device):
        raise ConfigError(f"device: found {device!r}, expected one of {', '.join(get_args(Device))}")
    if not 1 <= threads <= MOST_THREADS:
        raise ConfigError(f"threads: found {threads}, expected 1 to {MOST_THREADS}")
    return device, threads


def each(makers: Iterable[tuple[str, Callable[[], T]]]) -> list[T]:
    """Return what is made for each key; a ConfigError has a line for every key that is wrong."""
    made, wrong = [], []
    for key, make in makers:
        try:
            made.append(make())
        except ConfigError as error:
            wrong += [f"{key}: {line}" for line in str(error).splitlines()]
    if wrong:
        raise ConfigError("\n".join(dict.fromkeys(wrong)))  # one key may stand for many transfers
    return made
