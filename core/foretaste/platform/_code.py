"""What a plugin's code is, as a hash of its text: by it two runs of an edited plugin are told apart.

What was installed whole lies in a Python's site-packages and goes by its version. An editable install lies elsewhere,
and goes by the text of its package, as do the files, folders and modules that were given. An object in hand goes by
the text of the module that its class is written in, and not by what it holds.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from foretaste.plugins import PluginHost, PluginReport

_INSTALLED = {"site-packages", "dist-packages"}
_Named = tuple[str, Path]
"""A file, and its name below what is hashed: the same wherever that lies."""


def code_of_core() -> str | None:
    """Return a hash of foretaste's own text where it is a checkout; None where its version says enough."""
    return _hash(_editable(sys.modules["foretaste"]))


def code_of(report: PluginReport, host: PluginHost) -> str | None:
    """Return a hash of the text of a plugin and of the strategies that it brought.

    None where its version says enough, where it was not loaded, and where there is no file, as in a notebook.
    """
    plugin = host.manager.get_plugin(report.name)
    if report.state != "loaded" or plugin is None:
        return None
    modules = {_module_of(host.catalog.strategies[name]) for name in report.strategies}
    modules.add(plugin if isinstance(plugin, ModuleType) else _module_of(type(plugin)))
    files = _own if report.distribution is None else _editable
    return _hash(file for module in modules if module is not None for file in files(module))


def _module_of(kind: type) -> ModuleType | None:
    return sys.modules.get(kind.__module__)


def _own(module: ModuleType) -> Iterator[_Named]:
    """Yield a module's file, or all of its folder where it is a package."""
    start = Path(getattr(module, "__file__", None) or "")
    if start.name == "__init__.py":
        found = (file for file in start.parent.rglob("*.py") if file.is_file())  # an editor's lock is a link to nothing
        yield from ((file.relative_to(start.parent).as_posix(), file) for file in found)
    elif start.is_file():
        yield start.name, start


def _editable(module: ModuleType) -> Iterator[_Named]:
    """Yield the files of the package around a module, unless it was installed whole."""
    root = sys.modules.get(module.__name__.partition(".")[0], module)
    found = root if getattr(root, "__file__", None) else module  # a namespace package has no file
    if not _INSTALLED & set(Path(found.__file__ or "").parts):
        yield from _own(found)


def _hash(files: Iterable[_Named]) -> str | None:
    digest, any_file = hashlib.blake2b(digest_size=16), False
    for name, path in sorted(set(files)):
        text = path.read_bytes()
        digest.update(f"{name}\n{len(text)}\n".encode())
        digest.update(text)
        any_file = True
    return digest.hexdigest() if any_file else None
