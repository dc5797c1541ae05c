"""What bends a linear map."""

import numpy as np
import pytest

from foretaste import Correction
from recommender.toy_recommenders import correction

X = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)


@pytest.mark.parametrize("gated", [False, True])
def test_what_is_added_is_linear_in_a_person_whose_gates_are_held(gated):
    made, aim = correction(gated), np.array([1.0, -2.0, 0.5, 3.0])
    for x in X:
        values = x @ made.inner + made.inner_offset
        opened = np.tanh(x @ made.gate + made.gate_offset) if gated else values > 0
        direction = made.inner @ (opened * (made.outer @ aim))
        np.testing.assert_allclose(made.direction(x, aim), direction, rtol=1e-4)
        expected = x @ direction + (made.inner_offset * opened) @ made.outer @ aim
        np.testing.assert_allclose(made.added(x[None])[0] @ aim, expected, rtol=1e-3, atol=1e-5)


def test_a_share_of_it_adds_that_share():
    made = correction(gated=True)
    np.testing.assert_allclose(made.scaled(0.25).added(X), made.added(X) / 4, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inner_offset": np.zeros(4)}, r"inner_offset: found shape \(4,\), expected \(3,\)"),
        ({"outer": np.zeros((2, 4))}, r"outer: found shape \(2, 4\), expected \(3, 4\)"),
        ({"gate": np.zeros((5, 2))}, r"gate: found shape \(5, 2\), expected \(5, 3\)"),
        ({"gate_offset": None}, "gate and gate_offset go together"),
        ({"inner": np.zeros(5)}, r"inner_offset: found shape"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, words):
    made = correction(gated=True)
    parts = {name: getattr(made, name) for name in ("inner", "inner_offset", "outer", "gate", "gate_offset")}
    with pytest.raises(ValueError, match=words):
        Correction(**{**parts, **change})
