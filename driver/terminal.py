# SPDX-License-Identifier: BSD-3-Clause
"""What commands that run cameras share: lines above a live table, and an end by signals."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from shiftcore.driver import display
from shiftcore.driver.feeding.listener import Listener
from shiftcore.driver.run import Run
from shiftcore.driver.sources import Source
from shiftcore.errors import UserError


class Voice:
    """Says a line above the live table while there is one, else on standard error; each as `hide` leaves it."""

    def __init__(self, console: Console, hide: Callable[[str], str] = str) -> None:
        self.console, self.hide = console, hide

    def __call__(self, line: str) -> None:
        self.console.print(self.hide(line), soft_wrap=True, highlight=False, markup=False)

    def warn(self, lines: Iterable[str]) -> None:
        """Say each, as a warning."""
        for line in lines:
            self.console.print(f"[yellow]warning:[/] {escape(self.hide(line))}", soft_wrap=True, highlight=False)


@contextmanager
def shown(going: Run, quiet: bool, say: Voice) -> Iterator[None]:
    """The live table, drawn four times a second; not where standard output carries JSON."""
    if quiet:
        yield
        return
    accelerator = going.accelerator
    title = f"{accelerator.description.preset.name} on {accelerator.backend}"
    title += f", {accelerator.clock_mhz:g} MHz" if accelerator.compiled else ""

    class Table:
        def __rich__(self) -> Any:
            seen = [channel for channel in going.channels if not channel.gone]
            return display.table(seen, title, accelerator.clock_mhz)

    console = Console()
    if not console.is_terminal:
        yield
        console.print(Table())
        return
    elsewhere, say.console = say.console, console
    try:
        with Live(Table(), console=console, refresh_per_second=4):
            yield
    finally:
        say.console = elsewhere


@contextmanager
def stopped_by_signals(sources: list[Source], door: Listener | None = None) -> Iterator[None]:
    """A camera has no end, so where there is one, or a `door` through which some may come, Ctrl-C (or SIGTERM) is the
    end: frames under way are finished first. A second signal interrupts, as the first does where all are files."""
    if not door and not any(source.live for source in sources):
        yield
        return

    def stop() -> None:
        for source in sources:
            source.stop()
        if door:
            door.stop()

    with stopped_by_a_signal(stop):
        yield


@contextmanager
def stopped_by_a_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Meanwhile the first Ctrl-C or SIGTERM calls `stop`, and a second one interrupts."""
    interrupts = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in interrupts.items():
            signal.signal(number, handler)

    def end(_number: int, _frame: object) -> None:
        restore()
        stop()

    for number in interrupts:
        signal.signal(number, end)
    try:
        yield
    finally:
        restore()


@contextmanager
def interruptible(left: str = "what was reported and recorded so far is kept") -> Iterator[None]:
    """Ctrl-C and SIGTERM in other words than a build's: nothing goes on where this stopped; `left` is what remains."""
    try:
        yield
    except KeyboardInterrupt:
        raise UserError(f"interrupted before the end; {left}") from None
