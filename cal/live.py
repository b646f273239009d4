"""What a command shows while it works: a table on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

EVERY_S = 15.0  # between lines where there is no terminal
SHOWN = 8  # runs under way that a table lists


class Shown:
    """Told what happens, it shows its ``headline`` and ``table`` on standard error."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.live: Live | None = None
        self.last_line = time.monotonic()

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.live = Live(self.table(), console=self.console, refresh_per_second=2)
            self.live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.live is not None:
            self.live.__exit__(kind, error, trace)

    def headline(self) -> str:
        """How far it is, one line."""
        raise NotImplementedError

    def table(self) -> Table:
        """The same with what is under way."""
        raise NotImplementedError

    def note(self, line: str) -> None:
        """Something else the user should know, as it is: brackets in errors are no markup."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self) -> None:
        """It has changed."""
        if self.live is not None:
            self.live.update(self.table())
        elif time.monotonic() - self.last_line >= EVERY_S:
            self.last_line = time.monotonic()
            self.note(self.headline())


def minutes(seconds: float) -> str:
    """``3 min 05 s``."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole} min {rest:02d} s"
