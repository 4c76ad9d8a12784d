# SPDX-License-Identifier: BSD-3-Clause
"""A board's side: feeders connect, and each of their cameras becomes a source like any other."""

import contextlib
import hmac
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence

import numpy as np

from shiftcore.driver.feeding.link import (
    IMAGE,
    LOST,
    TIMEOUT_S,
    VERSION,
    Answer,
    BoardKeys,
    Header,
    Hello,
    LinkError,
    receive,
    receive_line,
    send_line,
    settle,
)
from shiftcore.driver.sources import Image, Say, Source
from shiftcore.errors import UserError

QUEUED = 4  # images of a camera that wait; the feeder waits with the next one, and drops what becomes too old
CONNECTIONS = 64  # at a time; strangers included
WRONG_S = 1.0  # before a stranger is told so
PATIENCE_S = 0.2  # between two looks at whether all this has ended


class Fed(Source):
    """A camera that a feeder sends.

    Time counts as the feeder has it within a clip; a clip begins when its first image arrives, and never before the
    last one's end.
    """

    live = True

    def __init__(self, name: str, say: Say) -> None:
        super().__init__(name, None, say)
        self._images: deque[Image] = deque()
        self._change = threading.Condition()
        self._feeder: object = None  # whose images are taken: a connection
        self._lost = True
        self._last = self._offset = 0.0
        self._started = time.monotonic()

    @property
    def interrupted(self) -> bool:
        """No feeder sends it now, or that one has lost it, and all that came has been taken."""
        with self._change:
            return self._lost and not self._images

    def take(self) -> Image | None:
        """The oldest image that waits; None when none does."""
        with self._change:
            if not self._images:
                return None
            self._change.notify_all()
            return self._images.popleft()

    def belongs(self, feeder: object) -> None:
        """From now on take images of `feeder` alone: one that comes again is faster than the end of its connection."""
        with self._change:
            self._feeder = feeder
            self._change.notify_all()

    def put(self, feeder: object, header: Header, pixels: np.ndarray) -> None:
        """An image that came; waits while there is no room. Raises LinkError where another feeder has taken over."""
        with self._change:
            while len(self._images) >= QUEUED and self._feeder is feeder and not self.done:
                self._change.wait(PATIENCE_S)
            if self._feeder is not feeder:
                raise LinkError(f"another feeder sends {self.name}")
            if self.done:
                return
            if header.first:
                self._offset = max(time.monotonic() - self._started, self._last) - header.seconds
            self._last = max(self._last, header.seconds + self._offset)
            self._images.append(Image(pixels, self._last, header.number, self.name, header.first))
            self._lost = False

    def lose(self, feeder: object) -> None:
        """Its feeder has lost it, or is lost itself."""
        with self._change:
            if self._feeder is feeder:
                self._lost = True


class Listener:
    """Takes feeders at `port` (0: any that is free), for up to `room` cameras of any names; for no others than `only`
    where there are such. `answer`: what the network takes. `arrivals` are cameras that came for the first time, until
    somebody takes them from there. Raises UserError where the port cannot be had."""

    def __init__(
        self, port: int, keys: BoardKeys, answer: Answer, room: int, say: Say, only: Collection[str] = ()
    ) -> None:
        self._room, self._only, self._answer, self._say = room, only, answer, say
        self.arrivals: deque[Fed] = deque()
        self._sources: dict[str, Fed] = {}
        self._context, self._token = keys.context(), keys.token
        self._naming, self._closed = threading.Lock(), threading.Event()
        self._open: set[socket.socket] = set()
        try:
            both = socket.has_dualstack_ipv6()
            self._socket = socket.create_server(
                ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both
            )
        except OSError as error:
            raise UserError(f"port {port}: {error.strerror}; --port names another") from None
        self.port: int = self._socket.getsockname()[1]
        self._socket.settimeout(PATIENCE_S)
        self._thread = threading.Thread(target=self._listen, name="feeders", daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> bool:
        """Whether no more feeders are taken."""
        return self._closed.is_set()

    def stop(self) -> None:
        """Take no more feeders. Returns at once; a signal's handler may call it."""
        self._closed.set()

    def close(self) -> None:
        """Stop, and leave the feeders that are there."""
        self.stop()
        self._thread.join()
        self._socket.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                connection, address = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:  # no file is left for it: those that are there go on
                self._say(f"a feeder could not be taken: {error.strerror}")
                self._closed.wait(WRONG_S)
                continue
            if len(self._open) >= CONNECTIONS:
                connection.close()
                continue
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, str(address[0])), daemon=True).start()

    def _serve(self, plain: socket.socket, peer: str) -> None:
        """One feeder, from its first line to its end."""
        peer, taken, problem = peer.removeprefix("::ffff:"), [], "ended the connection"
        try:
            settle(plain)
            with self._context.wrap_socket(plain, server_side=True) as connection:
                self._open.add(connection)
                try:
                    taken = self._greet(connection)
                    self._say(f"{peer} feeds {_listed(taken)}")
                    self._take(connection, taken)
                    connection.unwrap()  # the feeder waits for the word that all has come
                finally:
                    self._open.discard(connection)
        except TimeoutError:
            problem = f"silent for {TIMEOUT_S:g} s"
        except (OSError, LinkError) as error:
            problem = getattr(error, "strerror", None) or str(error) or problem
        finally:
            self._open.discard(plain)
            plain.close()
        if not self._closed.is_set():
            self._say(f"{peer}: {problem}" + (f"; it fed {_listed(taken)}" if taken else ""))

    def _greet(self, connection: ssl.SSLSocket) -> list[Fed]:
        """Let a feeder in; the sources of its cameras, in their order. Raises LinkError where it stays outside."""
        hello = receive_line(connection, Hello)
        token = str(hello.token).encode(errors="replace")  # of a stranger, it may be anything
        known = hmac.compare_digest(token, self._token.encode())
        refused, final, taken = "", True, list[Fed]()
        if not known:
            time.sleep(WRONG_S)  # before anyone can guess again
            refused = "does not know this key; copy the board's feeder.pem anew"
        elif hello.version != VERSION:
            refused = f"speaks version {VERSION} of this, the feeder {hello.version}; install the same on both"
        elif not _are_names(hello.cameras):
            refused = "cameras need names of their own, of up to 200 printable letters"
        elif foreign := [name for name in hello.cameras if self._only and name not in self._only]:
            refused = f"takes no {foreign[0]}, but {', '.join(self._only)}"
        else:
            refused, taken = self._named(hello.cameras)
            final = False  # there may be room later
        if refused:
            send_line(connection, Answer(refused=refused, final=final))
            raise LinkError(f"was refused: {refused}")
        send_line(connection, self._answer)
        return taken

    def _named(self, cameras: Sequence[str]) -> tuple[str, list[Fed]]:
        """The sources of these cameras; or why there is none for one of them."""
        with self._naming:
            new = [camera for camera in cameras if camera not in self._sources]
            if (room := self._room - len(self._sources)) < len(new):
                return f"has no room for {new[room]}: it takes {self._room} cameras", []
            for camera in new:
                self._sources[camera] = Fed(camera, self._say)
                self.arrivals.append(self._sources[camera])
            return "", [self._sources[camera] for camera in cameras]

    def _take(self, connection: ssl.SSLSocket, taken: Sequence[Fed]) -> None:
        """All that a feeder sends, until it ends the connection. Raises LinkError where it breaks the rules."""
        shape = (self._answer.height, self._answer.width, *(() if self._answer.luma else (3,)))
        head = bytearray(Header.size)
        for source in taken:
            source.belongs(connection)
        try:
            while not self._closed.is_set() and receive(connection, memoryview(head)):
                header = Header.parse(head, len(taken))
                if header.kind == IMAGE:
                    pixels = np.empty(shape, np.uint8)
                    if not receive(connection, pixels.data.cast("B")):
                        raise LinkError("broke off")
                    taken[header.camera].put(connection, header, pixels)
                elif header.kind == LOST:
                    taken[header.camera].lose(connection)
        finally:
            for source in taken:
                source.lose(connection)


def _are_names(cameras: object) -> bool:
    """Whether a feeder's list of cameras is one."""
    if not isinstance(cameras, list) or not cameras or len(set(map(str, cameras))) < len(cameras):
        return False
    return all(isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable() for name in cameras)


def _listed(sources: Sequence[Fed]) -> str:
    names = [source.name for source in sources]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
