"""The contract that foretaste ships, and the gain in a world whose right answer is known."""

from foretaste_together import Together

from foretaste.testing import StrategyContract, newcomer_lift, taste_world


class TestTogether(StrategyContract):
    strategy = Together


def test_newcomers_gain() -> None:
    assert newcomer_lift(Together(), taste_world()) > 0.05
