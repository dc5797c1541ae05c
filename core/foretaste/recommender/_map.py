"""The three forms of a map from history items to target items: dense, sparse, or a pair of factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foretaste.data import frozen, frozen_matrix

ItemMap: TypeAlias = sparse.csr_matrix | NDArray[np.float32] | tuple[NDArray[np.float32], NDArray[np.float32]]
"""(items, target items), dense or sparse, or factors (items, r) and (r, target items)."""


def settled(item_map: ItemMap) -> ItemMap:
    """Return the map in its one layout, read-only: what is dense as C-contiguous float32, what is sparse as CSR."""
    if isinstance(item_map, tuple):
        left, right = frozen(item_map[0], np.float32), frozen(item_map[1], np.float32)
        if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
            raise ValueError(f"map: found factors {left.shape} and {right.shape}, expected (n, r) and (r, m)")
        return left, right
    if sparse.issparse(item_map):
        return frozen_matrix(item_map, np.float32)
    if np.ndim(item_map) != 2:
        raise ValueError(f"map: found {np.ndim(item_map)} dimensions, expected 2")
    return frozen(np.asarray(item_map), np.float32)


def map_shape(item_map: ItemMap) -> tuple[int, int]:
    """Return (items, target items)."""
    if isinstance(item_map, tuple):
        return item_map[0].shape[0], item_map[1].shape[1]
    return int(item_map.shape[0]), int(item_map.shape[1])


def map_columns(item_map: ItemMap, rows: NDArray[np.int64], column: int) -> NDArray[np.float32]:
    """Return the entries (len(rows),) of one column."""
    if isinstance(item_map, tuple):
        return np.asarray(item_map[0][rows] @ item_map[1][:, column])
    if isinstance(item_map, np.ndarray):
        return np.asarray(item_map[rows, column])
    return np.asarray(item_map[rows][:, [column]].toarray(), np.float32).ravel()


def map_rows(item_map: ItemMap, row: int) -> NDArray[np.float32]:
    """Return one row (target items,)."""
    if isinstance(item_map, tuple):
        return np.asarray(item_map[0][row] @ item_map[1])
    if isinstance(item_map, np.ndarray):
        return np.array(item_map[row])
    return np.asarray(item_map[[row]].toarray(), np.float32).ravel()


def map_arrays(item_map: ItemMap) -> tuple[str, dict[str, NDArray[Any]]]:
    """Return the form and the arrays of a map."""
    if isinstance(item_map, tuple):
        return "factors", {"left": item_map[0], "right": item_map[1]}
    if isinstance(item_map, np.ndarray):
        return "dense", {"map": item_map}
    return "sparse", {"data": item_map.data, "indices": item_map.indices, "indptr": item_map.indptr}


def map_from(form: str, parts: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> ItemMap:
    """Return the map that ``map_arrays`` took apart; ValueError or KeyError where the parts do not fit."""
    if form == "factors":
        return parts["left"], parts["right"]
    if form == "sparse":
        matrix = sparse.csr_matrix((parts["data"], parts["indices"], parts["indptr"]), shape=shape)
        matrix.check_format(full_check=True)
        return matrix
    if form == "dense":
        return parts["map"]
    raise ValueError(f"map: found form '{form}', expected dense, sparse or factors")
