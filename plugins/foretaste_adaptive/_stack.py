"""For each group of people, how much to trust each strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from foretaste import Blend, Carried, Context, Domain, GroupGate, Strategy, Transfer
from foretaste_adaptive._members import MEMBERS, gathered
from foretaste_adaptive._mixes import mix_of

_BOUNDS = (0, 20)


class Stack(Strategy):
    """score(u, i) = sum_m w_m(g(u)) z_m(u, i), z the members' scores on one scale, g newcomer, few-shot or warm.

    The weights of each group are learnt, half by ensemble selection and half by likelihood, from what members, fitted
    on other people, say of the validation plan's people of that group, and drawn to those of everybody:
    n / (n + ``shrinkage``) of them are the group's own, n its people there.
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
            even = np.full((len(_BOUNDS) + 1, count), 1 / count)
            return Blend.of(transfer, members.fitted, GroupGate(even, _BOUNDS), notes=members.notes)
        everybody = mix_of(evidence, self.steps)
        groups = np.searchsorted(_BOUNDS, evidence.target_history)
        lines = []
        for group in range(len(_BOUNDS) + 1):
            mine = groups == group
            own = mix_of(evidence.taken(mine), self.steps) if mine.any() else everybody
            share = mine.sum() / max(mine.sum() + self.shrinkage, 1)
            lines.append(share * own + (1 - share) * everybody)
        return Blend.of(transfer, members.fitted, GroupGate(np.stack(lines), _BOUNDS), notes=members.notes)
