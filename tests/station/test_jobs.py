# SPDX-License-Identifier: BSD-3-Clause
"""Adaptations as jobs: progress, report, cancel, the end of the station in the middle; once with the real command."""

import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from shiftcore.model import video
from shiftcore.quant import checkpoint
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import load_preset
from shiftcore.station import jobs
from shiftcore.station.server import opened
from shiftcore.station.tables import Job
from shiftcore.station.task import Task
from tests.driver.mosquitto import eventually
from tests.flow.test_crossval import NETWORK
from tests.station.browser import Browser, Running, event
from tests.station.conftest import both_databases

# What `shiftcore adapt` says and leaves, as soon as a file called `go` holds its exit code.
CHILD = """
import os, pathlib, sys, time
here, build = pathlib.Path(__file__).parent, pathlib.Path(os.environ["SHIFTCORE_BUILD"])
with open(here / "called", "a") as file:
    file.write(f"{os.getpid()} {' '.join(sys.argv[1:])}\\n")
if sys.argv[1] == "export":
    (build / "cctv" / "export").mkdir(parents=True, exist_ok=True)
    (build / "cctv" / "export" / "model.npz").write_text("new" if (here / "go").exists() else "old")
    sys.exit(0)
print("fold0: 3 clips teach, 2 are held out \\033[31m<b>")
while not (here / "go").exists():
    time.sleep(0.01)
code = int((here / "go").read_text())
if code:
    sys.exit("error: it does not know that")
(here / "report.md").write_text("# A report <script>")
print("promoted: the new network is better (p = 0.01); and so on")
print(f"report: {here / 'report.md'}")
"""


@pytest.fixture
def child(running: Running, admin: Browser, tmp_path: Path) -> Path:
    """The folder of a cheap child, in place of `shiftcore`; there is a reviewed clip to learn from."""
    (tmp_path / "child.py").write_text(CHILD)
    running.parts.jobs.command = [sys.executable, str(tmp_path / "child.py")]
    running.send_clip(event())
    admin.post("/events/1/review", verdict="wrong", action="")
    admin.get("/weights")
    return tmp_path


def state(running: Running, number: int = 1) -> str:
    with running.parts.database.reading() as session:
        return session.get_one(Job, number).state


def calls(child: Path) -> list[list[str]]:
    return [line.split() for line in (child / "called").read_text().splitlines()] if (child / "called").exists() else []


def alive(number: str) -> bool:
    with suppress(ProcessLookupError):
        os.kill(int(number), 0)
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    return False


@both_databases
def test_an_admin_adapts_and_sees_how_it_goes(running: Running, admin: Browser, child: Path) -> None:
    assert admin.post("/weights/jobs").headers["location"] == "/weights"
    assert eventually(lambda: "fold0: 3 clips teach" in admin.get("/weights").text)
    page = admin.get("/weights")
    assert "<b>" not in page.text
    assert "\033" not in page.text
    assert "running" in page.shown
    assert "One is under way already." in admin.post("/weights/jobs").shown
    folder = running.parts.jobs.folder(1)
    assert (folder / "data" / "index.csv").is_file()
    version = running.parts.intake.version
    (child / "go").write_text("0")
    assert eventually(lambda: state(running) == "done")
    assert running.parts.intake.version > version  # pages renew themselves
    admin.get("/weights")
    assert "done: promoted: the new network is better (p = 0.01) report" in admin.get("/weights").shown
    report = admin.get("/weights/jobs/1/report")
    assert (report.text, report.headers["content-type"]) == ("# A report <script>", "text/plain; charset=utf-8")
    assert [words[1:] for words in calls(child)] == [
        ["export", "--preset", "cctv"],
        ["adapt", "--preset", "cctv", "--data", str(folder / "data")],
        ["export", "--preset", "cctv"],
    ]
    assert [(folder / name).read_text() for name in ("before.npz", "model.npz")] == ["old", "new"]
    assert not (folder / "data").exists()  # the report names each clip


def test_a_job_is_cancelled_and_its_process_with_it(running: Running, admin: Browser, child: Path) -> None:
    admin.post("/weights/jobs")
    assert eventually(lambda: len(calls(child)) == 2)
    assert admin.post("/weights/jobs/1/cancel").status == 303
    assert eventually(lambda: state(running) == "cancelled")
    assert not alive(calls(child)[1][0])
    admin.get("/weights")
    assert "That has ended already." in admin.post("/weights/jobs/1/cancel").shown
    assert "Only what was interrupted can go on." in admin.post("/weights/jobs/1/go-on").shown
    for number in (0, 2, 10**30):
        assert admin.post(f"/weights/jobs/{number}/cancel").status == 400


def test_what_goes_wrong_is_said(running: Running, admin: Browser, child: Path) -> None:
    (child / "go").write_text("2")
    admin.post("/weights/jobs")
    assert eventually(lambda: state(running) == "failed")
    assert "failed: error: it does not know that" in admin.get("/weights").shown
    assert admin.get("/weights/jobs/1/report").status == 404
    assert not (running.parts.jobs.folder(1) / "model.npz").exists()
    admin.post("/events/1/review", verdict="unsure", action="")
    admin.get("/weights")
    admin.post("/weights/jobs")
    assert eventually(lambda: state(running, 2) == "failed")
    assert "failed: no clip is reviewed as right or wrong yet" in admin.get("/weights").shown


def test_a_job_goes_on_after_the_station_has_ended(running: Running, admin: Browser, child: Path) -> None:
    admin.post("/weights/jobs")
    assert eventually(lambda: len(calls(child)) == 2)
    running.parts.jobs.close()
    assert (state(running), alive(calls(child)[1][0])) == ("interrupted", False)
    index = running.parts.jobs.folder(1) / "data" / "index.csv"
    index.write_text("what it began with")
    with running.parts.database.writing() as session:
        session.execute(update(Job).values(state="running"))  # as kill -9 leaves it
    parts = running.parts
    again = jobs.Jobs(parts.database, parts.store, parts.state, parts.task, parts.intake.changed)
    again.command, running.parts.jobs = parts.jobs.command, again
    assert state(running) == "interrupted"
    assert "Go on" in admin.get("/weights").shown
    assert admin.post("/weights/jobs/1/go-on").status == 303
    assert eventually(lambda: len(calls(child)) == 4)
    assert index.read_text() == "what it began with"
    (child / "go").write_text("0")
    assert eventually(lambda: state(running) == "done")
    again.close()


def test_only_admins_adapt(running: Running, admin: Browser) -> None:
    admin.get("/admin")
    page = admin.post("/admin/users", name="eve", role="reviewer")
    password = re.search(r"<code>(.*?)</code>", page.text)
    assert password
    eve = Browser(running.port)
    eve.log_in("eve", password[1])
    eve.post("/password", old=password[1], new="long enough", again="long enough")
    assert "Weights" not in eve.get("/").shown
    assert eve.get("/weights").status == 403
    assert eve.get("/weights/jobs/1/report").status == 403
    for path in (
        "/weights/jobs",
        "/weights/data-set",
        "/weights/rollouts",
        "/weights/schedule",
        "/weights/jobs/1/cancel",
        "/weights/jobs/1/go-on",
    ):
        eve.get("/")
        assert eve.post(path).status == 403, path


def test_without_what_training_needs_a_line_says_so(
    running: Running, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "NEEDS", ("numpy", "no_such_package"))
    line = 'adapting needs no_such_package, which is not installed: pip install "shiftcore[station,train]"'
    page = admin.get("/weights")
    assert line in page.shown
    assert 'action="/weights/jobs"' not in page.text
    assert line in admin.post("/weights/jobs").shown


PRESET = f"""{NETWORK}[data]
source = "folder"
num_segments = 4
[training]
batch_size = 16
qat_epochs = 1
qat_lr = 0.005
keep = "last"
[alarm]
classes = ["lively"]
"""


ONE_EPOCH = """
from shiftcore.flow import adapt
adapt.STEPS, adapt.FOLDS = 1, 2
from shiftcore.flow.command import main
main()
"""


class TestReal:
    """With the real `shiftcore adapt`, on a network of random weights; two folds of one epoch are enough here."""

    @pytest.fixture
    def task(self, tmp_path: Path) -> Task:
        (tmp_path / "small.toml").write_text(PRESET)
        return Task(str(tmp_path / "small.toml"), ("lively", "calm"))

    def test_reviews_teach_the_network(self, running: Running, admin: Browser, task: Task, tmp_path: Path) -> None:
        preset = load_preset(task.preset)
        weights = tmp_path / "station" / "build" / "small" / "qat" / "best.pt"
        weights.parent.mkdir(parents=True)
        checkpoint.save(random_network(preset, 0, ("calm", "lively")), preset, weights)
        for number in range(6):
            rng, lively = np.random.default_rng(number), number % 2 == 0
            picture = rng.integers(60, 190, (40, 60, 3))
            light = rng.integers(-50, 50, 80) * lively
            images = [np.clip(picture + by, 0, 255).astype(np.uint8) for by in light]
            video.write(tmp_path / "clip.mp4", images, rate=10)
            told = event(which=f"e{number}", camera=f"camera {number}", label="lively")
            running.send_clip(told, video=(tmp_path / "clip.mp4").read_bytes())
            verdict = "right" if lively else "wrong"
            assert admin.post(f"/events/{number + 1}/review", verdict=verdict, action="").status == 303
        running.parts.jobs.command = [sys.executable, "-c", ONE_EPOCH]
        admin.get("/weights")
        admin.post("/weights/jobs")
        end = time.monotonic() + 900
        while state(running) in ("waiting", "running") and time.monotonic() < end:
            time.sleep(0.25)  # the child needs the CPU
        folder = running.parts.jobs.folder(1)
        assert state(running) == "done", (folder / "log.txt").read_text()
        outcome = re.search(r"done: (promoted|kept the old one): the new", admin.get("/weights").shown)
        assert outcome
        assert "Paired permutation test of the log loss, 6 sources" in admin.get("/weights/jobs/1/report").text
        assert (folder / "model.npz").exists() == (outcome[1] == "promoted")
        assert not (tmp_path / "build").exists()


def test_a_station_that_has_no_job_ends_at_once(tmp_path: Path) -> None:
    with opened(tmp_path, "", Task()) as parts:
        assert parts.jobs.tail(1) == ""
