"""The transfers of a run, one after another, and what their bundles say of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from foretaste.data import Transfer
from foretaste.experiment import TransferSpec
from foretaste.platform._carried import Saved, ids
from foretaste.platform._fit import Fitter
from foretaste.platform._output import Output
from foretaste.platform._pairs import servable
from foretaste.platform._run import Job, Ready, make_ready, run_transfer
from foretaste.result import TransferResult


def run_all(jobs: Sequence[Job], fitter: Fitter, out: Output) -> tuple[list[TransferResult], list[str]]:
    """Take what an equal run finished, make the rest ready, and only then begin: a mistake changes nothing.

    Returns the results, and a line for each pair that is left out.
    """

    def todo_of(place: int) -> TransferResult | Ready:
        earlier = out.finished(jobs[place].key)
        return earlier if isinstance(earlier, TransferResult) else make_ready(jobs[place], fitter, earlier)

    todo, left_out = servable([job.spec for job in jobs], todo_of)
    out.begin()
    results = []
    for place in list(todo):
        job, one = jobs[place], todo.pop(place)  # what was made ready is large
        results.append(one if isinstance(one, TransferResult) else run_transfer(one, fitter))
        out.tell(job.key, partial(fitter.host.call, "run_finished", result=results[-1]))
    return results, left_out


def about(transfer: Transfer, fingerprint: str, installed: dict[str, str]) -> dict[str, Any]:
    """Return what a bundle's manifest says of the run."""
    among = {} if transfer.target.candidates is None else {"metrics_among": "given candidates"}
    return {"fingerprint": fingerprint, "versions": installed, **among}


def carried_of(spec: TransferSpec, saved: Saved) -> dict[str, Any]:
    """Return what it says of what was pretrained before, if anything was."""
    return {"carried": found} if (found := ids(spec.sources, saved)) else {}
