"""The doors that plugins come in by: entry points, files, folders, modules, objects in hand.

Nothing is loaded here but by ``Candidate.load``, so that a plugin can be blocked before its code runs.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Final

from foretaste.errors import PluginError
from foretaste.plugins._words import said

_GROUP: Final = "foretaste"


@dataclass(frozen=True)
class Candidate:
    """A plugin that is not loaded yet."""

    name: str
    code: Callable[[], object]
    """Runs the plugin's code and returns it."""
    distribution: str | None = None
    version: str | None = None
    path: str | None = None
    """As the user wrote it."""

    def __str__(self) -> str:
        origin = f"{self.distribution} {self.version}" if self.distribution else self.path
        return f"plugin '{self.name}' ({origin})" if origin else f"plugin '{self.name}'"

    def load(self) -> object:
        """Run the plugin's code; whatever it raises is a PluginError."""
        try:
            return self.code()
        except (Exception, SystemExit) as error:
            raise PluginError(f"{self} cannot be loaded: {said(error)}") from error


def installed() -> Iterator[Candidate]:
    """Yield what entry points announce; foretaste's own first, so that nobody takes their names."""
    points = importlib.metadata.entry_points(group=_GROUP)
    for point in sorted(points, key=lambda point: (not _ours(point), point.name, point.value)):
        name, version = (point.dist.name, point.dist.version) if point.dist else (None, None)
        yield Candidate(point.name, partial(_entry, point), name, version)


def given(plugin: object, folder: Path | None) -> Candidate:
    """Return the candidate that a user means by a text, a Path or an object."""
    if not isinstance(plugin, str | Path):
        name = getattr(plugin, "__name__", None) or type(plugin).__name__
        return Candidate(str(name), lambda: plugin)
    try:
        return _named(plugin, folder)
    except OSError as error:
        raise PluginError(f"plugin {plugin}: cannot be read: {error.strerror}") from error


def _named(plugin: str | Path, folder: Path | None) -> Candidate:
    if isinstance(plugin, Path):
        return _at_path((folder or Path()) / plugin, str(plugin))
    path = (folder or Path()) / plugin
    if not path.exists() and _dotted(plugin):
        return Candidate(plugin, partial(_module, plugin))
    if folder is not None and not path.resolve().is_relative_to(folder.resolve()):
        raise PluginError(f"plugin {plugin}: lies outside {folder}; a path given as text must stay in that folder")
    return _at_path(path, plugin)


def _ours(point: importlib.metadata.EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == "foretaste"


def _dotted(text: str) -> bool:
    return not text.endswith(".py") and all(step.isidentifier() for step in text.split("."))


def _at_path(path: Path, written: str) -> Candidate:
    path = path.resolve()
    start = path / "__init__.py" if path.is_dir() else path
    if not start.is_file():
        lacking = "no __init__.py in that folder" if path.is_dir() else "no such file"
        raise PluginError(f"plugin {written}: {lacking}; expected a .py file, a package folder or an installed module")
    if start.suffix != ".py":
        raise PluginError(f"plugin {written}: found a file that is not Python, expected one that ends in .py")
    name = path.name if path.is_dir() else path.stem
    return Candidate(name, partial(_file, name, start), path=written)


def _entry(point: importlib.metadata.EntryPoint) -> object:
    with _nothing_left(point.module, before=set(sys.modules)):
        return point.load()


def _module(name: str) -> ModuleType:
    with _nothing_left(name, before=set(sys.modules)):
        return importlib.import_module(name)


def _file(name: str, start: Path) -> ModuleType:
    place = _reserve(f"foretaste_plugin_{re.sub(r'[^0-9a-zA-Z_]', '_', name)}")
    with _nothing_left(place, before=()):
        inside = [str(start.parent)] if start.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(place, start, submodule_search_locations=inside)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[place] = module  # dataclasses and pydantic look there for the names in annotations
        spec.loader.exec_module(module)
        return module


def _reserve(stem: str) -> str:
    """Take a module name that nobody has, so that two hosts which load one file do not meet."""
    placeholder = ModuleType(stem)
    number = 1
    while sys.modules.setdefault(f"{stem}_{number}", placeholder) is not placeholder:  # one step, also among threads
        number += 1
    return f"{stem}_{number}"


@contextmanager
def _nothing_left(module: str, before: Collection[str]) -> Iterator[None]:
    """On an error, take a module and its kin out of sys.modules, but for those that were there before."""
    root = module.partition(".")[0]
    try:
        yield
    except BaseException:
        for name in [name for name in sys.modules if name.partition(".")[0] == root and name not in before]:
            del sys.modules[name]
        raise
