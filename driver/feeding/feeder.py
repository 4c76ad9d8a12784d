# SPDX-License-Identifier: BSD-3-Clause
"""A feeder: it decodes cameras, shrinks their images to what a board's network takes, and sends them there."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from shiftcore.driver.feeding.link import (
    IMAGE,
    LOST,
    PULSE,
    PULSE_S,
    Answer,
    FeederKey,
    Header,
    Hello,
    LinkError,
    RefusedError,
    receive_line,
    send_line,
)
from shiftcore.driver.sources import Image, Say, Source, interleave
from shiftcore.errors import UserError
from shiftcore.model.preprocess import to_input

PAUSE_S = (1.0, 30.0)  # before a board is called again: at first, and at most; it doubles from one to the next
_NAP_S = 0.002


@dataclass
class Feeder:
    """All cameras `names` to the board at `host`:`port`, which is called again for as long as this runs. `open_all`
    opens their sources for what the board wants of them. While the board is away cameras go on, and their oldest images
    are dropped (`driver.sources.Live`); a file waits.

    After a loss each camera's next image begins a clip, since nobody knows which ones before it arrived.
    """

    host: str
    port: int
    key: FeederKey
    names: Sequence[str]
    open_all: Callable[[Answer], Iterable[Source]]
    say: Say
    images: int = field(init=False, default=0)
    sources: list[Source] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._wanted: Answer | None = None
        self._lost: set[int] = set()

    @property
    def board(self) -> str:
        """Its address, as one writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def stop(self) -> None:
        """Send what was read, and no more. A signal's handler may call it."""
        self._stopped.set()
        for source in self.sources:
            source.stop()

    def __call__(self) -> None:
        """Until every source is done, or `stop`. Raises RefusedError where the board does not let this feeder in."""
        failures = 0
        with ExitStack() as stack:
            while not self._stopped.is_set():
                before = self.images
                try:
                    if self._connection(stack):
                        return
                except RefusedError as error:
                    raise RefusedError(f"{self.board}: {error}") from None
                except (OSError, LinkError) as error:
                    problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
                failures = 0 if self.images > before else failures + 1
                pause = min(PAUSE_S[1], PAUSE_S[0] * 2.0 ** min(failures, 10))
                self.say(f"{self.board}: {problem}; called again in {pause:g} s")
                self._stopped.wait(pause)

    def _connection(self, stack: ExitStack) -> bool:
        """Feed the board over one connection; whether every source is done. Raises OSError, LinkError, RefusedError."""
        with closing(self.key.connect(self.host, self.port)) as connection:
            send_line(connection, Hello(self.key.token, tuple(self.names)))
            answer = receive_line(connection, Answer)
            if answer.refused:
                raise (RefusedError if answer.final else LinkError)(answer.refused)
            if answer != self._wanted:  # the first board, or one with another network
                stack.close()
                self.sources = [stack.enter_context(closing(source)) for source in self.open_all(answer)]
                self._wanted = answer
            fresh, self._lost, told = set(range(len(self.sources))), set(), time.monotonic()
            for item in interleave(self.sources):
                if item is not None:
                    index, image = item
                    content = self._message(index, image, index in fresh, answer)
                    if content:
                        connection.sendall(content)
                        self.images += 1
                        fresh.discard(index)
                        told = time.monotonic()
                elif time.monotonic() - told > PULSE_S:
                    connection.sendall(Header(PULSE).packed())
                    told = time.monotonic()
                else:
                    time.sleep(_NAP_S)
                for header in self._losses():
                    connection.sendall(header.packed())
            for header in self._losses():
                connection.sendall(header.packed())
            with contextlib.suppress(OSError):
                connection.unwrap()  # waits until the board has all of it
            return True

    def _message(self, index: int, image: Image, fresh: bool, answer: Answer) -> bytes:
        """An image as it is sent; nothing where it is too small."""
        try:
            pixels = to_input(image.pixels, answer.height, answer.width)
        except UserError as error:
            self.sources[index].refuse(f"{image.source}: {error}")
            return b""
        self._lost.discard(index)
        header = Header(IMAGE, index, image.first or fresh, image.number, image.seconds)
        return header.packed() + pixels.tobytes()

    def _losses(self) -> list[Header]:
        """Of the cameras that have been lost since they were asked for last."""
        lost = {index for index, source in enumerate(self.sources) if source.interrupted} - self._lost
        self._lost |= lost
        return [Header(LOST, index) for index in sorted(lost)]
