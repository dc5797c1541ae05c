"""Saved source knowledge in a run: it takes the place of pretraining, for the items that it knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from foretaste.bundle import SavedCarried, load_carried
from foretaste.data import Domain, Feedback, Transfer
from foretaste.errors import BundleError, ConfigError, DataError, did_you_mean
from foretaste.evaluation import HeldOut, prepared
from foretaste.experiment import Experiment, TransferSpec
from foretaste.registry import Catalog
from foretaste.strategy import pretraining_settings

_KEYS = {"kind": "feedback", "positive_min": "positive.min", "weighting": "weighting"}
"""How an experiment says what feedback is."""

Saved = Mapping[str, SavedCarried]
"""What was saved, by the name of its source."""


def read_saved(folders: Sequence[Path], experiment: Experiment, catalog: Catalog) -> dict[str, SavedCarried]:
    """Read folders of saved source knowledge; an error where the experiment or the strategies here cannot use one."""
    found: dict[str, SavedCarried] = {}
    sources = sorted({name for spec in experiment.transfers for name in spec.sources})
    for folder in folders:
        theirs = any((folder / name).exists() for name in ("CURRENT", "run.json"))
        if not theirs and any(folder.glob("checkpoints/pretrain-*")):
            raise BundleError(
                f"{folder}: found a pretraining that is not done, expected what it carries; the same pretrain goes on"
                " from there"
            )
        one = load_carried(folder)
        name = one.manifest.source
        if name in found:
            raise ConfigError(
                f"carried: both {found[name].folder} and {one.folder} are of '{name}', expected one of them"
            )
        if name not in sources:
            known = f"its sources: {', '.join(sources)}{did_you_mean(name, sources)}"
            raise ConfigError(f"{folder}: was carried from '{name}', which is no source of the experiment; {known}")
        found[name] = one
        _check_fits(one, catalog)
    if found and experiment.holdout.kind == "time":
        name = next(iter(found))
        raise ConfigError(
            f"holdout: time hides rows of {name} that {found[name].folder} may have learnt from; hold out otherwise, or"
            " let the run pretrain"
        )
    return found


def _check_fits(one: SavedCarried, catalog: Catalog) -> None:
    """Raise an error where the strategy is not here, or is another by now."""
    said, kind = one.manifest, catalog.get(one.manifest.strategy)
    again = f"pretrain again, or use the version that wrote it ({_writer(one)})"
    if said.version != kind.carried_version:
        raise BundleError(
            f"{one.folder}: holds layout {said.version} of {said.strategy}, expected {kind.carried_version}; {again}"
        )
    try:
        made = catalog.make(said.strategy, said.params)
    except ConfigError as error:
        raise BundleError(f"{one.folder}: its settings do not fit {said.strategy}: {error}; {again}") from error
    now = set(pretraining_settings(made))
    if other := now ^ set(said.params):
        raise BundleError(
            f"{one.folder}: does not fit {said.strategy}: only one of them pretrains by {', '.join(sorted(other))};"
            f" {again}"
        )


def _writer(one: SavedCarried) -> str:
    plugin = one.manifest.metadata.get("plugin") or {}
    named = f", {plugin['distribution']} {plugin['version']}" if plugin.get("version") else ""
    return f"foretaste {one.manifest.foretaste}{named}"


def with_saved(spec: TransferSpec, saved: Saved, catalog: Catalog) -> TransferSpec:
    """Return a transfer that uses the strategy of what was saved of its sources, settings of pretraining as they were.

    Other settings of that strategy that the experiment fixes stay fixed; another strategy that it names is replaced.
    """
    mine = _of(spec.sources, saved)
    if not mine:
        return spec
    first = mine[0].manifest
    for other in mine[1:]:
        if (other.manifest.strategy, other.manifest.params) != (first.strategy, first.params):
            raise ConfigError(
                f"{mine[0].folder} and {other.folder} were pretrained by other strategies or settings"
                f" ({first.strategy}, {other.manifest.strategy}); a transfer has one"
            )
    own: dict[str, Any] = dict(spec.params) if spec.strategy == first.strategy else {}
    asked = catalog.make(first.strategy, own).params()
    for name in own.keys() & first.params.keys():
        if asked[name] != first.params[name]:
            raise ConfigError(
                f"params: {name}: found {asked[name]!r}, expected {first.params[name]!r}, as {mine[0].folder} was"
                " pretrained with"
            )
    changed = {
        "strategy": first.strategy,
        "params": own | first.params,
        "beside": [name for name in spec.beside if name != first.strategy],
    }
    return spec.model_copy(update=changed)


def _of(sources: Sequence[str], saved: Saved) -> list[SavedCarried]:
    return [saved[name] for name in sources if name in saved]


def onto_saved(domain: Domain, one: SavedCarried) -> Domain:
    """Return a source over the items (and people) of what was saved, which its arrays are in the order of.

    Rows of others are left out, with a note. DataError where no item is known, or ids or values are read otherwise.
    """
    rows, place = domain.interactions, f"{one.folder}: was carried from {domain.name}"
    if rows.feedback != one.feedback:
        then, now = _apart(one.feedback, rows.feedback)
        raise DataError(f"{place} read as {then}, found {now}; expected the same")
    items, users = one.items, rows.users if one.users is None else one.users
    if items == rows.items and users == rows.users:
        return domain
    try:
        moved = domain.onto(users, items)
    except DataError as error:
        raise DataError(f"{place} with other ids: {error}") from error
    known = int((items.rows(rows.items.ids) >= 0).sum())
    if not known or not len(moved.interactions):
        raise DataError(f"{place} with other items: it knows {known} of the {len(rows.items)} that are there now")
    notes = [f"{len(rows.items) - known} of {len(rows.items)} items are unknown to what was carried"]
    if one.users is not None:
        strangers = int((users.rows(rows.users.ids) < 0).sum())
        notes.append(f"{strangers} of {len(rows.users)} people are")
    lost = len(rows) - len(moved.interactions)
    told = f"{', '.join(notes)}: {lost} of {len(rows)} rows left out"
    return moved.noted(told) if lost else moved


def _apart(one: Feedback, other: Feedback) -> tuple[str, str]:
    """Return what two ways to read values say differently, each in words."""
    keys = [field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name)]
    then, now = (", ".join(f"{_KEYS[key]} {getattr(way, key)!r}" for key in keys) for way in (one, other))
    return then, now


def refuse_hidden(transfer: Transfer, held: Sequence[HeldOut], saved: Saved) -> None:
    """Raise ConfigError where a run would not let pretraining see all rows of a source that something was saved of."""
    sources = [pair.source for pair in prepared(transfer).pairs]
    whole = {source.name: source.interactions for source in sources if source.name in saved}
    for one in held:
        for pair in one.train.pairs:
            name = pair.source.name
            if name in whole and pair.source.interactions.fingerprint != whole[name].fingerprint:
                raise ConfigError(
                    f"{transfer.place}: {saved[name].folder} has learnt from rows of {name} that this run leaves out"
                    " (twins: drop or merge); set twins: report, or let the run pretrain"
                )


def refuse_control(transfer: Transfer, saved: Saved) -> None:
    """Raise ConfigError where permuted people or items would not be permuted in what was saved."""
    # people are exchanged with their whole histories, of which pretraining would learn the same about items again, but
    # for the lot; whose history is whose, which is what the control takes away there, is not in what was saved
    for pair in transfer.pairs:
        one = saved.get(pair.source.name)
        if one is None:
            continue
        head = f"control: {transfer.place}: {one.folder}"
        if one.users is not None:
            raise ConfigError(f"{head} holds rows of people, who cannot be permuted in it; let the run pretrain")
        if pair.user_links is None or pair.item_links is not None:
            raise ConfigError(
                f"{head} is in the order of items, which the control permutes unless people alone are shared; let the"
                " run pretrain"
            )


def told(sources: Sequence[str], saved: Saved, named: str | None) -> Iterator[str]:
    """Yield a line for the trace on each source whose knowledge was saved, instead of which strategy if not its own."""
    for one in _of(sources, saved):
        said = one.manifest
        instead = "" if named in (None, said.strategy) else f", in place of {named}"
        yield f"{said.strategy} takes what was carried from {said.source} before ({said.id[:12]}){instead}"


def other_versions(sources: Sequence[str], saved: Saved, installed: Mapping[str, str]) -> Iterator[str]:
    """Yield a note on each that another version wrote."""
    for one in _of(sources, saved):
        if one.manifest.foretaste != installed.get("foretaste", "unknown"):
            yield f"{one.manifest.source}: what was carried was written by {_writer(one)}"


def ids(sources: Sequence[str], saved: Saved) -> dict[str, str]:
    """Return the id of what was saved of each source."""
    return {one.manifest.source: one.manifest.id for one in _of(sources, saved)}
