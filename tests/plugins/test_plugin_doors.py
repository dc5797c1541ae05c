import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from foretaste.errors import ConfigError, PluginError
from foretaste.plugins import load_plugins

Write = Callable[..., Path]
Install = Callable[..., None]


def ours() -> set[str]:
    return {name for name in sys.modules if name.startswith("foretaste_plugin_")}


def test_an_object_in_hand_is_a_plugin(toy: Any) -> None:
    assert dict(toy.alone(toy.Plugin([toy.Toy])).catalog.strategies) == {"hand/toy": toy.Toy}


def test_a_module_in_hand_is_a_plugin(toy: Any) -> None:
    module = ModuleType("handmade")
    exec(toy.HEAD, module.__dict__)
    assert toy.alone(module).catalog.origins == {"toy/one": "handmade"}


def test_a_file_is_a_plugin_named_by_its_stem(toy: Any, write: Write) -> None:
    assert toy.alone(write("mine.py")).catalog.origins == {"toy/one": "mine"}


def test_a_path_as_text_starts_at_the_folder(toy: Any, write: Write, tmp_path: Path) -> None:
    write("parts/mine.py")
    assert toy.alone("parts/mine.py", folder=tmp_path).catalog.origins == {"toy/one": "mine"}


def test_a_folder_is_a_plugin_and_its_files_find_each_other(toy: Any, write: Write) -> None:
    write("my-tools/inner.py", head="NUMBER = 3\n")
    host = toy.alone(write("my-tools/__init__.py", "from .inner import NUMBER\n").parent)
    assert host.catalog.origins == {"toy/one": "my-tools"}


def test_an_installed_module_is_a_plugin_by_its_dotted_name(
    toy: Any, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("acme_dotted/__init__.py", head="")
    write("acme_dotted/tools.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert toy.alone("acme_dotted.tools").catalog.origins == {"toy/one": "acme_dotted.tools"}


def test_a_file_beside_the_config_goes_before_a_module_of_that_name(toy: Any, write: Write, tmp_path: Path) -> None:
    write("json/__init__.py")
    assert toy.alone("json", folder=tmp_path).catalog.origins == {"toy/one": "json"}


def test_an_entry_point_is_a_plugin_and_knows_its_distribution(
    toy: Any, install: Install, report_of: Callable[..., Any]
) -> None:
    install("tools", toy.HEAD)
    report = report_of(load_plugins(), "tools")
    assert (report.state, report.distribution, report.version, report.strategies) == (
        "loaded",
        "acme-tools",
        "1.2",
        ("toy/one",),
    )


def test_installed_plugins_may_be_left_out(toy: Any, install: Install) -> None:
    install("tools", toy.HEAD)
    assert load_plugins(entry_points=False).reports == ()


def test_naming_a_module_that_is_installed_as_a_plugin_changes_nothing(
    toy: Any, install: Install, report_of: Callable[..., Any]
) -> None:
    install("tools", toy.HEAD)
    host = load_plugins(plugins=["acme_tools"])
    assert report_of(host, "tools").state == "loaded"
    assert host.catalog.origins["toy/one"] == "tools"


def test_a_path_as_text_must_stay_in_the_folder(toy: Any, write: Write, tmp_path: Path) -> None:
    write("mine.py")
    (tmp_path / "inside").mkdir()
    assert "plugin ../mine.py: lies outside" in toy.refused("../mine.py", folder=tmp_path / "inside")


def test_a_link_out_of_the_folder_is_outside(toy: Any, write: Write, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "mine.py").symlink_to(write("mine.py"))
    assert "lies outside" in toy.refused("mine.py", folder=tmp_path / "inside")


def test_a_path_object_may_lead_anywhere(toy: Any, write: Write, tmp_path: Path) -> None:
    assert "toy/one" in toy.alone(write("mine.py"), folder=tmp_path / "elsewhere").catalog.strategies


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("no/such.py", "plugin no/such.py: no such file; expected a .py file, a package folder or an installed module"),
        ("such.py", "plugin such.py: no such file; expected a .py file, a package folder or an installed module"),
        ("bare", "plugin bare: no __init__.py in that folder; expected"),
        ("notes.txt", "plugin notes.txt: found a file that is not Python, expected one that ends in .py"),
        ("no_such.module", "plugin 'no_such.module' cannot be loaded: ModuleNotFoundError: No module named 'no_such'"),
        ("a" * 300, f"plugin {'a' * 300}: cannot be read: File name too long"),
    ],
)
def test_what_is_no_plugin_is_an_error(toy: Any, tmp_path: Path, given: str, words: str) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "notes.txt").touch()
    assert toy.refused(given, folder=tmp_path).startswith(words)


def test_one_text_instead_of_a_list_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^plugins: found the text 'mine\.py', expected a list$"):
        load_plugins(plugins="mine.py", entry_points=False)


def test_a_file_that_fails_names_plugin_and_file_and_keeps_the_cause(toy: Any, write: Write, tmp_path: Path) -> None:
    write("mine.py", "raise ValueError('bad day')")
    with pytest.raises(PluginError) as caught:
        toy.alone("mine.py", folder=tmp_path)
    assert str(caught.value) == "plugin 'mine' (mine.py) cannot be loaded: ValueError: bad day"
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_file_that_leaves_the_program_is_an_error(toy: Any, write: Write) -> None:
    assert "cannot be loaded: SystemExit: 3" in toy.refused(write("mine.py", "raise SystemExit(3)"))


def test_a_file_that_fails_leaves_no_module_behind(toy: Any, write: Write) -> None:
    write("mine/inner.py", head="")
    before = ours()
    toy.refused(write("mine/__init__.py", "from . import inner\nraise ValueError").parent)
    assert ours() == before


def test_a_module_that_fails_leaves_no_module_behind(
    toy: Any, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("acme_broken/inner.py", head="")
    write("acme_broken/__init__.py", "from . import inner\nraise ValueError")
    monkeypatch.syspath_prepend(str(tmp_path))
    toy.refused("acme_broken")
    assert not [name for name in sys.modules if name.startswith("acme_broken")]


def test_an_interrupt_passes_and_leaves_no_module_behind(toy: Any, write: Write) -> None:
    before = ours()
    with pytest.raises(KeyboardInterrupt):
        toy.alone(write("mine.py", "raise KeyboardInterrupt"))
    assert ours() == before


def test_the_search_path_stays_as_it_is(toy: Any, write: Write) -> None:
    before = list(sys.path)
    toy.alone(write("mine/__init__.py").parent)
    assert sys.path == before


def test_two_hosts_that_load_one_file_do_not_share_it(toy: Any, write: Write) -> None:
    path = write("mine.py")
    first, second = toy.alone(path), toy.alone(path)
    assert first.catalog.get("toy/one") is not second.catalog.get("toy/one")


def test_annotations_in_a_file_find_their_names(toy: Any, write: Write) -> None:
    head = "from __future__ import annotations\n" + toy.HEAD
    text = """
    from typing import ClassVar

    Depth = int

    class Deep(Toy):
        name: ClassVar[str] = "toy/deep"
        depth: Depth = 2

    @hookimpl
    def register_strategies():
        return [Deep]
    """
    assert toy.alone(write("mine.py", text, head=head)).catalog.make("toy/deep", {"depth": 3}).params() == {"depth": 3}


def test_a_blocked_plugin_is_not_run(toy: Any, write: Write, report_of: Callable[..., Any]) -> None:
    host = toy.alone(write("mine.py", "raise ValueError"), block=["mine"])
    assert report_of(host, "mine").state == "blocked"


def test_a_strategy_of_a_blocked_plugin_is_an_error_that_says_so(toy: Any, install: Install) -> None:
    install("toy", toy.HEAD)
    with pytest.raises(ConfigError, match=r"^unknown strategy 'toy/one': plugin 'toy' is blocked$"):
        load_plugins(block=["toy"]).catalog.get("toy/one")


def test_blocking_what_is_not_there_shows_in_the_report(toy: Any, report_of: Callable[..., Any]) -> None:
    assert report_of(toy.alone(block=["ghost"]), "ghost").reason == "blocked by name, and not installed"


@pytest.mark.parametrize("block", ["mien", "toys"])
def test_a_misspelt_name_to_block_is_an_error_before_any_code_runs(
    toy: Any, write: Write, install: Install, block: str
) -> None:
    install("toy", "raise ValueError")
    path = write("mine.py", "raise ValueError")
    meant = {"mien": "mine", "toys": "toy"}[block]
    with pytest.raises(ConfigError) as caught:
        load_plugins(plugins=[path], block=[block])
    assert str(caught.value) == f"block: no plugin is called '{block}'; did you mean '{meant}'?"


def test_core_cannot_be_blocked(toy: Any) -> None:
    with pytest.raises(ConfigError, match="core is foretaste itself, and cannot be blocked"):
        toy.alone(block=["core"])


def test_a_broken_installed_plugin_is_recorded_with_its_reason(install: Install, report_of: Callable[..., Any]) -> None:
    install("toy", "import no_such_module")
    report = report_of(load_plugins(), "toy")
    assert report.state == "broken"
    assert report.reason == (
        "plugin 'toy' (acme-tools 1.2) cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"
    )


def test_a_strategy_of_a_broken_plugin_is_an_error_with_the_reason(install: Install) -> None:
    install("toy", "import no_such_module")
    with pytest.raises(ConfigError, match=r"unknown strategy 'toy/one': plugin 'toy' \(acme-tools 1\.2\) cannot be"):
        load_plugins().catalog.get("toy/one")


def test_a_broken_installed_plugin_does_not_stop_the_others(toy: Any, install: Install) -> None:
    install("bad", "import no_such_module")
    install("good", toy.HEAD)
    assert "toy/one" in load_plugins().catalog.strategies


def test_a_broken_installed_plugin_leaves_nothing_half_registered(toy: Any, install: Install) -> None:
    install("toy", toy.HEAD + "\n@hookimpl\ndef register_metrics():\n    raise ValueError\n")
    host = load_plugins()
    assert "toy/one" not in host.catalog.strategies
    assert host.manager.get_plugin("toy") is None


def test_an_entry_point_that_takes_a_built_in_name_is_broken(toy: Any, install: Install) -> None:
    install("baseline", toy.HEAD)
    reports = [report for report in load_plugins().reports if report.name == "baseline"]
    assert [(report.distribution, report.state) for report in reports] == [
        ("foretaste", "loaded"),
        ("acme-tools", "broken"),
    ]
    assert str(reports[1].reason).startswith(
        "plugin 'baseline' (acme-tools 1.2): that name is taken by plugin 'baseline'"
    )
