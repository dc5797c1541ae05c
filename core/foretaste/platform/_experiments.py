"""From the file of an experiment: a platform with the plugins that it names, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from foretaste.comparison import CompareResult
from foretaste.experiment import Experiment, read_experiment
from foretaste.platform._platform import Explained, Platform
from foretaste.platform._run import ControlKind
from foretaste.platform._search import SearchKind
from foretaste.result import RunResult
from foretaste.strategy import Budget, Device, never, silent


def run_experiment(
    path: Path,
    *,
    assignments: Sequence[str] = (),
    new: bool = False,
    control: ControlKind | None = None,
    output: Path | None = None,
    carried: Sequence[Path] = (),
    device: Device = "auto",
    threads: int | None = None,
    progress: Callable[[str], None] = silent,
    cancel: Callable[[], bool] = never,
) -> RunResult:
    """Read experiment.yaml, make a platform with its plugins, and run it."""
    experiment, _ = read_experiment(path, list(assignments))
    platform = _platform_of(experiment, path.parent, no_plugins=False)
    return platform.run(
        experiment,
        folder=path.parent,
        output=output,
        new=new,
        control=control,
        carried=carried,
        device=device,
        threads=threads,
        progress=progress,
        cancel=cancel,
    )


def compare_experiment(
    path: Path,
    *,
    assignments: Sequence[str] = (),
    strategies: Sequence[str] | None = None,
    budget: Budget | None = None,
    control: ControlKind | None = "permuted",
    thorough: bool = False,
    search: SearchKind = "grid",
    output: Path | None = None,
    device: Device = "auto",
    threads: int | None = None,
    progress: Callable[[str], None] = silent,
    cancel: Callable[[], bool] = never,
) -> CompareResult:
    """Read experiment.yaml, make a platform with its plugins, and race strategies."""
    experiment, _ = read_experiment(path, list(assignments))
    return _platform_of(experiment, path.parent, no_plugins=False).compare(
        experiment,
        folder=path.parent,
        output=output,
        strategies=strategies,
        budget=budget,
        control=control,
        thorough=thorough,
        search=search,
        device=device,
        threads=threads,
        progress=progress,
        cancel=cancel,
    )


def explain_experiment(
    path: Path, *, assignments: Sequence[str] = (), no_plugins: bool = False, forecasts: bool = False
) -> list[Explained]:
    """Read experiment.yaml and say what would be chosen; ``no_plugins`` loads no code that the experiment names."""
    experiment, _ = read_experiment(path, list(assignments))
    if no_plugins:  # what runs beside the choice may be of a plugin, and does not matter for the choice
        alone = [spec.model_copy(update={"beside": []}) for spec in experiment.transfers]
        experiment = experiment.model_copy(update={"transfers": alone})
    platform = _platform_of(experiment, path.parent, no_plugins=no_plugins)
    return platform.explain(experiment, folder=path.parent, forecasts=forecasts)


def pretrain_experiment(
    path: Path,
    source: str,
    strategy: str,
    params: Mapping[str, Any] | None = None,
    *,
    assignments: Sequence[str] = (),
    output: Path,
    people: bool = False,
    device: Device = "auto",
    threads: int | None = None,
    progress: Callable[[str], None] = silent,
) -> Path:
    """Read experiment.yaml, make a platform with its plugins, and pretrain on one of its domains."""
    experiment, _ = read_experiment(path, list(assignments))
    return _platform_of(experiment, path.parent, no_plugins=False).pretrain(
        experiment,
        source,
        strategy,
        params,
        folder=path.parent,
        output=output,
        people=people,
        device=device,
        threads=threads,
        progress=progress,
    )


def _platform_of(experiment: Experiment, folder: Path, *, no_plugins: bool) -> Platform:
    plugins = [] if no_plugins else list(experiment.plugins)
    registry = folder / experiment.registry if experiment.registry else None
    return Platform(plugins, experiment.block, registry, folder)
