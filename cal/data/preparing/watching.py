"""How far ``prepare`` and ``check`` are, live."""

import time

from rich.table import Table

from cal.data.preparing.prepare import Step
from cal.live import Shown, minutes


class Watching(Shown):
    """Told each step; the time left is by the speed since it began."""

    def __init__(self, what: str = "samples") -> None:
        """``what`` is counted."""
        super().__init__()
        self.what = what
        self.begun, self.first = time.monotonic(), 0
        self.step = Step(0, 0, 0)

    def __call__(self, step: Step) -> None:
        """The first step tells what was done before."""
        if self.step.total == 0:
            self.begun, self.first = time.monotonic(), step.done
        self.step = step
        self.show()

    def time_left(self) -> str:
        """Minutes and seconds, or a dash before anything was measured."""
        done = self.step.done - self.first
        if done <= 0:
            return "-"
        return minutes((time.monotonic() - self.begun) / done * (self.step.total - self.step.done))

    def headline(self) -> str:
        """One line: samples, faults, time left."""
        step = self.step
        faults = f", {step.faults} damaged or missing" if step.faults else ""
        return f"{step.done} of {step.total} {self.what}{faults}, {self.time_left()} left"

    def table(self) -> Table:
        """The headline."""
        return Table(title=self.headline(), title_justify="left")
