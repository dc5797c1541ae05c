"""Train on any number of domains, each with a part of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from foretaste import Carried, Context, FactorModel, Transfer
from foretaste_deep._together import Together


class Multi(Together):
    """More than two domains, all sources and the target alike, with what they share and what is each one's own.

    Every domain k has a history tower h_k, and item vectors and biases q_k, b_k: these are shared. Task t is to tell
    what people prefer in domain t from a part of their rows there and from their rows everywhere else; its own are
    residuals r_tk (d,), zeros at first, that say how it reads each other domain:

        score_t(u, i) = v_t(u) . q_ti + b_ti,  v_t(u) = b h_t(u) + (1 - b) / |K| sum_{k in K} (1 + r_tk) * h_k(u)

    K are the other domains that know u, b = n / (n + kappa), n the number of rows in t that are shown. Trained as MAMDR
    (Luo et al., MAMDR: a model agnostic learning framework for multi-domain recommendation, ICDE 2023). Domain
    negotiation: an epoch goes through the domains in shuffled order, each with as many steps as the target has, and
    moves what is shared; then that stands at before + ``outer_rate`` (after - before), which leaves less of what helps
    one domain and harms the next. Domain regularisation: the residuals of each task learn from ``helpers`` other
    domains first (what is told there, all of it read by r_t), then from the task itself, and move by the same rule.
    Departing from the paper, a domain's part in an epoch does not depend on its size, and the loss of each is scaled to
    as many items per person as the target has.
    """

    name: ClassVar[str] = "deep/multi"

    outer_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of what an epoch moved that stays; 1: the domains are trained one after the other."""
    helpers: Annotated[int, Field(ge=0)] = 1
    """Domains that a task's own residuals learn from before the task's own."""
    own_rate: Annotated[float, Field(ge=0)] = 0.1
    """Step size of a task's own residuals, as a share of ``learning_rate``; 0: all tasks read a domain alike."""

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> FactorModel:
        """Train on all domains, and hand on what serves the target, as plain arrays."""
        from foretaste_deep._negotiation import negotiation

        return negotiation(self, transfer, context).fitted()
