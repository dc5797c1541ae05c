"""Arrays that nobody can write to: copied from what is a caller's, taken over from who made them for us."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_Held = TypeVar("_Held")


def frozen(array: NDArray[Any], dtype: Any = None) -> NDArray[Any]:
    """Return the array C-contiguous, in ``dtype`` where one is given, and read-only; the caller's own stays as it is.

    Shared is only what cannot be written to, neither the array nor what it is a view of; all else is copied.
    The order matters beyond speed: a product may round differently in another one, and a bundle holds this one.
    """
    made = np.ascontiguousarray(array, dtype)
    if not np.may_share_memory(made, array):
        return sealed(made)
    if _is_frozen(made):
        return made
    return sealed(made.copy())


def frozen_matrix(matrix: sparse.csr_matrix, dtype: Any = None) -> sparse.csr_matrix:
    """Return a CSR matrix of its own, whose three arrays are ``frozen``. Raises ValueError for what is not sparse."""
    if not sparse.issparse(matrix):
        raise ValueError(f"found {type(matrix).__name__}, expected a scipy.sparse.csr_matrix")
    rows = matrix if matrix.format == "csr" else sealed(sparse.csr_matrix(matrix))
    made = sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=rows.shape)
    made.data, made.indices, made.indptr = frozen(made.data, dtype), frozen(made.indices), frozen(made.indptr)
    return made


def sealed(held: _Held) -> _Held:
    """Return a numpy array or csr_matrix that its maker hands over, made read-only for good, and not copied.

    What it is a view of is sealed too. A recommender takes what is sealed as it is, and copies what is not.
    """
    own: Any = held
    if sparse.issparse(own):
        own.data, own.indices, own.indptr = sealed(own.data), sealed(own.indices), sealed(own.indptr)
        return held
    link = own
    while isinstance(link, np.ndarray):
        link.setflags(write=False)
        link = link.base
    # memory that is not numpy's, such as a bytearray, is held through a buffer that says that it is read-only
    return held if _is_frozen(own) else cast(_Held, np.asarray(memoryview(own)))


def _is_frozen(array: NDArray[Any]) -> bool:
    link: Any = array
    while isinstance(link, np.ndarray):
        if link.flags.writeable:
            return False
        link = link.base
    if link is None:
        return True
    try:
        return memoryview(link).readonly
    except TypeError:
        return False
