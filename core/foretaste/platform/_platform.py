"""The platform: plugins, registry and the road from a configuration to a recommender, in one object."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from foretaste.comparison import CompareResult
from foretaste.data import Domain, DomainSpec, Overlap, PairFacts, Transfer, read_links
from foretaste.errors import ConfigError, DataError, StrategyError
from foretaste.evaluation import above_minimum, prepared
from foretaste.experiment import Experiment, GivenHoldout, TransferSpec
from foretaste.forecast import Forecast
from foretaste.platform._arena import Arena
from foretaste.platform._asked import budget_of, check_names, device_and_threads, each, measure_of, spec_of
from foretaste.platform._carried import ids, onto_saved, read_saved, refuse_control, with_saved
from foretaste.platform._checkpoints import Checkpoints
from foretaste.platform._comparing import Asking, compare
from foretaste.platform._cost import Cost, costs_of
from foretaste.platform._domains import absolute, given_to
from foretaste.platform._evidence import with_evidence
from foretaste.platform._fingerprint import code_facts, data_fingerprint, race_fingerprints, run_fingerprint, versions
from foretaste.platform._fit import Fitter
from foretaste.platform._forecasts import PairForecast, forecasts_of
from foretaste.platform._jobs import about, carried_of, run_all
from foretaste.platform._lab import Lab, Task
from foretaste.platform._output import bundle_names, held, open_output
from foretaste.platform._pairs import servable, served_or_told
from foretaste.platform._pretrain import portable, save_pretrained
from foretaste.platform._run import ControlKind, Job, choose, training
from foretaste.platform._search import SearchKind, expect_search
from foretaste.platform._settings import obstacle_of
from foretaste.platform._timing import timed
from foretaste.platform._trial import Journal
from foretaste.platform._worker import Recipe
from foretaste.plugins import PluginReport, load_plugins
from foretaste.recommender import Recommender
from foretaste.registry import (
    AUTO,
    Catalog,
    Decision,
    Registry,
    check_registry,
    joined,
    read_registry,
    shipped_registry,
)
from foretaste.result import RunResult, matrix
from foretaste.strategy import UNLIMITED, Budget, Context, Device, never, silent

__all__ = ["Explained", "Platform"]


@dataclass(frozen=True)
class Explained:
    """Which strategy one transfer would get, and why."""

    source: str
    target: str
    facts: list[PairFacts]
    decision: Decision | None
    """None for a pair that a glob found and that cannot be served: the notes say why."""
    notes: list[str]
    costs: list[Cost]
    """What a fit of the strategy, and of those beside it, would take; without those of which nothing is known."""
    forecasts: list[PairForecast] | None = None
    """What each source can bring by itself; None where that was not asked for."""


class Platform:
    """Owns its plugins: two platforms in one process never meet.

    ``plugins`` are files, folders or modules (names relative to ``folder``) or objects in hand; ``block`` keeps
    installed ones out; ``registry`` is read before the shipped one. Raises PluginError and ConfigError.
    """

    def __init__(
        self,
        plugins: Sequence[object] = (),
        block: Sequence[str] = (),
        registry: Path | None = None,
        folder: Path | None = None,
        entry_points: bool = True,
    ) -> None:
        self._host = load_plugins(plugins=plugins, block=block, folder=folder, entry_points=entry_points)
        named = [one for one in plugins if isinstance(one, str | Path)]
        place = None if folder is None else folder.absolute()
        # what is in hand cannot be made again elsewhere
        self._recipe = Recipe(tuple(named), tuple(block), place, entry_points) if len(named) == len(plugins) else None
        self.registry: Registry = shipped_registry()
        if registry is not None:
            own = read_registry(registry)
            if problems := check_registry(own, self.catalog, strict=False):
                raise ConfigError("\n".join(problems))
            self.registry = joined(own, self.registry)

    @property
    def catalog(self) -> Catalog:
        """All strategies."""
        return self._host.catalog

    @property
    def reports(self) -> tuple[PluginReport, ...]:
        """What became of each plugin."""
        return self._host.reports

    def load_domain(self, name: str, spec: DomainSpec, folder: Path) -> Domain:
        """Read a domain through the hook; paths are relative to ``folder``."""
        spec = spec.model_copy(update=absolute(spec, folder))
        found = self._host.call("load_domain", name=name, spec=spec)
        if found is None:
            raise ConfigError(f"domains.{name}: no plugin reads kind '{spec.kind}'; core reads file and sql")
        if not isinstance(found, Domain):
            raise DataError(f"domains.{name}: load_domain returned {type(found).__name__}, expected a Domain")
        return found if found.name == name else replace(found, name=name)

    def fit(
        self,
        strategy: str,
        transfer: Transfer,
        params: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        device: Device = "auto",
        threads: int = 1,
        progress: Callable[[str], None] = silent,
        cancel: Callable[[], bool] = never,
        checkpoints: Path | None = None,
        budget: Budget = UNLIMITED,
    ) -> Recommender:
        """Fit one strategy on all of a transfer's data, with settings as given; no tuning and no evaluation.

        StrategyError for one that objects, or takes more memory or time than the budget has.

        A strategy that keeps its state does so in the folder ``checkpoints``: an equal fit goes on from there after its
        process was killed, and one that is done leaves nothing there.
        """
        made = self.catalog.make(strategy, params or {})
        fitter = timed(
            Fitter(self._host, Context(seed, *device_and_threads(device, threads), progress, cancel, budget))
        )
        room = fitter.room(transfer)
        if objection := obstacle_of(made, room):
            raise StrategyError(f"{transfer.place}: {strategy} cannot serve this transfer: {objection}")
        context = fitter.inside({}, None)
        if made.uses_others:
            context = replace(context, obstacle=partial(fitter.obstacle, room=room))
        with nullcontext() if checkpoints is None else held(checkpoints):
            states = None if checkpoints is None else Checkpoints(checkpoints, self._code())
            fitter.checkpoints = states
            found = fitter.fit(made, prepared(transfer), context)
            if states is not None:
                states.remove()
        return found

    def run(
        self,
        experiment: Experiment,
        *,
        folder: Path,
        output: Path | None = None,
        new: bool = False,
        control: ControlKind | None = None,
        carried: Sequence[Path] = (),
        device: Device = "auto",
        threads: int | None = None,
        progress: Callable[[str], None] = silent,
        cancel: Callable[[], bool] = never,
    ) -> RunResult:
        """Run an experiment; paths in it are relative to ``folder``. An equal run in the output folder is resumed.

        ``device`` is for strategies that can use another than the CPU; ``threads`` takes the place of the
        experiment's. Where ``cancel`` says so, the run ends with a CancelledError, at the latest before the next fit,
        and an equal one goes on from there.

        ``carried`` are folders that ``pretrain`` wrote. All transfers from such a source use its strategy with what was
        carried, in place of what the registry or the experiment says and of pretraining; only other settings are tuned.
        """
        device, threads = device_and_threads(device, experiment.threads if threads is None else threads)
        saved = read_saved(carried, experiment, self.catalog)
        named = [spec.strategy for spec in experiment.transfers]
        specs = each((spec.place, partial(with_saved, spec, saved, self.catalog)) for spec in experiment.transfers)
        experiment = experiment.model_copy(update={"threads": threads, "transfers": specs})
        how = measure_of(experiment, self._host.metrics)
        check_names(experiment, how, self.catalog)
        domains = self._domains(experiment, folder)
        sources = domains | {name: onto_saved(domains[name], one) for name, one in saved.items()}
        found, left_out = servable(specs, lambda place: self._transfer(specs[place], domains, folder, sources))
        specs, named, transfers = (
            [specs[place] for place in found],
            [named[place] for place in found],
            [*found.values()],
        )
        experiment = experiment.model_copy(update={"transfers": specs})
        if control is not None:
            for transfer in transfers:
                refuse_control(transfer, saved)
        installed = versions(self._host)
        fingerprint = run_fingerprint(
            experiment, transfers, self.registry, self._host, control, device, ids(list(saved), saved), installed
        )
        context = Context(experiment.seed, device, threads, progress, cancel, budget_of(experiment), metric=how.primary)
        keys = [f"{place}-{transfer.name}" for place, transfer in enumerate(transfers)]
        folders = bundle_names([transfer.name for transfer in transfers])
        with open_output(output or folder / experiment.output, fingerprint, new=new) as out:
            prints = race_fingerprints(experiment, transfers, self._host, device, installed)
            trials = Journal(out.folder / "races", prints)
            arena = Arena(self._host, self._recipe, experiment, how, context, trials)
            jobs = [
                Job(
                    spec,
                    transfer,
                    self.registry,
                    how,
                    control,
                    experiment.refit,
                    out,
                    key,
                    name,
                    about(transfer, fingerprint, installed) | carried_of(spec, saved),
                    saved,
                    own,
                    arena,
                    place,
                )
                for place, (spec, transfer, key, name, own) in enumerate(
                    zip(specs, transfers, keys, folders, named, strict=True)
                )
            ]
            results, unready = run_all(jobs, timed(Fitter(self._host, context, out.checkpoints, saved)), out)
            result = RunResult(
                transfers=results,
                matrix=matrix(results),
                metrics=[m.label for m in how.metrics],
                seed=experiment.seed,
                device=device,
                threads=threads,
                fingerprint=fingerprint,
                versions=installed,
                left_out=[*left_out, *unready],
            )
            out.finish(result)
            trials.end()
        return result

    def compare(
        self,
        experiment: Experiment,
        *,
        folder: Path,
        output: Path | None = None,
        strategies: Sequence[str] | None = None,
        budget: Budget | None = None,
        control: ControlKind | None = "permuted",
        thorough: bool = False,
        search: SearchKind = "grid",
        device: Device = "auto",
        threads: int | None = None,
        progress: Callable[[str], None] = silent,
        cancel: Callable[[], bool] = never,
    ) -> CompareResult:
        """Race strategies for each transfer of an experiment, and measure them on people who had no say in the choice.

        ``strategies`` are the names of those to race, None for all that can serve; baselines race too. ``budget`` is
        kept: its seconds are wall time of the whole, its memory what the process of a strategy may hold; that of the
        experiment is for each fit. Each trial is
        made in a process of its own kind, which is stopped at its limits, unless a plugin is in hand. What cannot win
        is stopped early, unless ``thorough``. Settings are those of a strategy's grid, or with ``search="optuna"`` what
        Optuna proposes of their values, ``tries`` of them either way. A comparison that was killed goes on where it
        was, in the same folder.
        """
        begun, each_fit = time.monotonic(), budget_of(experiment)
        expect_search(search)
        budget = budget or UNLIMITED
        budget = replace(budget, memory=each_fit.memory if budget.memory is None else budget.memory)
        device, threads = device_and_threads(device, experiment.threads if threads is None else threads)
        experiment = experiment.model_copy(update={"threads": threads})
        how = measure_of(experiment, self._host.metrics)
        check_names(experiment, how, self.catalog)
        for name in strategies or ():
            self.catalog.get(name)
        domains = self._domains(experiment, folder)
        specs = experiment.transfers
        found, left_out = servable(specs, lambda place: self._transfer(specs[place], domains, folder))
        experiment = experiment.model_copy(update={"transfers": [specs[place] for place in found]})
        transfers = [*found.values()]
        installed = versions(self._host)
        asking = Asking(
            experiment,
            transfers,
            self.registry,
            how,
            strategies,
            budget,
            control is not None,
            thorough,
            search,
            Context(experiment.seed, device, threads, progress, cancel, each_fit, metric=how.primary),
            race_fingerprints(experiment, transfers, self._host, device, installed),
            installed,
            partial(versions, self._host),
            begun,
            left_out,
        )
        return compare(asking, self._host, self._recipe, output or folder / experiment.output)

    def lab(self, experiment: Experiment, tasks: Mapping[int, Task], device: Device, threads: int) -> Lab:
        """Return where trials of a race are done."""
        how = measure_of(experiment, self._host.metrics)
        context = Context(experiment.seed, device, threads, budget=budget_of(experiment), metric=how.primary)
        return Lab(self._host, tasks, how, context)

    def pretrain(
        self,
        experiment: Experiment,
        source: str,
        strategy: str,
        params: Mapping[str, Any] | None = None,
        *,
        folder: Path,
        output: Path,
        people: bool = False,
        device: Device = "auto",
        threads: int | None = None,
        progress: Callable[[str], None] = silent,
        cancel: Callable[[], bool] = never,
    ) -> Path:
        """Pretrain on one domain of an experiment, and save what is carried in ``output``, for ``run`` to take.

        No row of the source is in it; what has a row per person goes in with ``people``. A fit that was killed goes on
        where it was. Returns the version's folder. StrategyError for a strategy that is not portable.
        """
        device, threads = device_and_threads(device, experiment.threads if threads is None else threads)
        made = portable(self.catalog, strategy, params or {})
        domain = above_minimum(self.load_domain(source, spec_of(experiment, source), folder))
        context = Context(experiment.seed, device, threads, progress, cancel, budget_of(experiment))
        return save_pretrained(self._host, made, domain, context, output, people)

    def explain(self, experiment: Experiment, *, folder: Path, forecasts: bool = False) -> list[Explained]:
        """Return what would be chosen for each transfer, by facts of its training data, and what a fit would take.

        Nothing is fitted, unless the experiment's budget has seconds: then some are, with a part of the people. With
        ``forecasts`` each transfer also has those that ``forecast`` makes.
        """
        how = measure_of(experiment, self._host.metrics)
        check_names(experiment, how, self.catalog)
        domains = self._domains(experiment, folder)
        context = Context(experiment.seed, threads=experiment.threads, budget=budget_of(experiment), metric=how.primary)
        fitter = timed(Fitter(self._host, context))
        specs = experiment.transfers

        def explained(place: int) -> Explained:
            spec, transfer = specs[place], self._transfer(specs[place], domains, folder)
            train, twins = training(transfer, spec, how.holdout, how.seed)
            room = fitter.room(train)
            decision = with_evidence(choose(spec, train, self.registry, fitter, how), self.registry, transfer)
            named = [(decision.strategy, decision.params), *((n, {}) for n in spec.beside if n != decision.strategy)]
            costs = costs_of([self.catalog.make(*one) for one in named if one[0] != AUTO], room)
            each_pair = forecasts_of(train, twins, how.seed) if forecasts else None
            pair = "+".join(spec.sources), spec.target
            return Explained(*pair, list(room.facts), decision, train.notes, costs, each_pair)

        def told(spec: TransferSpec, why: str) -> Explained:
            return Explained("+".join(spec.sources), spec.target, [], None, [why], [])

        return served_or_told(specs, explained, told)

    def forecast(self, experiment: Experiment, *, folder: Path) -> list[PairForecast]:
        """Forecast what each source of each transfer can bring by itself, before anything is chosen or fitted.

        Made of the training data of the first hold-out: test people have no say. Source rows on twins are left out,
        whatever the transfer says of these. A pair that a glob found and that cannot be served has the reason.
        """
        domains, specs, seed = self._domains(experiment, folder), experiment.transfers, experiment.seed

        def forecasts(place: int) -> list[PairForecast]:
            transfer = self._transfer(specs[place], domains, folder)
            return forecasts_of(*training(transfer, specs[place], experiment.holdout, seed), seed)

        def told(spec: TransferSpec, why: str) -> list[PairForecast]:
            return [PairForecast("+".join(spec.sources), spec.target, Forecast.none(why))]

        return [one for made in served_or_told(specs, forecasts, told) for one in made]

    def data_fingerprints(
        self, experiment: Experiment, names: Iterable[str], *, folder: Path
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the fingerprint of each domain's data as evidence notes it, and of those not read, why."""
        found, unread = {}, {}
        for name in [name for name in experiment.domains if name in set(names)]:
            try:
                found[name] = data_fingerprint(self._domain(experiment, name, folder))
            except ConfigError as error:  # a kind that a plugin of the experiment reads
                unread[name] = str(error)
        return found, unread

    def _code(self) -> list[Any]:
        return code_facts(self._host, versions(self._host))

    def _domains(self, experiment: Experiment, folder: Path) -> dict[str, Domain]:
        used = {n for spec in experiment.transfers for n in (*spec.sources, spec.target)}
        return {name: self._domain(experiment, name, folder) for name in experiment.domains if name in used}

    def _domain(self, experiment: Experiment, name: str, folder: Path) -> Domain:
        found, spec = self.load_domain(name, experiment.domains[name], folder), experiment.domains[name]
        # with files or candidates, all transfers have one target
        if isinstance(experiment.holdout, GivenHoldout) and name == experiment.transfers[0].target:
            return given_to(found, spec, experiment.holdout, folder)
        return found

    def _transfer(
        self,
        spec: TransferSpec,
        domains: Mapping[str, Domain],
        folder: Path,
        sources: Mapping[str, Domain] | None = None,
    ) -> Transfer:
        links = {
            "user_links": None if spec.links.users is None else read_links(folder / spec.links.users),
            "item_links": None if spec.links.items is None else read_links(folder / spec.links.items),
        }
        overlap = Overlap(spec.shared, **links)
        return Transfer.of([(sources or domains)[name] for name in spec.sources], domains[spec.target], overlap)
