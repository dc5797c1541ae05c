import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from foretaste.errors import PluginError
from foretaste.hookspecs import hookimpl
from foretaste.plugins import PluginHost, load_plugins
from foretaste.strategy import Strategy

HEAD = """
from foretaste.hookspecs import hookimpl
from foretaste.strategy import Carried, Strategy

foretaste_api = 1


class Toy(Strategy):
    name = "toy/one"

    def pretrain(self, source, context):
        return Carried()

    def adapt(self, carried, transfer, context):
        raise ValueError("no such thing")


@hookimpl
def register_strategies():
    return [Toy]
"""


class Toy(Strategy):
    name: ClassVar[str] = "hand/toy"

    def pretrain(self, source: Any, context: Any) -> Any:
        return {}

    def adapt(self, carried: Any, transfer: Any, context: Any) -> Any:
        raise ValueError("no such thing")


class Plugin:
    """A plugin in hand that registers what it is given."""

    foretaste_api = 1

    def __init__(self, strategies: object = ()) -> None:
        self.strategies = strategies

    @hookimpl
    def register_strategies(self) -> Any:
        return self.strategies


def alone(*plugins: object, **options: Any) -> PluginHost:
    """Load plugins without those that are installed."""
    return load_plugins(plugins=plugins, entry_points=False, **options)


def refused(*plugins: object, **options: Any) -> str:
    with pytest.raises(PluginError) as caught:
        alone(*plugins, **options)
    return str(caught.value)


@pytest.fixture
def toy() -> Any:
    return SimpleNamespace(Toy=Toy, Plugin=Plugin, alone=alone, refused=refused, HEAD=HEAD)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a plugin file: our head, and what follows."""

    def write(name: str, text: str = "", *, head: str = HEAD) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + textwrap.dedent(text))
        return path

    return write


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a distribution whose entry point is a module with a given text."""
    import sys

    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    names: list[str] = []

    def install(name: str, text: str, *, distribution: str = "acme-tools", module: str | None = None) -> None:
        module = module or f"acme_{name}"
        names.append(module.partition(":")[0])
        info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        with (info / "entry_points.txt").open("a") as points:
            points.write(f"[foretaste]\n{name} = {module}\n" if not points.tell() else f"{name} = {module}\n")
        (site / f"{names[-1]}.py").write_text(text)

    yield install
    for module in names:
        sys.modules.pop(module, None)


@pytest.fixture
def report_of() -> Callable[[PluginHost, str], Any]:
    def find(host: PluginHost, name: str) -> Any:
        found: Sequence[Any] = [report for report in host.reports if report.name == name]
        assert len(found) == 1
        return found[0]

    return find
