# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore station`: a token for a board, one line a mistake, a server that ends quietly; the demo's own parts."""

import io
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, cast

import av
import numpy as np
import pytest

from shiftcore.driver.service.site import read_site
from shiftcore.driver.sinks.station import StationSettings
from shiftcore.errors import UserError
from shiftcore.station import demo
from shiftcore.station.server import opened
from shiftcore.station.task import Task
from tests.checkout import ROOT
from tests.commands import shiftcore
from tests.station.browser import Browser


def test_a_board_s_token_is_printed_once_and_is_good(tmp_path: Path) -> None:
    done = shiftcore("station", "board", "gate", "--state", tmp_path)
    assert done.returncode == 0, done.stderr
    token = done.stdout.strip()
    with opened(tmp_path, "", Task()) as parts:
        assert parts.accounts.board(token) == 1
        assert shiftcore("station", "board", "yard", "--state", tmp_path).returncode == 0  # beside one that runs
        assert parts.accounts.board_called("yard") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["board"], "gives a board a token"),
        (["camera", "gate"], "gives a board a token"),
        (["board", "a b"], "a board's name is of letters"),
        (["--listen", "here:there"], "--listen: here:there is no HOST[:PORT]"),
        (["--mqtt", "mqtt://"], "--mqtt: not a broker's address"),
        (["export"], "`shiftcore station export FOLDER` writes reviewed clips"),
        (["--classes", "fight"], "--classes: 'fight': give two names or more"),
        (["--classes", "fight,fight"], "--classes: 'fight,fight': give two names or more"),
        (["--database", "mongo://x"], "--database: not a database's URL"),
        (["--demo", "--database", "x"], "--demo has a state"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    state = [] if "--demo" in words else ["--state", str(tmp_path)]
    done = shiftcore("station", *words, *state)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        where = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "shiftcore", "station", "--state", str(tmp_path), "--listen", where]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        address, password = process.stderr.readline(), process.stderr.readline()
        port = re.fullmatch(r"station: http://127\.0\.0\.1:(\d+)/\n", address)
        word = re.fullmatch(r"first user: admin, one-time password: (\S+)\n", password)
        assert port and word, address + password
        browser = Browser(int(port[1]))
        assert browser.log_in("admin", word[1]).status == 303
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert stat.S_IMODE((tmp_path / "files" / "incoming").stat().st_mode) == 0o700


def test_the_demo_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "NEEDS", ("numpy", "no_such_package"))
    with pytest.raises(UserError, match=r"no_such_package is not installed: pip install .shiftcore\[station\]"):
        demo.show("127.0.0.1", 0, print)


def test_the_demo_s_cameras_show_their_scenes_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "RATE", 200)
    dark, light = (np.full((4, 48, 64, 3), level, np.uint8) for level in (20, 200))
    with demo.serve_cameras({"yard": [dark, light]}) as addresses:
        with av.open(addresses["yard"], timeout=60) as container:
            name = container.streams.video[0].codec_context.name
            frames = [frame for frame, _ in zip(container.decode(video=0), range(20), strict=False)]
        assert name == "h264"  # which browsers play
    levels = [frame.to_ndarray(format="gray").mean() > 100 for frame in frames]
    assert levels[:16] == [False] * 4 + [True] * 4 + [False] * 4 + [True] * 4


def test_the_demo_s_site_is_one(tmp_path: Path) -> None:
    path = demo.write_site(tmp_path, {"door": "http://127.0.0.1:1/door"}, "127.0.0.1", 8460, "its-token")
    site = read_site(path)
    assert list(site.cameras) == ["door"]
    assert site.sinks == {"station": StationSettings("http://127.0.0.1:8460", "its-token")}
    assert site.clips is not None
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


class _Gone(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, _content: object) -> int:
        raise BrokenPipeError


def test_a_film_ends_when_nobody_reads() -> None:
    demo.film(cast(IO[bytes], _Gone()), [np.zeros((2, 48, 64, 3), np.uint8)], threading.Event())


def test_a_film_ends_with_the_demo(tmp_path: Path) -> None:
    ended = threading.Event()
    ended.set()
    with open(tmp_path / "film.ts", "wb") as file:
        demo.film(file, [np.zeros((2, 48, 64, 3), np.uint8)], ended)
