"""How far a run is: on a terminal a bar for each transfer, over strategies and repeats; elsewhere nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


@contextmanager
def progress(*, hidden: bool = False) -> Iterator[Callable[[str], None]]:
    """Yield what takes lines about the work going on, and shows them on stderr if that is a terminal."""
    from rich.console import Console

    terminal = Console(stderr=True)
    if hidden or not terminal.is_terminal:
        yield lambda line: None
        return
    with _bars(terminal) as bars:
        yield _Teller(bars).tell


class _Teller:
    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.current: TaskID = bars.add_task("starting", total=None)
        self.total: int | None = None

    def tell(self, line: str) -> None:
        """Show a line beside the bar that it belongs to; a step 0 begins the next bar."""
        from foretaste.strategy import Step

        if not isinstance(line, Step):
            self.bars.update(self.current, description=line)
            return
        if line.done == 0 and self.total is not None:
            self.bars.update(self.current, completed=self.total)
            self.current = self.bars.add_task(line)
        self.total = line.total
        self.bars.update(self.current, description=line, completed=line.done, total=line.total)


def _bars(terminal: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    line = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1))
    return Progress(
        line, BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), console=terminal, transient=True, expand=True
    )
