"""Domains, pairs and transfers: data is validated once, at the door, and frozen after."""

from foretaste.data._domain import Domain
from foretaste.data._facts import PairFacts
from foretaste.data._feature_matrices import FeatureMatrices, feature_matrices
from foretaste.data._features import Features
from foretaste.data._frozen import frozen, frozen_matrix, sealed
from foretaste.data._given import with_given
from foretaste.data._index import Index
from foretaste.data._interactions import Feedback, Interactions
from foretaste.data._links import read_links
from foretaste.data._readers import read_table
from foretaste.data._spec import DomainSpec, MinimumSpec
from foretaste.data._transfer import DomainPair, Overlap, Shared, Transfer, said_twice, span

__all__ = [
    "Domain",
    "DomainPair",
    "DomainSpec",
    "FeatureMatrices",
    "Features",
    "Feedback",
    "Index",
    "Interactions",
    "MinimumSpec",
    "Overlap",
    "PairFacts",
    "Shared",
    "Transfer",
    "feature_matrices",
    "frozen",
    "frozen_matrix",
    "read_links",
    "read_table",
    "said_twice",
    "sealed",
    "span",
    "with_given",
]
