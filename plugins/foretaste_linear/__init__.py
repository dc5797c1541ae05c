"""Transfer without deep learning."""

from foretaste import Strategy, hookimpl
from foretaste_linear._ease import Ease
from foretaste_linear._naive_bayes import NaiveBayes
from foretaste_linear._neighbours import Neighbours
from foretaste_linear._ridge import Ridge
from foretaste_linear._svm import Svm

foretaste_api = 1


@hookimpl
def register_strategies() -> list[type[Strategy]]:
    """Return the linear strategies."""
    return [NaiveBayes, Neighbours, Ridge, Ease, Svm]
