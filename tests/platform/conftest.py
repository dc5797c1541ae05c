from pathlib import Path

import pytest

from evaluation.toy_experiment import write_shops  # not from here: "platform" is a module of Python's own


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    """A folder with the two shops."""
    write_shops(tmp_path)
    return tmp_path
