"""What a call costs in a process of its own, so that its peak memory is its own; and which machine that was."""

import os
import platform
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """CPU seconds of all threads, and memory in MB: what there was before the call, and the most there was."""

    cpu: float
    before: float
    peak: float

    @property
    def grown(self) -> float:
        """MB that the call needed beside what was there."""
        return max(self.peak - self.before, 0.0)


def cost_of(call: Callable[[], object]) -> Cost:
    """Call, in this process."""
    with suppress(OSError):  # elsewhere the peak counts from the start of the process
        Path("/proc/self/clear_refs").write_text("5")
    before, started = _resident("VmRSS"), resource.getrusage(resource.RUSAGE_SELF)
    call()
    ended = resource.getrusage(resource.RUSAGE_SELF)
    cpu = ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime
    return Cost(cpu, before, _resident("VmHWM"))


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function of a module returns, called in a fresh interpreter."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def machine() -> str:
    """Return the line that stands above figures."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "polars", "implicit"))
    where = f"{platform.machine()}, {os.cpu_count()} cores ({_processor()}), {gigabytes:.0f} GiB"
    return f"Machine: {where}; Python {platform.python_version()}, {packages}."


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
