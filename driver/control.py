# SPDX-License-Identifier: BSD-3-Clause
"""How another process reaches a run: a Unix socket for each run, in the folder `runs` of its build.

A wish is one line of JSON, `{"load": "/path/of/model.npz", "bank": 0}`, and so is the answer, `{"model": "1f0c22ab"}`
or `{"error": "..."}`. Whoever may write the folder may ask.
"""

import concurrent.futures
import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from shiftcore.driver.build import state_folder
from shiftcore.driver.sources import Say
from shiftcore.errors import ShiftcoreError

RUNS = "runs"
ANSWER_S = 60.0  # for a run to read a model, finish its frames and have its chip load
_LINE = 1 << 16  # bytes of a wish or an answer, at most

Ask = Callable[[Path, int], concurrent.futures.Future[str]]


class Reply(NamedTuple):
    """What a run said: the hash of the `model` that it has now, or the `error` why it has not taken it."""

    run: int
    model: str
    error: str


def runs_folder(build: Path) -> Path:
    """Where runs of a build, or of an exported model, can be reached."""
    return state_folder(build) / RUNS


@contextlib.contextmanager
def listening(folder: Path, ask: Ask, say: Say) -> Iterator[None]:
    """Meanwhile `ask` gets what others wish of this run, by a socket in `folder`. Where none can be made there, `say`
    is told, and only signals reach the run."""
    name, server = str(os.getpid()), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        folder.mkdir(exist_ok=True)
        with _near(folder) as near:
            (folder / name).unlink(missing_ok=True)  # of a process that had this number before
            server.bind(f"{near}/{name}")
        server.listen()
    except OSError as error:
        say(f"{folder}: {error.strerror}; `shiftcore load` does not reach this run")
        server.close()
        yield
        return
    thread = threading.Thread(target=_serve, args=(server, ask), daemon=True, name="control")
    thread.start()
    try:
        yield
    finally:
        (folder / name).unlink(missing_ok=True)
        server.shutdown(socket.SHUT_RDWR)  # wakes the thread
        server.close()


def tell(folder: Path, model: Path, bank: int = 0) -> list[Reply]:
    """Have every run that has a socket in `folder` load `model` into a bank; what each said. Those of the dead are
    removed."""
    replies = []
    for path in sorted(folder.glob("[0-9]*")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(ANSWER_S)
            try:
                with _near(path.parent) as near:
                    client.connect(f"{near}/{path.name}")
            except (ConnectionRefusedError, FileNotFoundError):
                path.unlink(missing_ok=True)
                continue
            replies.append(_asked(client, int(path.name), model.absolute(), bank))
    return replies


def _asked(client: socket.socket, run: int, model: Path, bank: int) -> Reply:
    try:
        client.sendall(json.dumps({"load": str(model), "bank": bank}).encode() + b"\n")
        answer = json.loads(client.makefile("rb").readline(_LINE))
    except (OSError, ValueError):
        return Reply(run, "", "no answer came; what it says itself tells why")
    return Reply(run, answer.get("model", ""), answer.get("error", ""))


@contextlib.contextmanager
def _near(folder: Path) -> Iterator[str]:
    """A short name of `folder`: a socket's may have 107 bytes (unix(7)), and a folder's path more."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _serve(server: socket.socket, ask: Ask) -> None:
    """The thread: one wish after another, until the socket is closed."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                client.settimeout(ANSWER_S)
                client.sendall(json.dumps(_answer(client, ask)).encode() + b"\n")


def _answer(client: socket.socket, ask: Ask) -> dict[str, str]:
    try:
        wish = json.loads(client.makefile("rb").readline(_LINE))
        return {"model": ask(Path(wish["load"]), int(wish["bank"])).result(ANSWER_S)}
    except ShiftcoreError as error:
        return {"error": str(error)}
    except concurrent.futures.TimeoutError:
        return {"error": f"it was not loaded within {ANSWER_S:g} s"}
    except (ValueError, KeyError, TypeError):
        return {"error": 'no wish: give {"load": PATH, "bank": NUMBER}'}
