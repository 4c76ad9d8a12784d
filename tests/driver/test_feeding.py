# SPDX-License-Identifier: BSD-3-Clause
"""Cameras that another machine feeds: over real sockets and TLS, byte for byte what a camera of the board's own gives,
with peers that are strangers, talk nonsense, drop the line, are slow, or are killed."""

import contextlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver.feeding import link
from shiftcore.driver.feeding.feeder import Feeder
from shiftcore.driver.feeding.link import Answer, BoardKeys, FeederKey, Header, Hello, RefusedError
from shiftcore.driver.feeding.listener import QUEUED, Fed, Listener
from shiftcore.driver.sources import Image, Source, open_sources
from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.sampling import Wanted
from shiftcore.quant.preset import load_preset
from tests.checkout import ROOT
from tests.commands import shiftcore
from tests.driver.footage import LIMIT_S, pictures, scene
from tests.driver.proxy import Proxy

SPEC = load_preset("cctv").preprocessing
ANSWER = Answer(SPEC.input.height, SPEC.input.width, True, SPEC.preprocess.images_per_second)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> BoardKeys:
    return BoardKeys.of(tmp_path_factory.mktemp("keys"))


class Board:
    """A listener on a free port, and what came of its cameras so far."""

    def __init__(self, keys: BoardKeys, cameras: int = 2, names: tuple[str, ...] = (), answer: Answer = ANSWER) -> None:
        self.said: list[str] = []
        self.listener = Listener(0, keys, answer, cameras, self.said.append, names)
        self.sources: list[Fed] = []
        self.images: list[list[Image]] = [[] for _ in range(cameras)]
        self.key = FeederKey.read(keys.feeders)

    @property
    def port(self) -> int:
        return self.listener.port

    def lost(self, count: int = 1) -> bool:
        """Whether so many cameras have come, and nothing follows of any."""
        return len(self.sources) == count and all(source.interrupted for source in self.sources)

    def take(self, until: Callable[[], bool], camera: int | None = None) -> None:
        """Take what comes until the condition holds."""
        end = time.monotonic() + LIMIT_S
        while not until():
            assert time.monotonic() < end, (self.said, [len(images) for images in self.images])
            idle = True
            while self.listener.arrivals:
                self.sources.append(self.listener.arrivals.popleft())
            for index, source in enumerate(self.sources):
                image = source.take() if camera in (None, index) else None
                if image is not None:
                    self.images[index].append(image)
                    idle = False
            if idle:
                time.sleep(0.002)

    def feeder(self, *places: Path | str, names: tuple[str, ...] = (), port: int = 0) -> Feeder:
        def open_all(wanted: Answer) -> list[Source]:
            return open_sources([str(place) for place in places], wanted.rate, self.said.append, Wanted(wanted.luma))

        given = names or tuple(f"camera {index}" for index in range(len(places)))
        return Feeder("localhost", port or self.port, self.key, given, open_all, self.said.append)


@pytest.fixture
def board(keys: BoardKeys) -> Iterator[Board]:
    board = Board(keys)
    yield board
    board.listener.close()


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as taken:
        return int(taken.getsockname()[1])


def film(path: Path, count: int = 40, size: tuple[int, int] = (146, 222), seed: int = 0) -> Path:
    video.write(path, pictures(count, *size, seed))
    return path


@contextlib.contextmanager
def running(feeder: Feeder) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=feeder, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        feeder.stop()
        thread.join(LIMIT_S)


def inputs(images: list[Image]) -> list[tuple[bytes, bool]]:
    """What the network sees of a camera's images, and where clips begin."""
    prepare = Preprocessor(SPEC)
    prepared = [prepare.prepare(image.pixels, clear=image.first) for image in images]
    return [(pixels.tobytes(), first) for pixels, first in (each for each in prepared if each is not None)]


def local(path: Path) -> list[Image]:
    (source,) = open_sources([str(path)], ANSWER.rate, print, Wanted(luma=True))
    return list(iter(source.take, None))


def test_a_fed_camera_is_byte_for_byte_a_local_one(board: Board, tmp_path: Path) -> None:
    films = [film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4", size=(100, 230), seed=1)]
    board.feeder(*films)()
    board.take(lambda: board.lost(2))
    for path, images in zip(films, board.images, strict=True):
        expected = local(path)
        assert inputs(images) == inputs(expected) and len(inputs(images)) > 5
        assert all(image.pixels.nbytes == ANSWER.bytes for image in images)
        begins = [image.seconds - other.seconds for image, other in zip(images, expected, strict=True)]
        assert begins == pytest.approx([begins[0]] * len(begins), abs=1e-9)
        assert [image.number for image in images] == [image.number for image in expected]
    assert [source.name for source in board.sources] == ["camera 0", "camera 1"]


def test_colours_are_fed_as_well(keys: BoardKeys, tmp_path: Path) -> None:
    board = Board(keys, 1, answer=Answer(32, 32, False, None))
    board.feeder(path := film(tmp_path / "a.mp4", 5))()
    board.take(board.lost)
    board.listener.close()
    spec = load_preset("tiny").preprocessing
    prepare = Preprocessor(spec)
    (source,) = open_sources([str(path)], None, print, Wanted(luma=False))
    expected = [prepare.prepare(image.pixels, clear=image.first) for image in iter(source.take, None)]
    again = [prepare.prepare(image.pixels, clear=image.first) for image in board.images[0]]
    assert [pair and (pair[0].tobytes(), pair[1]) for pair in again] == [
        pair and (pair[0].tobytes(), pair[1]) for pair in expected
    ]


def test_a_line_that_drops_is_taken_up_again(board: Board, tmp_path: Path) -> None:
    """The file goes on; what follows the loss begins a clip, and no image is a mixture of two."""
    expected = local(path := film(tmp_path / "a.mp4", 120))
    proxy = Proxy(board.port, 20 * ANSWER.bytes)
    with running(board.feeder(path, port=proxy.port)) as thread:
        board.take(lambda: not thread.is_alive() and board.lost())
    images = board.images[0]
    assert proxy.cut.is_set() and any("called again in" in line for line in board.said)
    assert [image.first for image in images].count(True) == 2 and images[0].first
    numbers = [image.number for image in images]
    assert numbers == sorted(set(numbers)) and numbers[-1] == expected[-1].number
    assert 18 <= len(numbers) < len(expected) + 1
    begin = next(index for index, image in enumerate(images) if image.first and index)
    places = {image.number: index for index, image in enumerate(expected)}
    for part in (images[:begin], images[begin:]):
        first = places[part[0].number]
        same = [expected[first]._replace(first=True), *expected[first + 1 : first + len(part)]]
        assert inputs(part) == inputs(same)
    times = [image.seconds for image in images]
    assert times == sorted(times)


def test_a_board_that_is_away_is_called_for_ever(keys: BoardKeys, tmp_path: Path) -> None:
    board = Board(keys, 1)
    board.listener.close()
    feeder = board.feeder(film(tmp_path / "a.mp4", 10))
    with running(feeder) as thread:
        end = time.monotonic() + LIMIT_S
        while not any("called again in 2 s" in line for line in board.said):
            assert time.monotonic() < end and thread.is_alive(), board.said
            time.sleep(0.02)
        board.listener = Listener(board.port, keys, ANSWER, 1, board.said.append)
        board.take(lambda: not thread.is_alive() and board.lost())
    board.listener.close()
    assert len(board.images[0]) == len(local(tmp_path / "a.mp4"))


def test_no_more_waits_than_there_is_room_for(board: Board, tmp_path: Path) -> None:
    """A board that does not take images holds a feeder up; neither side piles them up, and none is lost."""
    path = film(tmp_path / "a.mp4", 400)
    with running(feeder := board.feeder(path)) as thread:
        end, sent = time.monotonic() + LIMIT_S, -1
        while sent != feeder.images or not sent:
            assert time.monotonic() < end
            sent = feeder.images
            time.sleep(0.5)
        assert thread.is_alive()
        waiting = sent - QUEUED
        assert waiting * ANSWER.bytes < 16 * link.BUFFER, waiting  # the system may double what it is asked for, twice
        board.take(lambda: not thread.is_alive() and board.lost())
    assert inputs(board.images[0]) == inputs(local(path))


def test_strangers_stay_outside(board: Board, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 5)
    other = BoardKeys.of(tmp_path / "other")
    for key, words in (
        (FeederKey(board.key.certificate, "guessed"), "does not know this key"),
        (FeederKey(board.key.certificate, ""), "does not know this key"),
        (FeederKey.read(other.feeders), "is not the board of this key"),
    ):
        feeder = board.feeder(path)
        feeder.key = key
        with pytest.raises(RefusedError, match=words):
            feeder()
    board.feeder(path)()  # and one who is known comes in
    board.take(board.lost)
    assert len(board.images[0]) == len(local(path))
    assert sum("was refused" in line for line in board.said) == 2


@pytest.mark.parametrize("token", [None, 1, ["a"], "\ud800"])
def test_a_token_may_be_anything(board: Board, token: object) -> None:
    with board.key.connect("localhost", board.port) as connection:
        connection.sendall(json.dumps({"token": token, "cameras": ["gate"]}).encode() + b"\n")
        assert "does not know this key" in link.receive_line(connection, Answer).refused


@pytest.mark.parametrize(
    "content",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"{}\n", b"[1]\n", b'{"token": 1, "cameras": 2}\n', b"\xff" * 70_000],
)
def test_nonsense_is_hung_up_on(board: Board, content: bytes) -> None:
    with board.key.connect("localhost", board.port) as connection, contextlib.suppress(OSError, ssl.SSLError):
        connection.sendall(content)
        connection.settimeout(LIMIT_S)
        connection.recv(65_536)
    with socket.create_connection(("localhost", board.port)) as plain:  # no TLS at all
        plain.sendall(content or b"\0")
    assert board.listener._thread.is_alive()


@pytest.mark.parametrize(
    "message",
    [
        Header(9).packed(),
        Header(link.IMAGE, camera=1).packed(),
        Header(link.IMAGE, seconds=float("nan")).packed(),
        Header(link.IMAGE, seconds=-1.0).packed(),
        b"\xff" * Header.size,
    ],
)
def test_a_feeder_that_breaks_the_rules_is_hung_up_on(board: Board, message: bytes) -> None:
    with board.key.connect("localhost", board.port) as connection:
        link.send_line(connection, Hello(board.key.token, ("gate",)))
        assert link.receive_line(connection, Answer) == ANSWER
        connection.sendall(message)
        board.take(lambda: any("no message of a feeder" in line for line in board.said))
    assert board.images == [[], []]
    board.take(board.lost)


def hello(board: Board, *cameras: str) -> tuple[ssl.SSLSocket, Answer]:
    connection = board.key.connect("localhost", board.port)
    link.send_line(connection, Hello(board.key.token, cameras))
    return connection, link.receive_line(connection, Answer)


def test_cameras_have_names_and_there_is_room_for_so_many(keys: BoardKeys) -> None:
    board = Board(keys, names=("gate", "yard"))
    for cameras, words in (
        (("gate", "roof"), "takes no roof, but gate, yard"),
        ((), "cameras need names"),
        (("gate", "gate"), "cameras need names"),
        (("\x1b[2J",), "cameras need names"),
    ):
        connection, answer = hello(board, *cameras)
        connection.close()
        assert answer.refused.startswith(words), answer
    connection, answer = hello(board, "yard")
    assert answer == ANSWER
    connection.close()
    board.listener.close()


def test_there_is_room_for_so_many(board: Board) -> None:
    connections = [hello(board, "a"), hello(board, "b"), hello(board, "c"), hello(board, "b", "a")]
    assert [answer.refused for _, answer in connections] == ["", "", "has no room for c: it takes 2 cameras", ""]
    for connection, _ in connections:
        connection.close()


def test_a_feeder_that_comes_again_takes_over(board: Board) -> None:
    """The end of its old connection may show only later."""
    pixels = [np.full((ANSWER.height, ANSWER.width), value, np.uint8).tobytes() for value in (1, 2)]
    old, _ = hello(board, "gate")
    old.sendall(Header(link.IMAGE, first=True).packed() + pixels[0])
    board.take(lambda: len(board.images[0]) == 1)
    new, _ = hello(board, "gate")
    new.sendall(Header(link.IMAGE, first=True).packed() + pixels[1])
    board.take(lambda: len(board.images[0]) == 2)
    with contextlib.suppress(OSError):
        for _ in range(3):
            old.sendall(Header(link.IMAGE).packed() + pixels[0])
    board.take(lambda: any("another feeder sends gate" in line for line in board.said))
    old.close()
    assert [int(image.pixels[0, 0]) for image in board.images[0]] == [1, 2]
    assert not board.sources[0].interrupted
    new.close()
    board.take(board.lost)


def test_a_killed_feeder_is_lost_and_another_goes_on(board: Board, keys: BoardKeys, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 600)
    command = [sys.executable, "-m", "shiftcore", "feed", f"gate={path}", "--to", f"localhost:{board.port}"]
    command += ["--key", str(keys.feeders)]
    first = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    board.take(lambda: len(board.images[0]) >= 5)
    first.send_signal(signal.SIGKILL)
    first.wait()
    board.take(board.lost)
    came = len(board.images[0])
    done = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    board.take(lambda: done.poll() is not None and board.lost())
    assert done.returncode == 0 and done.stderr is not None
    assert f"{len(local(path))} images sent" in done.stderr.read()
    assert inputs(board.images[0][came:]) == inputs(local(path)) and board.images[0][came].first


def test_keys_are_made_once_and_are_nobody_elses(tmp_path: Path) -> None:
    keys = BoardKeys.of(tmp_path / "k")
    assert keys.own.stat().st_mode & 0o077 == 0 == keys.feeders.stat().st_mode & 0o077
    assert "PRIVATE KEY" in keys.own.read_text() and "PRIVATE KEY" not in keys.feeders.read_text()
    content = keys.feeders.read_text()
    assert BoardKeys.of(tmp_path / "k").feeders.read_text() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.mp4", "--to", "board"], "absent.mp4: no such video file or folder"),
        (["VIDEO", "--to", "a:b:c"], "--to a:b:c: not HOST or HOST:PORT"),
        (["VIDEO", "--to", "board:0"], "--to board:0: not HOST or HOST:PORT"),
        (["VIDEO", "--to", "board", "--key", "absent.pem"], "absent.pem: No such file"),
        (["VIDEO", "--to", "board", "--key", "VIDEO"], "no key of a feeder"),
        (["a=VIDEO", "a=VIDEO", "--to", "board"], "a: two cameras of that name"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, tmp_path: Path, keys: BoardKeys) -> None:
    path = film(tmp_path / "a.mp4", 3)
    words = [word.replace("VIDEO", str(path)) for word in arguments]
    words += [] if "--key" in words else ["--key", str(keys.feeders)]
    done = shiftcore("feed", *words)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and message in done.stderr, done.stderr


def test_a_key_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="openssl: not found; it makes this board's certificate"):
        BoardKeys.of(tmp_path / "k")
    assert not list((tmp_path / "k").glob("*.pem"))


def test_what_is_served_is_what_is_run(tiny_build: Path, tmp_path: Path) -> None:
    """The whole way: two commands, a file, and lines of JSON that say the same as `run` on the file itself."""
    path, port = scene(tmp_path / "a.mp4", "enter_put", 3), free_port()
    local = shiftcore("run", path, "--build", tiny_build, "--backend", "reference", "--json")
    serve = [sys.executable, "-m", "shiftcore", "serve", "--build", str(tiny_build), "--backend", "reference", "--json"]
    serve += ["--port", str(port), "--keys", str(tmp_path / "keys"), "gate"]
    board = subprocess.Popen(serve, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert board.stderr is not None and f"port {port} takes whoever has" in board.stderr.readline()
    key, to = tmp_path / "keys" / "feeder.pem", f"localhost:{port}"
    refused = shiftcore("feed", f"yard={path}", "--to", to, "--key", key)
    assert refused.returncode == 2 and refused.stderr.endswith("takes no yard, but gate\n"), refused.stderr
    done = shiftcore("feed", f"gate={path}", "--to", to, "--key", key)
    assert done.returncode == 0, done.stderr
    count = len(local.stdout.splitlines())
    assert board.stdout is not None
    lines = [json.loads(board.stdout.readline()) for _ in range(count)]
    board.send_signal(signal.SIGTERM)
    assert board.wait(LIMIT_S) == 0
    assert count >= 20 and {line["source"] for line in lines} == {"gate"}
    assert [line["logits"] for line in lines] == [json.loads(line)["logits"] for line in local.stdout.splitlines()]
