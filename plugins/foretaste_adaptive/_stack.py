"""For each group of people, how much to trust each strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretaste import Blend, Carried, Context, Domain, Strategy, Transfer
from foretaste_adaptive._crossing import Weigh, crossed, without_transfer
from foretaste_adaptive._evidence import Evidence
from foretaste_adaptive._members import MEMBERS, by_group, gathered
from foretaste_adaptive._mixes import Weights, mix_of

_BOUNDS = (0, 20)


class Stack(Strategy):
    """score(u, i) = sum_m w_m(g(u)) z_m(u, i), z the members' scores on one scale, g newcomer, few-shot or warm.

    The weights of each group are learnt, half by ensemble selection and half by likelihood, from what members, fitted
    on other people, say of the validation plan's people of that group, and drawn to those of everybody:
    n / (n + ``shrinkage``) of them are the group's own, n its people there. Where lists by weights that others taught
    are not a standard error better than those of the best member that does not transfer, this one is served alone.
    """

    name: ClassVar[str] = "adaptive/stack"
    uses_others: ClassVar[bool] = True

    members: tuple[str, ...] = MEMBERS
    """The strategies that are mixed; those that cannot serve are passed over."""
    shrinkage: Annotated[float, Field(ge=0)] = 200.0
    """How many people's word the weights of everybody count as, in each group."""
    steps: Annotated[int, Field(ge=1)] = 20
    """How many times a member is picked for a mix."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is carried: what members carry is theirs."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Blend:
        """Fit the members, learn the weights, and mix."""
        members = gathered(self.members, (), transfer, context)
        evidence, count = members.evidence, len(members.fitted)
        if evidence is None:
            return by_group(members, transfer, np.full((len(_BOUNDS) + 1, count), 1 / count), _BOUNDS)
        mixed = crossed(self._mix, evidence)
        if (instead := without_transfer(members, evidence, mixed, transfer)) is not None:
            return instead
        return by_group(members, transfer, self._lines(evidence), _BOUNDS)

    def _mix(self, evidence: Evidence) -> Weigh:
        lines = self._lines(evidence)
        return lambda others: lines[_groups(others)]

    def _lines(self, evidence: Evidence) -> Weights:
        """Return weights (groups, members)."""
        everybody, groups = mix_of(evidence, self.steps), _groups(evidence)
        lines = []
        for group in range(len(_BOUNDS) + 1):
            mine = groups == group
            own = mix_of(evidence.taken(mine), self.steps) if mine.any() else everybody
            share = mine.sum() / max(mine.sum() + self.shrinkage, 1)
            lines.append(share * own + (1 - share) * everybody)
        return np.stack(lines)


def _groups(evidence: Evidence) -> NDArray[np.int64]:
    return np.searchsorted(_BOUNDS, evidence.target_history)
