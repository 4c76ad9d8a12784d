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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.change import Change, model_in_use
from shiftcore.driver.errors import AcceleratorError, ChipError, ShapeError
from shiftcore.driver.run import Rules, Run
from shiftcore.driver.sources import Say
from shiftcore.errors import UserError
from shiftcore.model.description import ModelDescription

Rulebook = Callable[[ModelDescription], Mapping[str, Rules]]
Answer = Future[str]
"""What became of a wish: the hash of the model that is in use now, or the UserError or ChipError why it is not."""


class Switch:
    """Takes wishes for other models from any thread, and gives them to the run that calls it between two frames
    (`Run.between`), in their order.

    `rules`: those of cameras by their names, for a model; `say` is told what came of each wish, one line.
    """

    def __init__(self, accelerator: Accelerator, rules: Rulebook, say: Say) -> None:
        self._accelerator, self._rules, self._say = accelerator, rules, say
        self._asked: SimpleQueue[tuple[Path | None, Answer] | None] = SimpleQueue()
        self._ready: deque[tuple[Change, Answer]] = deque()
        self._thread = threading.Thread(target=self._read, daemon=True, name="models")
        self._thread.start()

    def ask(self, model: Path | None = None) -> Answer:
        """Wish for the model in the file `model`; None: for the one that the build goes by now. Returns at once; a
        signal's handler may call it."""
        answer: Answer = Future()
        self._asked.put((model, answer))
        return answer

    def __call__(self, run: Run) -> None:
        """Give the run what was asked for and is ready."""
        while self._ready:
            change, answer = self._ready.popleft()
            run.finish()  # what goes wrong with them is the run's
            try:
                self._load(run, change)
            except ChipError as error:
                self._refuse(answer, error)
                continue
            answer.set_result(self._accelerator.models[0].hash)

    def _load(self, run: Run, change: Change) -> None:
        """Where it is another: the same one would only make the cameras' clips begin anew."""
        before, now = self._accelerator.models[0], change.loaded
        if (before.hash, self._accelerator.description.identity) == (now.hash, change.reference.description.identity):
            self._say(f"model {now.hash} is in use already")
            return
        run.load(change, self._rules(change.reference.description))
        cycles = self._accelerator.load_cycles
        took = f"; {cycles:,} cycles, {cycles / self._accelerator.clock_mhz / 1e3:.2f} ms" if cycles else ""
        self._say(f"model {now.hash} from here on, in place of {before.hash}: {now.file}{took}")

    def close(self) -> None:
        """Refuse what still waits, and what comes later."""
        self._asked.put(None)
        self._thread.join()
        while self._ready:
            self._refuse(self._ready.popleft()[1], UserError("the run has ended"))

    def _read(self) -> None:
        """The thread: each model, read and held against the chip."""
        while (wish := self._asked.get()) is not None:
            model, answer = wish
            try:
                change = self._accelerator.read(model or model_in_use(self._accelerator.build))
                self._check(change)
            except UserError as error:
                self._refuse(answer, error)
            else:
                self._ready.append((change, answer))

    def _check(self, change: Change) -> None:
        """Raise ShapeError for a model whose inputs are made otherwise: the cameras' earlier images stay."""
        ours, its = self._accelerator.description.preprocess, change.reference.description.preprocess
        if its != ours:
            raise ShapeError(
                f"{change.model}: its inputs are made otherwise ({its}; the run's: {ours}); start a new run"
            )

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
