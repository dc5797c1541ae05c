"""``import foretaste`` is light, and every public name is there when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import foretaste


@pytest.mark.parametrize("name", foretaste.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert hasattr(foretaste, name)
    assert name in dir(foretaste)


def test_every_name_that_can_be_imported_is_public() -> None:
    assert sorted(foretaste._HOMES) == sorted(foretaste.__all__)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'foretaste' has no attribute 'Platfrom'$"):
        foretaste.Platfrom  # type: ignore[attr-defined] # noqa: B018


def test_importing_foretaste_waits_for_nothing_heavy() -> None:
    heavy = "numpy", "polars", "scipy", "pydantic"
    code = f"import foretaste, sys; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
