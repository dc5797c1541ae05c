from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from foretaste.hookspecs import hookimpl
from foretaste.metrics import Metric
from foretaste.plugins import load_plugins

Write = Callable[..., Path]


def test_another_api_is_refused_naming_both(toy: Any, write: Write, tmp_path: Path) -> None:
    write("mine.py", "foretaste_api = 2")
    words = "plugin 'mine' (mine.py): foretaste_api is 2, this foretaste speaks 1"
    assert toy.refused("mine.py", folder=tmp_path) == words


def test_no_api_is_refused(toy: Any) -> None:
    assert toy.refused(SimpleNamespace()) == (
        "plugin 'SimpleNamespace': foretaste_api is missing, this foretaste speaks 1"
    )


def test_another_api_of_an_installed_plugin_is_told_with_its_distribution(
    toy: Any, install: Callable[..., None], report_of: Callable[..., Any]
) -> None:
    install("tools", toy.HEAD + "foretaste_api = 2")
    words = "plugin 'tools' (acme-tools 1.2): foretaste_api is 2, this foretaste speaks 1"
    assert report_of(load_plugins(), "tools").reason == words


def test_a_class_instead_of_an_object_is_an_error(toy: Any) -> None:
    assert toy.refused(toy.Plugin) == "plugin 'Plugin': found the class Plugin; have you forgotten the ()?"


def test_a_plugin_without_a_hook_is_an_error(toy: Any) -> None:
    found = toy.refused(SimpleNamespace(foretaste_api=1, register_strategies=list))
    assert found == "plugin 'SimpleNamespace': found no hook; is @hookimpl missing?"


def test_a_misspelt_hook_is_an_error(toy: Any, write: Write, tmp_path: Path) -> None:
    write("mine.py", "@hookimpl\ndef register_strategis():\n    return []\n")
    words = "unknown hook 'register_strategis' in plugin 'mine' (mine.py); did you mean 'register_strategies'?"
    assert toy.refused("mine.py", folder=tmp_path) == words


def test_a_wrong_argument_of_a_hook_is_an_error(toy: Any, write: Write) -> None:
    found = toy.refused(write("mine.py", "@hookimpl\ndef adapt(strategy, carrier):\n    pass\n"))
    assert found.startswith("plugin 'mine' (")
    assert "hook 'adapt'" in found
    assert "{'carrier'} are declared in the hookimpl but can not be found in the hookspec" in found


def test_a_strategy_name_that_is_taken_names_both_plugins(toy: Any, write: Write, tmp_path: Path) -> None:
    write("one.py")
    write("two.py")
    words = "plugin 'two' (two.py): strategy 'toy/one' is already registered by plugin 'one' (one.py)"
    assert toy.refused("one.py", "two.py", folder=tmp_path) == words


def test_a_plugin_name_that_is_taken_names_both_plugins(toy: Any, write: Write, tmp_path: Path) -> None:
    write("one.py")
    write("more/one.py")
    words = "plugin 'one' (more/one.py): that name is taken by plugin 'one' (one.py)"
    assert toy.refused("one.py", "more/one.py", folder=tmp_path) == words


def test_a_strategy_that_is_there_twice_is_an_error(toy: Any) -> None:
    found = toy.refused(toy.Plugin([toy.Toy, toy.Toy]))
    assert found == "plugin 'Plugin': register_strategies: strategy 'hand/toy' is there twice"


def _kind(toy: Any, **attributes: Any) -> type:
    return type("Odd", (toy.Toy,), {"__module__": __name__, **attributes})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda toy: None, " returned nothing, expected a list of strategy classes"),
        (lambda toy: {"a": toy.Toy}, " returned a value of type dict, expected a list of strategy classes"),
        (lambda toy: toy.Toy, " returned the class Toy, expected a list of strategy classes"),
        (lambda toy: [toy.Toy()], ": found an instance of Toy, expected the class"),
        (lambda toy: [int], ": found the class int, expected a subclass of Strategy"),
        (lambda toy: ["toy"], ": found a value of type str, expected a subclass of Strategy"),
        (lambda toy: [_kind(toy, name="odd")], ": Odd: name is 'odd', expected plugin/strategy in small letters"),
        (
            lambda toy: [_kind(toy, name="Odd/One")],
            ": Odd: name is 'Odd/One', expected plugin/strategy in small letters",
        ),
        (lambda toy: [_kind(toy, requires="torch")], ": Odd: requires is 'torch', expected a tuple of module names"),
    ],
)
def test_what_is_no_list_of_strategies_is_an_error(toy: Any, make: Callable[[Any], object], words: str) -> None:
    plugin = SimpleNamespace(foretaste_api=1, __name__="odd", register_strategies=_returning(make(toy)))
    assert toy.refused(plugin) == f"plugin 'odd': register_strategies{words}"


def _returning(answer: object) -> Callable[[], object]:
    def register_strategies() -> object:
        return answer

    return hookimpl(register_strategies)


def test_a_strategy_without_a_name_is_an_error(toy: Any, write: Write) -> None:
    text = """
    class Nameless(Strategy):
        pretrain = Toy.pretrain
        adapt = Toy.adapt

    @hookimpl
    def register_strategies():
        return [Nameless]
    """
    assert "register_strategies: Nameless: has no name, expected one such as" in toy.refused(write("mine.py", text))


def test_a_strategy_that_lacks_a_method_is_an_error(toy: Any, write: Write) -> None:
    text = """
    class Half(Strategy):
        name = "toy/half"

    @hookimpl
    def register_strategies():
        return [Half]
    """
    assert toy.refused(write("mine.py", text)).endswith("register_strategies: Half: lacks adapt, pretrain")


def test_an_exception_in_a_register_hook_names_plugin_and_hook(toy: Any, write: Write, tmp_path: Path) -> None:
    write("mine.py", "@hookimpl\ndef register_strategies():\n    raise KeyError('x')\n")
    words = "plugin 'mine' (mine.py): hook register_strategies failed: KeyError: 'x'"
    assert toy.refused("mine.py", folder=tmp_path) == words


def test_a_register_hook_cannot_be_wrapped(toy: Any, write: Write) -> None:
    text = "@hookimpl(wrapper=True)\ndef register_metrics():\n    return (yield)\n"
    assert toy.refused(write("mine.py", text)).endswith("hook register_metrics cannot be wrapped")


class Nameless(Metric):
    def values(self, seen: Any, /) -> Any: ...


class Misnamed(Nameless):
    name = "other"


class Valueless(Metric):
    name = "a"


class Measured:
    foretaste_api = 1
    __name__ = "measured"
    answer: ClassVar[Any] = {}

    @hookimpl
    def register_metrics(self) -> Any:
        return self.answer


def test_a_plugin_may_bring_metrics(toy: Any) -> None:
    plugin = Measured()
    plugin.answer = {"mine": lambda cutoff: None}  # type: ignore[misc]
    assert toy.alone(plugin).metrics["mine"] is plugin.answer["mine"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "register_metrics returned a value of type list, expected a dict of names and metrics"),
        ({"a@3": int}, "register_metrics: found the name 'a@3', expected text without @"),
        ({"a": 3}, "register_metrics: 'a' is a value of type int, expected a metric class or a function"),
        ({"a": Nameless}, "register_metrics: Nameless: has no name, expected 'a' as it is registered"),
        ({"a": Misnamed}, "register_metrics: Misnamed: name is 'other', expected 'a' as it is registered"),
        ({"a": Valueless}, "register_metrics: Valueless: lacks values"),
        ({"ndcg": int}, "metric 'ndcg' is already registered by plugin 'core'"),
    ],
)
def test_what_are_no_metrics_is_an_error(toy: Any, answer: object, words: str) -> None:
    plugin = Measured()
    plugin.answer = answer  # type: ignore[misc]
    assert toy.refused(plugin) == f"plugin 'measured': {words}"


def test_the_built_in_metrics_are_there(toy: Any) -> None:
    assert {"ndcg", "recall"} <= set(toy.alone().metrics)
