# SPDX-License-Identifier: BSD-3-Clause
"""Another model for a run that goes on: asked for by a signal, by `shiftcore load` or over MQTT, and taken between two
frames.

What takes time, reading the model and holding it against the chip, is done beside the run; the run itself only waits
for its frames under way and for the chip.
"""

import contextlib
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.banks import check_bank
from shiftcore.driver.change import Change, model_in_use
from shiftcore.driver.errors import AcceleratorError, ChipError, FrameError
from shiftcore.driver.run import Rules, Run
from shiftcore.driver.sources import Say
from shiftcore.errors import UserError
from shiftcore.model.description import ModelDescription

Rulebook = Callable[[ModelDescription], Mapping[str, Rules]]
Answer = Future[str]
"""What became of a wish: the hash of the model that is in use now, or the UserError or ChipError why it is not."""
Wish = Sequence[tuple[Path | None, int]]
"""Models, each by its file (None: the one that the build goes by now) and the bank where it is to go: all, or none."""


class Switch:
    """Takes wishes for other models from any thread, and gives them to the run that calls it between two frames
    (`Run.between`), in their order.

    `rules`: those of cameras by their names, for a model in bank 0; `say` is told what came of each wish, one line.
    """

    def __init__(self, accelerator: Accelerator, rules: Rulebook, say: Say) -> None:
        self._accelerator, self._rules, self._say = accelerator, rules, say
        self._asked: SimpleQueue[tuple[Wish, Answer] | None] = SimpleQueue()
        self._ready: deque[tuple[list[tuple[Change, int]], Answer]] = deque()
        self._thread = threading.Thread(target=self._read, daemon=True, name="models")
        self._thread.start()

    def ask(self, model: Path | None = None, bank: int = 0) -> Answer:
        """Wish for the model in the file `model` in a bank; None: for the one that the build goes by now. Returns at
        once; a signal's handler may call it."""
        return self.ask_all([(model, bank)])

    def ask_all(self, wish: Wish) -> Answer:
        """Wish for several at once: where one cannot be had none is loaded. The answer is the last one's."""
        answer: Answer = Future()
        self._asked.put((wish, answer))
        return answer

    def __call__(self, run: Run) -> None:
        """Give the run what was asked for and is ready."""
        while self._ready:
            changes, answer = self._ready.popleft()
            run.finish()  # what goes wrong with them is the run's
            try:
                for change, bank in changes:
                    self._load(run, change, bank)
            except (ChipError, FrameError) as error:
                self._refuse(answer, error)
                continue
            answer.set_result(self._accelerator.models[changes[-1][1] if changes else 0].hash)

    def _load(self, run: Run, change: Change, bank: int) -> None:
        """Where it is another: the same one would only make the cameras' clips begin anew."""
        before, now = self._accelerator.models[bank], change.loaded
        name = f"model {now.hash}" + (f" in bank {bank}" if bank else "")
        if bank >= run.banks:
            raise FrameError(f"bank {bank} has the candidate that runs beside the model in use")
        if (before.hash, before.description.identity) == (now.hash, now.description.identity):
            self._say(f"{name} is in use already")
            return
        run.load(change, self._rules(now.description) if bank == 0 else {}, bank)
        cycles = self._accelerator.load_cycles
        took = f"; {cycles:,} cycles, {cycles / self._accelerator.clock_mhz / 1e3:.2f} ms" if cycles else ""
        self._say(f"{name} from here on, in place of {before.hash}: {now.file}{took}")

    def close(self) -> None:
        """Refuse what still waits, and what comes later."""
        self._asked.put(None)
        self._thread.join()
        while self._ready:
            self._refuse(self._ready.popleft()[1], UserError("the run has ended"))

    def _read(self) -> None:
        """The thread: each model, read and held against the chip."""
        while (asked := self._asked.get()) is not None:
            wish, answer = asked
            try:
                changes = [(self._change(model), bank) for model, bank in wish]
                for _, bank in wish:
                    check_bank(bank, len(self._accelerator.models))
            except UserError as error:
                self._refuse(answer, error)
            else:
                self._ready.append((changes, answer))

    def _change(self, model: Path | None) -> Change:
        """A model, read. Raises UserError, and ShapeError for one that does not fit the chip, or this run."""
        change = self._accelerator.read(model or model_in_use(self._accelerator.build))
        change.check_inputs(self._accelerator.description)
        return change

    def _refuse(self, answer: Answer, error: AcceleratorError | UserError) -> None:
        self._say(f"the model stays: {error}")
        answer.set_exception(error)


@contextlib.contextmanager
def on_hangup(switch: Switch) -> Iterator[None]:
    """Meanwhile SIGHUP, as `systemctl reload` sends it, wishes for the model that the build goes by. Only in the first
    thread can that be set; in another one nothing is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda _number, _frame: switch.ask() and None)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL if before is None else before)
