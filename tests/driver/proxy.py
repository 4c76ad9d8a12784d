# SPDX-License-Identifier: BSD-3-Clause
"""A line between two machines that drops."""

import contextlib
import socket
import threading


class Proxy:
    """Passes bytes on between a feeder and a board, and cuts the line after so many."""

    def __init__(self, port: int, cut_after: int) -> None:
        self._board, self._left = port, cut_after
        self._socket = socket.create_server(("localhost", 0))
        self.port: int = self._socket.getsockname()[1]
        self.cut = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            inner, _ = self._socket.accept()
            outer = socket.create_connection(("localhost", self._board))
            threading.Thread(target=self._pass, args=(outer, inner, False), daemon=True).start()
            self._pass(inner, outer, not self.cut.is_set())

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(4096):
                sink.sendall(content)
                self._left -= len(content) if counted else 0
                if counted and self._left < 0:
                    self.cut.set()
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
