"""Globs over the names of domains: which pairs one transfer of an experiment stands for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from foretaste.config import PlacedError
from foretaste.errors import did_you_mean

Source = str | list[str]


def is_glob(text: str, names: Collection[str]) -> bool:
    """Say whether a text stands for names, and is none itself."""
    return text not in names and any(sign in text for sign in "*?[")


def has_glob(source: Source, target: str, names: Collection[str]) -> bool:
    """Say whether a transfer stands for pairs that it does not name."""
    return any(is_glob(text, names) for text in (*_listed(source), target))


def pairs(source: Source, target: str, names: Collection[str]) -> Iterator[tuple[Source, str]]:
    """Yield each source, or list of sources, and target that a transfer with globs stands for, in the order of names.

    No domain is both: a target that a glob finds is none where it is named as a source, and the other way round.
    PlacedError names the key where a text matches nothing.
    """
    for key, text in (*(("source", text) for text in _listed(source)), ("target", target)):
        if not _matching(text, names):
            known = f"known: {', '.join(names)}{did_you_mean(text.strip('*?'), names)}"
            raise PlacedError((key,), f"no domain is {'like' if is_glob(text, names) else 'called'} '{text}'; {known}")
    if not is_glob(target, names) and target in _listed(source):
        raise PlacedError((), f"'{target}' is both source and target")
    found = False
    for one in _matching(target, names):
        for sources in _sources(source, one, names):
            found = True
            yield sources, one
    if not found:
        raise PlacedError(("source",), f"found no domain beside {target} that is meant; known: {', '.join(names)}")


def _sources(source: Source, target: str, names: Collection[str]) -> Iterator[Source]:
    if isinstance(source, str):
        yield from (name for name in _matching(source, names) if name != target)
    elif target not in source:
        together = dict.fromkeys(name for text in source for name in _matching(text, names) if name != target)
        if together:
            yield list(together)


def _listed(source: Source) -> list[str]:
    return [source] if isinstance(source, str) else source


def _matching(text: str, names: Collection[str]) -> list[str]:
    return [text] if text in names else [name for name in names if fnmatchcase(name, text)]
