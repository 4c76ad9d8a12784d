# SPDX-License-Identifier: BSD-3-Clause
"""Adaptations of the network to what was reviewed: `shiftcore adapt` (docs/adapting.md) in a process of its own, one at
a time, kept in the database. Each has a folder with its data set, its log, its report and, if it was promoted, its
model, and the one that was in use before.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from shiftcore import process
from shiftcore.artifacts import atomic_file
from shiftcore.errors import UserError
from shiftcore.station import dataset
from shiftcore.station.database import Database
from shiftcore.station.files import Store
from shiftcore.station.tables import LONGEST, Job
from shiftcore.station.task import Task

NEEDS = ("av", "cv2", "torch", "brevitas", "lightning", "qonnx")  # to train, and to export what came of it
AGAIN_S = 2.0  # between two looks at whether there is one: another process may have been asked
TAIL = 16 << 10, 20  # bytes and lines of a log that are shown
REPORT, BEFORE, MODEL, LOG, DATA = "report.md", "before.npz", "model.npz", "log.txt", "data"
UNWANTED = "unwanted"  # in the folder of one that is to be ended
ENDS = "promoted:", "kept the old one", "too little data to decide", "error:"  # how `shiftcore adapt` says what came
GENTLY = ["nice", "-n", "10"]  # boards and people come first


class RefusedError(Exception):
    """What cannot be done with a job now, in a sentence."""


def lacking() -> str:
    """Why nothing can be adapted here, in a line; "" where it can."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f'adapting needs {missing[0]}, which is not installed: pip install "shiftcore[station,train]"'


class Jobs:
    """The jobs of the station in the folder `state`, and the thread that runs them, in one of its processes: that which
    is `leading`. `changed` is called when there is something new to show; `command` is what children are called by. A
    job that was running when that process ended, however that came, is interrupted; it can be told to go on."""

    def __init__(self, database: Database, store: Store, state: Path, task: Task, changed: Callable[[], None]) -> None:
        self._database, self._store, self._state, self._task = database, store, state, task
        self._changed, self.command = changed, [*GENTLY, sys.executable, "-m", "shiftcore"]
        self._closing, self._wake = False, threading.Event()
        self._lock, self.leading = open(state / ".jobs", "w"), False  # noqa: SIM115 - closed by `close`
        self._leads()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the one that runs: it is interrupted."""
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._lock.close()
        self.leading = False

    def folder(self, number: int) -> Path:
        """Where all of a job lies."""
        return self._state / "jobs" / str(number)

    def ask(self, user: int, by_itself: bool = False) -> int:
        """A new job, which runs as soon as it can; its number. Raises RefusedError where one is waiting or running, or
        nothing can be adapted here."""
        if why := lacking():
            raise RefusedError(why)
        with self._database.writing() as session:
            if session.scalar(select(Job.id).where(Job.state.in_(("waiting", "running")))):
                raise RefusedError("One is under way already.")
            job = Job(user_id=user, state="waiting", asked=_now(), preset=self._task.preset, said="")
            job.by_itself = by_itself
            session.add(job)
            session.flush()
            number = job.id
        self._wake.set()
        self._changed()
        return number

    def go_on(self, number: int) -> None:
        """Let one that was interrupted go on where it stopped. Raises RefusedError for any other."""
        self._set(number, ("interrupted",), "waiting", "Only what was interrupted can go on.")
        self._wake.set()

    def cancel(self, number: int) -> None:
        """End one for good. Raises RefusedError for one that has ended."""
        try:
            self._set(number, ("waiting", "interrupted"), "cancelled", "")
            shutil.rmtree(self.folder(number) / DATA, ignore_errors=True)
        except RefusedError:
            with self._database.reading() as session:
                job = session.get(Job, number)
                if job is None or job.state != "running":
                    raise RefusedError("That has ended already.") from None
            self.folder(number).mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder(number) / UNWANTED).touch()  # and the thread that runs it sees to it, in whatever process

    def tail(self, number: int) -> str:
        """The last lines of a job's log, without what is meant for a terminal."""
        try:
            with open(self.folder(number) / LOG, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL[0]))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        lines = [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]
        return "\n".join("".join(c for c in line if c.isprintable()) for line in lines[-TAIL[1] :])

    def _set(self, number: int, before: Sequence[str], after: str, refusal: str) -> None:
        with self._database.writing() as session:
            job = session.get(Job, number)
            if job is None or job.state not in before:
                raise RefusedError(refusal)
            job.state = after
        self._changed()

    def _work(self) -> None:
        """The thread: one job after another."""
        while not self._closing:
            self._wake.clear()
            number = None
            with suppress(SQLAlchemyError):
                number = self._next() if self._leads() else None
            if number is None:
                self._wake.wait(AGAIN_S)
            else:
                self._end(number, *self._run(number))

    def _leads(self) -> bool:
        """Whether this process is the one that runs jobs: the first that asks, and another when that has ended."""
        if not self.leading:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            with self._database.writing() as session:
                session.execute(update(Job).where(Job.state == "running").values(state="interrupted"))
            self.leading = True
        return self.leading

    def _next(self) -> int | None:
        """The oldest that waits, which is running from now on."""
        waiting = select(Job.id).where(Job.state == "waiting").limit(1)
        with self._database.reading() as session:
            if session.scalar(waiting) is None:
                return None
        with self._database.writing() as session:
            job = session.scalar(select(Job).where(Job.state == "waiting").order_by(Job.id).limit(1))
            if job is None:
                return None
            job.state = "running"
            return job.id

    def _run(self, number: int) -> tuple[str, str]:
        """How a job ended, and what it said last."""
        folder = self.folder(number)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (folder / DATA).exists():
                with self._database.reading() as session:
                    dataset.write(session, self._store, self._task, folder / DATA)
            with open(folder / LOG, "w") as log:
                code = self._export(number, log, folder / BEFORE)
                if code == 0:
                    data = str(folder / DATA)
                    code = self._child(number, log, "adapt", "--preset", self._task.preset, "--data", data)
                if code == 0 and self._keep_report(folder):
                    code = self._export(number, log, folder / MODEL)
        except process.StoppedError:
            return ("cancelled" if (folder / UNWANTED).exists() else "interrupted"), ""
        except (UserError, OSError) as error:
            return "failed", str(error)
        except SQLAlchemyError:
            return "failed", "the database was away"
        lines = self.tail(number).splitlines()
        said = next((line for line in reversed(lines) if line.startswith(ENDS)), lines[-1] if lines else "")
        return ("failed" if code else "done"), said.partition(";")[0]

    def _child(self, number: int, log: IO[str], *words: str) -> int:
        """The exit code of a child. Raises StoppedError where it is wanted no more."""
        sizes = [0]

        def wanted() -> bool:
            sizes.append(os.fstat(log.fileno()).st_size)
            if sizes[-1] != sizes.pop(0):
                self._changed()
            return not self._closing and not (self.folder(number) / UNWANTED).exists()

        environment = os.environ | {"SHIFTCORE_BUILD": str(self._build), "PYTHONUNBUFFERED": "1", "COLUMNS": "100"}
        return process.run(
            [*self.command, *words], wanted=wanted, env=environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT,
        ).returncode  # fmt: skip

    def _export(self, number: int, log: IO[str], target: Path) -> int:
        """Export the model in use, and keep it; as `_child`."""
        code = self._child(number, log, "export", "--preset", self._task.preset)
        if code == 0:
            with atomic_file(target) as temporary:
                shutil.copyfile(self._build / Path(self._task.preset).stem / "export" / MODEL, temporary)
        return code

    @property
    def _build(self) -> Path:
        return (self._state / "build").absolute()

    def _keep_report(self, folder: Path) -> bool:
        """Copy what `shiftcore adapt` reports, if anything; whether it promoted."""
        log = (folder / LOG).read_text(errors="replace")
        if found := re.search(r"^report: (.+)$", log, re.M):
            with atomic_file(folder / REPORT) as temporary:
                shutil.copyfile(found[1], temporary)
        return re.search(r"^promoted:", log, re.M) is not None

    def _end(self, number: int, state: str, said: str) -> None:
        (self.folder(number) / UNWANTED).unlink(missing_ok=True)
        if state != "interrupted":
            shutil.rmtree(self.folder(number) / DATA, ignore_errors=True)
        ended = _now()
        while True:
            try:
                with self._database.writing() as session:
                    job = session.get_one(Job, number)
                    job.state, job.said, job.ended = state, said[: LONGEST["said"]], ended
                break
            except SQLAlchemyError:
                if self._closing:  # the next start finds it running, and makes it interrupted
                    return
                time.sleep(AGAIN_S)
        self._changed()


def _now() -> datetime:
    return datetime.now(timezone.utc)
