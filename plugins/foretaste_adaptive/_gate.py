"""For each person, how much to trust each strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from foretaste import Blend, Carried, Context, Domain, LinearGate, Strategy, Transfer
from foretaste_adaptive._crossing import Learn, Weigh, crossed, without_transfer
from foretaste_adaptive._evidence import Evidence
from foretaste_adaptive._members import MEMBERS, Members, constant, gathered, reader
from foretaste_adaptive._mixes import Weights, gate_weights, gated, mix_of, single

_FACTS = ("target_history", "source_history", "agreement", "entropy")


class Gate(Strategy):
    """score(u, i) = sum_m w_m(u) z_m(u, i), z the members' scores brought to one scale, w a softmax of facts of u.

    Three ways to weigh are learnt from what members, fitted on other people, say of the validation plan's: all weight
    on the best one; one mix for everybody (half by ensemble selection, half by likelihood); and a gate that departs
    from the mix by how much a person has in target and source, how far the members agree, and how sure each is. Each
    is learnt on all folds but one and asked on that one; the one that ranks best there is handed on, unless it is not
    a standard error ahead of the best member that does not transfer: then that one is.
    """

    name: ClassVar[str] = "adaptive/gate"
    uses_others: ClassVar[bool] = True

    members: tuple[str, ...] = MEMBERS
    """The strategies that are mixed; those that cannot serve are passed over."""
    penalty: Annotated[float, Field(gt=0)] = 0.1
    """How firmly the gate is held to the mix for everybody: times the squares of its coefficients."""
    steps: Annotated[int, Field(ge=1)] = 20
    """How many times a member is picked for the mix for everybody."""

    def pretrain(self, source: Domain, context: Context) -> Carried:
        """Nothing is carried: what members carry is theirs."""
        return Carried()

    def adapt(self, carried: Mapping[str, Carried], transfer: Transfer, context: Context) -> Blend:
        """Fit the members, learn the weights, and mix."""
        members = gathered(self.members, _FACTS, transfer, context)
        evidence, count = members.evidence, len(members.fitted)
        if evidence is None:
            return constant(members, transfer, np.full(count, 1 / count))
        ways: dict[str, Learn] = {"one": _alone, "mix": self._mix, "gate": self._gate}
        values = {name: crossed(learn, evidence) for name, learn in ways.items()}
        best = max(values, key=lambda name: values[name].mean())
        told = ", ".join(f"{name} {found.mean():.4f}" for name, found in values.items())
        context.progress(f"{self.name}: {evidence.judge.metric.label} on people held out: {told}")
        if (instead := without_transfer(members, evidence, values[best], transfer)) is not None:
            return instead
        if best == "gate":
            return self._gated(members, evidence, transfer)
        weights = single(evidence) if best == "one" else mix_of(evidence, self.steps)
        return constant(members, transfer, weights)

    def _mix(self, evidence: Evidence) -> Weigh:
        weights = mix_of(evidence, self.steps)
        return lambda others: weights

    def _gate(self, evidence: Evidence) -> Weigh:
        mix, coefficients, center, scale = self._learnt(evidence)
        return lambda others: gate_weights(mix, coefficients, (others.facts - center) / scale)

    def _gated(self, members: Members, evidence: Evidence, transfer: Transfer) -> Blend:
        mix, coefficients, center, scale = self._learnt(evidence)
        facts = reader(_FACTS, len(mix)).facts
        gate = LinearGate(facts, np.log(np.maximum(mix, _NOTHING)), coefficients, center, scale)
        return Blend.of(transfer, members.fitted, gate, notes=members.notes)

    def _learnt(self, evidence: Evidence) -> tuple[Weights, Weights, Weights, Weights]:
        """Return the mix (members,), coefficients (members, facts), and the facts' means and deviations."""
        mix, deviation = mix_of(evidence, self.steps), evidence.facts.std(axis=0)
        center, scale = evidence.facts.mean(axis=0), np.where(deviation > _SAME, deviation, 1)
        return mix, gated(evidence, (evidence.facts - center) / scale, mix, self.penalty), center, scale


_NOTHING = 1e-12
"""What a member without weight in the mix counts: the softmax of a gate has no zero."""
_SAME = 1e-9
"""The deviation up to which a fact is the same for everybody."""


def _alone(evidence: Evidence) -> Weigh:
    weights = single(evidence)
    return lambda others: weights
