"""Processes that torch joined train one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from foretaste import Context, StrategyError  # noqa: E402 - torch may be missing
from foretaste_deep._adam import Group  # noqa: E402 - torch may be missing
from foretaste_deep._parallel import Crew  # noqa: E402
from foretaste_deep._training import Schedule, train  # noqa: E402

PEOPLE = np.arange(10, dtype=np.int64)
VALUES = torch.linspace(-1, 2, 10)


def learnt(context: Context | None = None) -> tuple[int, float]:
    """Learn the mean of ten values in batches of three, the last of which is one person."""
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)

    def loss(batch: Any) -> Any:
        return ((model.weight[0, 0] - VALUES[torch.from_numpy(batch)]) ** 2).sum() / max(len(batch), 1)

    figures = iter([0.0, 0.1, 0.3, 0.2, 0.1, 0.1])
    groups, rng = [Group(list(model.parameters()), 0.05)], np.random.default_rng(0)
    how = Schedule(5, 3, patience=2)
    kept = train("toy", model, loss, PEOPLE, groups, how, rng, context or Context(), lambda: next(figures))
    return kept, float(model.weight.detach())


def thread_names() -> list[str]:
    """Return how the threads of this process are called, where the system tells."""
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


def one_of_two(rank: int, folder: str) -> None:
    # An optimizer's first step imports this. Where that finds processes joined, it holds them beyond
    # destroy_process_group, and gloo's threads may then abort the process as it ends.
    import torch._dynamo

    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        kept, weight = learnt()
        with pytest.raises(StrategyError) as ended:
            learnt(Context(cancel=lambda: rank == 1))
        (Path(folder) / f"{rank}.txt").write_text(f"{kept} {weight!r} {ended.value}")
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
    assert not [name for name in thread_names() if "gloo" in name]


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_learn_what_one_learns_and_end_together(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(one_of_two, (str(tmp_path),), nprocs=2)
    alone = learnt()
    for rank in (0, 1):
        kept, weight, *ended = (tmp_path / f"{rank}.txt").read_text().split()
        assert int(kept) == alone[0] == 2
        assert float(weight) == pytest.approx(alone[1], abs=1e-6)
        assert ended == ["toy:", "cancelled"]  # one was told to cancel, and the other did not wait for it


def test_sparse_updates_are_for_one_process() -> None:
    crew = Crew()
    crew.size = 2
    groups = [Group([torch.nn.Parameter(torch.zeros(2, 2))], 0.1, sparse=True)]
    with pytest.raises(StrategyError, match=r"^toy: sparse updates are for one process, found 2 that train together$"):
        crew.expect_dense("toy", groups)
