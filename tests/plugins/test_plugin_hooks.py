from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from foretaste.data import Domain, DomainSpec, Overlap, PairFacts, Transfer
from foretaste.errors import DataError, PluginError, StrategyError
from foretaste.hookspecs import Hooks, hookimpl
from foretaste.registry import Decision, parse_registry
from foretaste.strategy import Carried, Context

Write = Callable[..., Path]
HOOKS = [name for name in vars(Hooks) if not name.startswith("_")]
LAST = "version: 1\nrules: [{use: [{strategy: toy/one}]}]"


@pytest.fixture
def transfer() -> Transfer:
    domains = [
        Domain.from_frame(pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"]}), name)
        for name in ("books", "films")
    ]
    return Transfer.of(domains[0], domains[1], Overlap("users"))


def raising(error: BaseException) -> Any:
    """Make a plugin whose load_domain raises."""

    def load_domain(name: str, spec: DomainSpec) -> None:
        raise error

    return SimpleNamespace(foretaste_api=1, __name__="odd", load_domain=hookimpl(load_domain))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_when_it_is_called(hook: str) -> None:
    assert "Called once per" in (getattr(Hooks, hook).__doc__ or "")


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_known_to_a_host(toy: Any, hook: str) -> None:
    assert getattr(toy.alone().manager.hook, hook).has_spec()


def test_core_reads_files_in_the_folder(toy: Any, tmp_path: Path) -> None:
    (tmp_path / "books.csv").write_text("user_id,item_id\na,x\nb,y\n")
    found = toy.alone(folder=tmp_path).call("load_domain", name="books", spec=DomainSpec(path="books.csv"))
    assert len(found.interactions) == 2


def test_core_leaves_other_kinds_to_plugins(toy: Any) -> None:
    assert toy.alone().call("load_domain", name="books", spec=DomainSpec(kind="lake")) is None


def test_core_chooses_by_the_registry(toy: Any, write: Write, transfer: Transfer) -> None:
    host = toy.alone(write("mine.py"))
    found = host.call(
        "choose_strategy",
        facts=[PairFacts.of(transfer.pair)],
        transfer=transfer,
        registry=parse_registry(LAST, "r.yaml"),
        catalog=host.catalog,
        context=Context(),
    )
    assert found == Decision("toy/one", {}, "r.yaml:2 (rule 1)", ("r.yaml:2 (rule 1): toy/one chosen",))


def test_core_lets_the_strategy_pretrain(toy: Any, write: Write, transfer: Transfer) -> None:
    host = toy.alone(write("mine.py"))
    strategy = host.catalog.make("toy/one", {})
    found = host.call("pretrain", strategy=strategy, source=transfer.pair.source, context=Context())
    assert isinstance(found, Carried)


def test_a_plugin_answers_before_core_and_the_last_given_first(toy: Any) -> None:
    asked: list[str] = []

    def plugin(name: str) -> Any:
        def load_domain(spec: DomainSpec) -> None:
            asked.append(name)

        return SimpleNamespace(foretaste_api=1, __name__=name, load_domain=hookimpl(load_domain))

    toy.alone(plugin("first"), plugin("second")).call("load_domain", name="x", spec=DomainSpec(kind="lake"))
    assert asked == ["second", "first"]


def test_a_plugin_may_wrap_a_hook(toy: Any, tmp_path: Path) -> None:
    seen: list[Any] = []

    def load_domain(name: str) -> Any:
        found = yield
        seen.append(name)
        return found

    plugin = SimpleNamespace(foretaste_api=1, load_domain=hookimpl(wrapper=True)(load_domain))
    (tmp_path / "a.csv").write_text("user_id,item_id\na,x\n")
    toy.alone(plugin, folder=tmp_path).call("load_domain", name="a", spec=DomainSpec(path="a.csv"))
    assert seen == ["a"]


def test_an_exception_in_a_hook_names_hook_and_plugin_and_keeps_the_cause(toy: Any) -> None:
    error = ValueError("no such lake")
    with pytest.raises(PluginError) as caught:
        toy.alone(raising(error)).call("load_domain", name="a", spec=DomainSpec(kind="lake"))
    assert str(caught.value) == "hook load_domain failed in plugin 'odd': ValueError: no such lake"
    assert caught.value.__cause__ is error


def test_an_exception_in_a_strategy_names_the_plugin_that_brought_it(
    toy: Any, write: Write, transfer: Transfer
) -> None:
    host = toy.alone(write("mine.py"))
    strategy = host.catalog.make("toy/one", {})
    with pytest.raises(StrategyError, match=r"^hook adapt failed in plugin 'mine': ValueError: no such thing$"):
        host.call("adapt", strategy=strategy, carried={}, transfer=transfer, context=Context())


def test_an_exception_deep_in_a_package_names_the_plugin_around_it(toy: Any, write: Write, transfer: Transfer) -> None:
    write("mine/deep.py", "def fit():\n    return [].pop()\n", head="")
    text = "from .deep import fit\nToy.adapt = lambda self, carried, transfer, context: fit()\n"
    host = toy.alone(write("mine/__init__.py", text).parent)
    strategy = host.catalog.make("toy/one", {})
    with pytest.raises(StrategyError, match=r"failed in plugin 'mine': IndexError"):
        host.call("adapt", strategy=strategy, carried={}, transfer=transfer, context=Context())


def test_an_exception_in_a_strategy_from_elsewhere_names_the_plugin_that_registered_it(
    toy: Any, transfer: Transfer
) -> None:
    elsewhere = type("Far", (toy.Toy,), {"__module__": "far", "name": "far/one", "adapt": eval("lambda *_: 1 / 0", {})})
    plugin = SimpleNamespace(foretaste_api=1, __name__="near", register_strategies=hookimpl(lambda: [elsewhere]))
    host = toy.alone(plugin)
    with pytest.raises(StrategyError, match=r"failed in plugin 'near': ZeroDivisionError"):
        host.call("adapt", strategy=elsewhere(), carried={}, transfer=transfer, context=Context())


@pytest.mark.parametrize("code", [0, 3, "bye"])
def test_a_plugin_that_ends_the_process_is_an_error(toy: Any, code: Any) -> None:
    with pytest.raises(PluginError) as caught:
        toy.alone(raising(SystemExit(code))).call("load_domain", name="a", spec=DomainSpec(kind="lake"))
    assert str(caught.value) == f"hook load_domain failed in plugin 'odd': SystemExit: {code}"


def test_what_a_plugin_says_in_many_lines_is_folded_to_one(toy: Any) -> None:
    error = ValueError("no such lake\n  looked in:\n\n    a\n" + "b" * 400)
    with pytest.raises(PluginError) as caught:
        toy.alone(raising(error)).call("load_domain", name="a", spec=DomainSpec(kind="lake"))
    words = "hook load_domain failed in plugin 'odd': ValueError: no such lake looked in: a bbb"
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith("bbb ...")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


def test_our_own_errors_pass_as_they_are(toy: Any) -> None:
    error = DataError("row 3")
    with pytest.raises(DataError) as caught:
        toy.alone(raising(error)).call("load_domain", name="a", spec=DomainSpec(kind="lake"))
    assert caught.value is error


def test_an_interrupt_passes(toy: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        toy.alone(raising(KeyboardInterrupt())).call("load_domain", name="a", spec=DomainSpec(kind="lake"))


def test_an_answer_of_another_type_is_an_error(toy: Any, transfer: Transfer) -> None:
    host = toy.alone(toy.Plugin([toy.Toy]))
    with pytest.raises(PluginError, match=r"^hook pretrain returned a value of type dict, expected a Carried$"):
        host.call("pretrain", strategy=toy.Toy(), source=transfer.pair.source, context=Context())


def test_two_hosts_share_nothing(toy: Any) -> None:
    first, second = toy.alone(toy.Plugin([toy.Toy])), toy.alone()
    assert first.manager is not second.manager
    assert first.manager.hook.load_domain is not second.manager.hook.load_domain
    assert (dict(second.catalog.strategies), second.reports) == ({}, ())


def test_what_one_host_registers_later_stays_its_own(toy: Any) -> None:
    first, second = toy.alone(), toy.alone()
    first.manager.register(toy.Plugin([toy.Toy]), "late")
    assert second.manager.get_plugin("late") is None


def test_one_object_may_serve_two_hosts(toy: Any) -> None:
    plugin = toy.Plugin([toy.Toy])
    assert [list(toy.alone(plugin).catalog.strategies) for _ in range(2)] == [["hand/toy"], ["hand/toy"]]
