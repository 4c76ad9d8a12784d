# SPDX-License-Identifier: BSD-3-Clause
"""Many boards that tell a station of two processes, a PostgreSQL and a broker, each of which is killed meanwhile and
comes back: `python -m tests.station.load --boards 200 --cameras 32 --seconds 120` prints what came of it."""

import argparse
import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
from sqlalchemy import select

from shiftcore.station.accounts import Accounts
from shiftcore.station.database import Database
from shiftcore.station.tables import Board, Event
from tests.driver.mosquitto import Mosquitto, eventually
from tests.station import postgres
from tests.station.browser import Browser, ask, event

THREADS = 8  # that the boards share
PAGES = ("/", "/events", "/false-alarms", "/accuracy", "/events?kind=alarm&review=none")
AGAIN_S = 0.2
BROKERS = "mqtt"  # the board that tells a broker
MQTT_S = 1.0  # between two alarms by MQTT
DRAIN_S = 600.0  # until what a broker has is with the station
STATES_S = 2.0  # between two times that a board tells how its cameras are, as shiftcore.driver.sinks.station


@dataclass
class Process:
    """One of the station's, at `port`."""

    command: list[str]
    port: int
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.child = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        assert eventually(self._answers, 120)

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def _answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return ask(self.port, "GET", "/login", b"", {}).status == 200
        return False


@dataclass
class Ledger:
    """What was acknowledged: alarms by board and id; how often something had to be told `again`; what pages took, in
    seconds, and which did not come."""

    taken: list[tuple[str, str]] = field(default_factory=list)
    states: int = 0
    again: int = 0
    pages: dict[str, list[float]] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Figures:
    """`events` that were acknowledged, in `seconds`, and how many alarms `by_broker`; alarms that are `lost`, or have
    no end; the `pages`' p95 in seconds."""

    events: int
    by_broker: int
    states: int
    seconds: float
    again: int
    lost: int
    unended: int
    pages: dict[str, float]
    requests: int

    def __str__(self) -> str:
        pages = ", ".join(f"{page} {seconds:.2f}" for page, seconds in self.pages.items())
        return (
            f"{self.events} events in {self.seconds:.0f} s: {self.events / self.seconds:.1f} a second; boards told "
            f"{self.states / self.seconds:.1f} times a second how their cameras are; {self.again} requests again\n"
            f"{self.by_broker} of these alarms by the broker; "
            f"lost: {self.lost}, without an end: {self.unended}\np95 in s of {self.requests} pages: {pages}"
        )


class Boards(threading.Thread):
    """Some boards: each tells how its cameras are, and each time that its turn comes an alarm's begin and end; the two
    processes in turn, every fifth event both of them."""

    def __init__(self, tokens: dict[str, str], cameras: int, ports: list[int], ledger: Ledger) -> None:
        super().__init__(daemon=True)
        self._tokens, self._cameras, self._ports, self._ledger = tokens, cameras, ports, ledger
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        told, number = dict.fromkeys(self._tokens, 0.0), 0
        while not self.ended.is_set():
            for board, token in self._tokens.items():
                number += 1
                if time.monotonic() - told[board] > STATES_S:
                    told[board] = time.monotonic()
                    states = [{"name": f"c{one}", "risk": round(random.random(), 2)} for one in range(self._cameras)]
                    self._call(number, "PUT", "/api/cameras", {"cameras": states}, token)
                    self._ledger.states += 1
                which = f"{board}-{number}"
                for begin in (True, False):
                    one = event(begin, which, f"c{number % self._cameras}", utc=utc())
                    for turn in range(1 + (number % 5 == 0)):
                        self._call(number + turn, "POST", "/api/events", one, token)
                self._ledger.taken.append((board, which))
                if self.ended.is_set():
                    return

    def _call(self, turn: int, method: str, path: str, body: object, token: str) -> None:
        """Until it is acknowledged, by whichever process is there."""
        content, headers = json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}
        while True:
            port = self._ports[turn % len(self._ports)]
            if port not in self._connections:
                self._connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection = self._connections[port]
            try:
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 204:
                    return
                assert answer.status >= 500, answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
            self._ledger.again += 1
            turn += 1
            time.sleep(AGAIN_S)


class MqttBoard(threading.Thread):
    """A board that tells a broker, which brings it to both processes."""

    def __init__(self, board: str, broker: Mosquitto, ledger: Ledger) -> None:
        super().__init__(daemon=True)
        self._board, self._ledger = board, ledger
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=board, clean_session=False)
        self._client.reconnect_delay_set(1, 2)
        self._acknowledged = set[int]()
        self._client.on_publish = lambda _client, _data, number, *_: self._acknowledged.add(number)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self.ended = threading.Event()

    def run(self) -> None:
        number, waiting = 0, dict[int, str]()
        while not self.ended.wait(MQTT_S) or waiting:
            if not self.ended.is_set():
                number += 1
                for begin in (True, False):  # what is published while the broker is away comes when it is back
                    one = json.dumps(event(begin, f"m{number}", utc=utc()))
                    sent = self._client.publish(f"shiftcore/{self._board}/alarm", one, qos=1)
                waiting[sent.mid] = f"m{number}"
            for done in waiting.keys() & self._acknowledged:
                self._ledger.taken.append((self._board, waiting.pop(done)))
        self._client.disconnect()
        self._client.loop_stop()


class Reader(threading.Thread):
    """A person who looks at one page after the other, of one process and the other in turn, with one session."""

    def __init__(self, browser: Browser, ports: list[int], ledger: Ledger) -> None:
        super().__init__(daemon=True)
        self._browser, self._ports, self._ledger = browser, ports, ledger
        self.ended = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.ended.wait(0.1):
            page, number = PAGES[number % len(PAGES)], number + 1
            self._browser.port = self._ports[number // len(PAGES) % len(self._ports)]
            began = time.monotonic()
            try:
                status = self._browser.get(page).status
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 200:
                self._ledger.pages.setdefault(page, []).append(time.monotonic() - began)
            else:
                self._ledger.failed[page] += 1


def utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def log_in(database: Database, port: int) -> Browser:
    browser, password = Browser(port), Accounts(database).first_password()
    browser.log_in("admin", password)
    browser.post("/password", old=password, new="long enough", again="long enough")
    return browser


@contextmanager
def station(folder: Path, url: str, broker: Mosquitto) -> Iterator[list[Process]]:
    """Two processes of one."""
    processes = []
    for _ in range(2):
        port = free_port()
        words = ["--state", str(folder), "--database", url, "--mqtt", broker.address, "--listen", f"127.0.0.1:{port}"]
        processes.append(Process([sys.executable, "-m", "shiftcore", "station", *words], port))
    try:
        for process in processes:
            process.start()
        yield processes
    finally:
        for process in processes:
            process.kill()


def load(folder: Path, boards: int, cameras: int, seconds: float, kills: bool) -> Figures:
    """Tell a station of its own in `folder` for so long."""
    with ExitStack() as stack:
        server, broker = stack.enter_context(postgres.running()), Mosquitto(folder)
        broker.start()
        stack.callback(broker.stop)
        url, ledger = server.new(), Ledger()
        database = stack.enter_context(closing(Database(url)))
        tokens = {f"board{number}": Accounts(database).set_board(f"board{number}") for number in range(boards)}
        Accounts(database).set_board(BROKERS)
        processes = stack.enter_context(station(folder / "station", url, broker))
        ports = [process.port for process in processes]
        names, count = list(tokens), min(THREADS, boards)
        shares = [{name: tokens[name] for name in names[start::count]} for start in range(count)]
        browser = log_in(database, ports[0])
        threads: list[Boards | MqttBoard | Reader] = [Boards(share, cameras, ports, ledger) for share in shares]
        threads += [MqttBoard(BROKERS, broker, ledger), Reader(browser, ports, ledger)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        _meanwhile(
            seconds, [_again(processes[0]), _crash(server), _leave(broker), _again(processes[1])] if kills else []
        )
        for thread in threads:
            thread.ended.set()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
        took = time.monotonic() - began
        end = time.monotonic() + DRAIN_S
        while any(missing(database, ledger)) and time.monotonic() < end:
            time.sleep(1)  # what the broker still has for the station
        lost, unended = missing(database, ledger)
    pages = {page: sorted(times)[int(0.95 * len(times))] for page, times in ledger.pages.items()}
    requests = sum(map(len, ledger.pages.values()))
    by_broker = sum(board == BROKERS for board, _ in ledger.taken)
    return Figures(2 * len(ledger.taken), by_broker, ledger.states, took, ledger.again, lost, unended, pages, requests)


def missing(database: Database, ledger: Ledger) -> tuple[int, int]:
    """How many alarms that were acknowledged are not there exactly once, and how many have no end."""
    with database.reading() as session:
        chosen = session.execute(select(Board.name, Event.told, Event.ended).join(Board, Event.board_id == Board.id))
        rows = [((board, told), ended) for board, told, ended in chosen]
    there, ended = Counter(key for key, _ in rows), dict(rows)
    return (
        sum(there[one] != 1 for one in ledger.taken),
        sum(ended.get(one) is None for one in ledger.taken),
    )


def _meanwhile(seconds: float, deeds: list[Callable[[], None]]) -> None:
    """Do these, evenly over so long."""
    for deed in deeds:
        time.sleep(seconds / (len(deeds) + 1))
        deed()
    time.sleep(seconds / (len(deeds) + 1))


def _again(process: Process) -> Callable[[], None]:
    def deed() -> None:
        process.kill()
        time.sleep(1)
        process.start()

    return deed


def _crash(server: postgres.Postgres) -> Callable[[], None]:
    def deed() -> None:
        server.stop(signal.SIGQUIT)
        time.sleep(1)
        server.start()

    return deed


def _leave(broker: Mosquitto) -> Callable[[], None]:
    def deed() -> None:
        broker.stop()
        time.sleep(1)
        broker.start()

    return deed


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("boards", 200), ("cameras", 32), ("seconds", 120)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--no-kills", dest="kills", action="store_false")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(load(Path(folder), given.boards, given.cameras, given.seconds, given.kills))


if __name__ == "__main__":
    main()
