"""Adam for tables that are moved whole, and for those of which a step moves the rows that it touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

State = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Group:
    """Parameters that learn at one rate; from ``thaw`` epochs on, before which they stand still.

    Of ``sparse`` ones, tables whose gradients have the rows that a step touched, only these rows move. Others are drawn
    to where they are at ``home`` (as the parameters; zeros where nothing is given): ``pull`` weighs the squared
    distance, as if the loss had it, at a fraction of the time.
    """

    parameters: Sequence[nn.Parameter]
    rate: float
    thaw: int = 0
    sparse: bool = False
    pull: float = 0.0
    home: Sequence[torch.Tensor] = ()


class Adam:
    """Kingma and Ba, ICLR 2015: fused; and lazy for sparse groups, whose moments too stand still where no row moves."""

    def __init__(self, groups: Sequence[Group]) -> None:
        some = [group for group in map(_filled, groups) if len(group.parameters)]
        self._dense = [group for group in some if not group.sparse]
        self._sparse = [group for group in some if group.sparse]
        self._each: list[torch.optim.Optimizer] = []
        if self._dense:
            self._each.append(torch.optim.Adam(_of(self._dense), fused=True))
        if self._sparse:
            self._each.append(torch.optim.SparseAdam(_of(self._sparse)))
        self.parameters = [p for group in some for p in group.parameters]

    def begin(self, epoch: int, share: float) -> None:
        """Set step sizes for an epoch, in which ``share`` of each is left."""
        ordered = [*self._dense, *self._sparse]
        for group, held in zip(ordered, (one for adam in self._each for one in adam.param_groups), strict=True):
            held["lr"] = group.rate * share * (epoch >= group.thaw)

    def forget(self) -> None:
        """Drop the gradients of the step before."""
        for one in self.parameters:
            one.grad = None

    def step(self, longest: float) -> None:
        """Move by gradients of this length at most, all shortened by the same share, and by what draws parameters."""
        values = []
        for one in self.parameters:
            if one.grad is not None and one.grad.is_sparse:
                one.grad = one.grad.coalesce()
                values.append(one.grad.values())
            elif one.grad is not None:
                values.append(one.grad)
        length = float(torch.stack([torch.dot(one.reshape(-1), one.reshape(-1)) for one in values]).sum().sqrt())
        if length > longest:
            torch._foreach_mul_(values, longest / length)
        for group in self._dense:
            if group.pull and group.home:
                pairs = zip(group.parameters, group.home, strict=True)
                moved = [(one.grad, home) for one, home in pairs if one.grad is not None]
                torch._foreach_add_([grad for grad, _ in moved], [home for _, home in moved], alpha=-2 * group.pull)
        for adam in self._each:
            adam.step()

    def state(self) -> State:
        """Return the moments."""
        return {
            f"{number}.{place}.{key}": torch.as_tensor(value)
            for number, adam in enumerate(self._each)
            for place, one in adam.state_dict()["state"].items()
            for key, value in one.items()
        }

    def restore(self, state: State) -> None:
        """Go on with these moments."""
        for number, adam in enumerate(self._each):
            found: dict[int, dict[str, object]] = {}
            for name, value in state.items():
                of, place, key = name.split(".", 2)
                if int(of) == number:
                    lazy = key == "step" and isinstance(adam, torch.optim.SparseAdam)
                    found.setdefault(int(place), {})[key] = int(value) if lazy else value
            adam.load_state_dict({"state": found, "param_groups": adam.state_dict()["param_groups"]})


def _filled(group: Group) -> Group:
    """Return the group without parameters that hold nothing, on which steps would lose time."""
    kept = [place for place, one in enumerate(group.parameters) if one.numel()]
    home = [group.home[place] for place in kept] if group.home else ()
    return replace(group, parameters=[group.parameters[place] for place in kept], home=home)


def _of(groups: Sequence[Group]) -> list[dict[str, object]]:
    # a step size of 0 is refused by SparseAdam, and none is taken before begin() sets them all
    named = [{"params": list(group.parameters), "lr": group.rate} for group in groups]
    for one, group in zip(named, groups, strict=True):
        if not group.sparse:
            one["weight_decay"] = 2 * group.pull  # towards zeros; step() adds what leads home instead
    return named
