import pytest

from foretaste.errors import ConfigError, MissingPackageError
from foretaste.registry import Catalog


def test_an_unknown_strategy_is_an_error_that_names_the_known_ones(catalog: Catalog) -> None:
    with pytest.raises(ConfigError) as caught:
        catalog.get("algin/ridge")
    assert str(caught.value) == (
        "unknown strategy 'algin/ridge'; known: align/ridge, baseline/ghost, baseline/popular, linear/naive-bayes;"
        " not loaded: deep; did you mean 'align/ridge'?"
    )


def test_a_strategy_of_a_blocked_plugin_says_so(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match=r"^unknown strategy 'deep/mlp': plugin 'deep' is blocked$"):
        catalog.get("deep/mlp")


def test_an_empty_catalog_knows_none() -> None:
    with pytest.raises(ConfigError, match=r"^unknown strategy 'a/b'; known: none$"):
        Catalog().get("a/b")


def test_a_strategy_is_made_with_its_settings(catalog: Catalog) -> None:
    assert catalog.make("align/ridge", {"factors": 3}).params() == {"factors": 3}


def test_wrong_settings_are_told(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match="align/ridge: factors: found 'x', expected a whole number"):
        catalog.make("align/ridge", {"factors": "x"})


def test_a_missing_package_is_told_with_the_extra_that_brings_it(catalog: Catalog) -> None:
    words = r"^baseline/ghost needs no_such_module: pip install 'foretaste\[ghosts\]'$"
    with pytest.raises(MissingPackageError, match=words):
        catalog.make("baseline/ghost", {})


def test_a_missing_package_of_a_third_party_is_told_by_its_module(catalog: Catalog) -> None:
    ghost = type("Ghost", (catalog.strategies["baseline/ghost"],), {"extra": None, "__module__": __name__})
    found = Catalog({"x/ghost": ghost}).missing("x/ghost")
    assert found == "needs no_such_module, which cannot be imported here"
