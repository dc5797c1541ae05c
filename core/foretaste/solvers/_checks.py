"""What a solver asks of its arguments; each check raises ValueError with one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse


def check_csr(name: str, matrix: Any, *, n_rows: int | None = None, n_columns: int | None = None) -> None:
    """Refuse what is not a finite CSR matrix of the given shape; None leaves that side free."""
    if not issparse(matrix) or matrix.format != "csr":
        raise ValueError(f"{name} is a {_kind(matrix)}; expected a scipy.sparse.csr_matrix.")
    _check_shape(name, matrix.shape, (n_rows, n_columns))
    _check_finite(name, matrix.data)


def check_dense(name: str, array: Any, *shape: int | None, finite: bool = True) -> NDArray[Any]:
    """Return ``array`` if it is dense, finite, real and of the given shape; None leaves that side free."""
    if issparse(array) or not isinstance(array, np.ndarray):
        raise ValueError(f"{name} is a {_kind(array)}; expected a numpy array.")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {array.dtype}; expected real numbers.")
    _check_shape(name, array.shape, shape)
    if finite:
        _check_finite(name, array)
    return array


def check_dense_or_csr(name: str, array: Any, *shape: int | None) -> NDArray[Any] | csr_matrix:
    """Return ``array`` if it is either, finite and of the given two-dimensional shape."""
    if not issparse(array):
        return check_dense(name, array, *shape)
    n_rows, n_columns = shape
    check_csr(name, array, n_rows=n_rows, n_columns=n_columns)
    return array


def check_positive(name: str, value: float) -> None:
    """Refuse anything but a finite number above zero."""
    if not (_is_finite(value) and value > 0):
        raise ValueError(f"{name} is {value!r}; expected a finite number above 0.")


def check_not_negative(name: str, value: float) -> None:
    """Refuse anything but a finite number of zero or more."""
    if not (_is_finite(value) and value >= 0):
        raise ValueError(f"{name} is {value!r}; expected a finite number of 0 or more.")


def check_count(name: str, value: int) -> None:
    """Refuse anything but a whole number of at least one."""
    if not is_count(value):
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1.")


def is_count(value: Any) -> bool:
    """Say whether this is a whole number of at least one; True and 1.0 are not."""
    return not isinstance(value, bool) and isinstance(value, int | np.integer) and bool(value >= 1)


def _is_finite(value: Any) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return number and bool(np.isfinite(value))


def _kind(value: Any) -> str:
    return f"{value.format} matrix" if issparse(value) else type(value).__name__


def _check_shape(name: str, found: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    fits = len(found) == len(expected) and all(e in (None, f) for f, e in zip(found, expected, strict=True))
    if not fits:
        wanted = ", ".join("any" if side is None else str(side) for side in expected)
        raise ValueError(f"{name} has shape {found}; expected ({wanted}{',' if len(expected) == 1 else ''}).")


def _check_finite(name: str, values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinity; expected finite numbers.")
