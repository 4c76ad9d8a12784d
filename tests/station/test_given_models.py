# SPDX-License-Identifier: BSD-3-Clause
"""Models to boards: over a real mosquitto to the real driver with its reference back end; and what is refused."""

import shutil
import socket
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from shiftcore.driver.build import Build
from shiftcore.driver.change import Change
from shiftcore.driver.sinks.mqtt import Broker
from shiftcore.station import intake
from shiftcore.station.mqtt import Subscriber
from shiftcore.station.tables import Board, Job, Rollout
from tests.driver.http_camera import MjpegCamera
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker
from tests.driver.rig import other_model
from tests.driver.test_run_process import Began
from tests.station.browser import Answer, Browser, Running


def adaptation(running: Running, before: bytes, model: bytes) -> None:
    """One that was promoted, as a job leaves it."""
    with running.parts.database.writing() as session:
        job = Job(user_id=1, state="done", preset="tiny", asked=datetime.now(timezone.utc), said="")
        session.add(job)
        session.flush()
        folder = running.parts.jobs.folder(job.id)
    folder.mkdir(parents=True)
    (folder / "before.npz").write_bytes(before)
    (folder / "model.npz").write_bytes(model)


def give(admin: Browser, how: str, board: int = 1, job: int = 1) -> Answer:
    admin.get("/weights")
    return admin.post("/weights/rollouts", how=how, job=str(job), **{f"board-{board}": "on"})


def last(running: Running) -> Rollout:
    with running.parts.database.reading() as session:
        return session.scalars(select(Rollout).order_by(Rollout.id.desc())).first() or Rollout()


def in_use(running: Running, board: int) -> str:
    with running.parts.database.reading() as session:
        return session.get_one(Board, board).model


@needs_broker
def test_beside_then_in_use_then_back(
    running: Running, admin: Browser, broker: Mosquitto, tiny_export: Path, tmp_path: Path
) -> None:
    lines, model = list[str](), tmp_path / "board" / "model.npz"
    model.parent.mkdir()
    shutil.copy(tiny_export / "model.npz", model)
    new = other_model(model, tmp_path / "new.npz", 1)
    adaptation(running, model.read_bytes(), new.read_bytes())
    old_hash, new_hash = (Change.read(Build.load(model), path).loaded.hash for path in (model, new))
    running.parts.accounts.set_board(socket.gethostname())
    board = running.parts.accounts.board_called(socket.gethostname()) or 0
    rng = np.random.default_rng(0)
    camera = MjpegCamera([rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(10)], 20)
    options = ["--mqtt", broker.address, "--mqtt-load", "--spool", tmp_path / "spool", "--json"]
    with closing(Subscriber(Broker.parse(broker.address), running.parts, tmp_path, lines.append)), closing(camera):
        run = Began(model, camera.address, *options)
        run.wait_for(lambda: len(run.lines) > 5, 300)
        for _ in range(10):  # the run may not listen yet
            give(admin, "shadow", board)
            if eventually(lambda: last(running).model == new_hash, 30):
                break
        assert f"1, beside the model in use has model {new_hash}" in admin.get("/weights").shown
        seen = len(run.lines)
        run.wait_for(lambda: len(run.lines) > seen + 5, 300)
        give(admin, "use", board)
        assert eventually(lambda: in_use(running, board) == new_hash)
        run.wait_for(lambda: f'"model": "{new_hash}"' in run.lines[-1], 300)
        shown = admin.get("/weights").shown
        assert f"1, in use has model {new_hash}" in shown
        assert f"has model {new_hash}: candidate {new_hash}: the same class in " in shown
        give(admin, "back", board)
        assert eventually(lambda: in_use(running, board) == old_hash)
        run.wait_for(lambda: f'"model": "{old_hash}"' in run.lines[-1], 300)
        assert "nothing to go back to" in give(admin, "back", board).shown
        code, said = run.end()
        assert code == 0, said


class Sent:
    """A broker that keeps what is sent."""

    def __init__(self) -> None:
        self.reachable, self.sent = True, list[tuple[str, bytes]]()

    def send(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))


@pytest.fixture
def sent(running: Running, admin: Browser) -> Sent:
    adaptation(running, b"old", b"new")
    running.parts.rollouts.sender = sender = Sent()
    return sender


def test_in_use_only_after_it_was_beside_the_model_in_use(running: Running, admin: Browser, sent: Sent) -> None:
    assert "begin with that" in give(admin, "use").shown
    assert give(admin, "shadow").status == 303
    assert "begin with that" in give(admin, "use").shown  # nothing was answered yet
    running.parts.rollouts.answered(1, b'{"shadow": "", "error": "not of\\nthe\\u0000shape <b>"}')
    page = admin.get("/weights")
    assert "refused: not of the shape <b>" in page.shown
    assert "<b>" not in page.text
    assert "begin with that" in give(admin, "use").shown
    give(admin, "shadow")
    running.parts.rollouts.answered(1, b'{"shadow": "0a"}')
    running.parts.accounts.set_board("yard")
    assert "begin with that" in give(admin, "use", board=2).shown  # there it was not
    assert give(admin, "use").status == 303
    running.parts.rollouts.answered(1, b'{"shadow": "", "report": "the same"}')
    assert "nothing to go back to" in give(admin, "back").shown
    running.parts.rollouts.answered(1, b'{"model": "0a"}')
    assert "has model 0a: the same" in admin.get("/weights").shown
    assert in_use(running, 1) == "0a"
    assert give(admin, "back").status == 303
    running.parts.rollouts.answered(1, b'{"model": "0b"}')
    assert in_use(running, 1) == "0b"
    assert sent.sent == [
        *[("gate/shadow", b"new")] * 2,
        *[("gate/shadow", b""), ("gate/load", b"new")],
        *[("gate/shadow", b""), ("gate/load", b"old")],
    ]
    running.parts.rollouts.answered(1, b'{"model": "0c"}')  # by other means
    assert (in_use(running, 1), last(running).model) == ("0c", "0b")


def test_what_cannot_be_given_is_said(running: Running, admin: Browser, sent: Sent) -> None:
    assert "There is no such board." in give(admin, "shadow", board=9).shown
    assert "There is no such board." in give(admin, "nonsense").shown
    assert "There is no such adaptation." in give(admin, "shadow", job=9).shown
    admin.get("/weights")
    assert "Choose a board." in admin.post("/weights/rollouts", how="shadow", job="1").shown
    (running.parts.jobs.folder(1) / "model.npz").unlink()
    assert "only what was promoted has one" in give(admin, "shadow").shown
    sent.reachable = False
    assert "The broker is away" in give(admin, "shadow").shown
    running.parts.rollouts.sender = None
    assert "start the station with --mqtt" in give(admin, "shadow").shown
    assert "start the station with --mqtt" in admin.get("/weights").shown
    assert (sent.sent, last(running).id) == ([], None)


@pytest.mark.parametrize("payload", [b"{", b'{"model": "<b>"}', b'{"model": 5}', b'{"shadow": "' + b"0" * 17 + b'"}'])
def test_what_is_no_answer(running: Running, payload: bytes) -> None:
    with pytest.raises(intake.RefusedError, match="no answer about a model"):
        running.parts.rollouts.answered(1, payload)
