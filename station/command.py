# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore station`, `shiftcore station board NAME` and `shiftcore station export FOLDER`."""

import os
import threading
from contextlib import ExitStack, closing
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from shiftcore.driver.sinks.mqtt import Broker, split_address
from shiftcore.driver.terminal import Voice
from shiftcore.errors import UserError
from shiftcore.station.task import Task

if TYPE_CHECKING:
    from shiftcore.station.regular import Regular
    from shiftcore.station.retention import Limits
    from shiftcore.station.web.parts import Parts

PORT = 8460
CLASSES = ",".join(Task.classes)
What = Annotated[
    list[str] | None, typer.Argument(help="no server: `board NAME`, a token; `export FOLDER`, reviewed clips")
]
State = Annotated[Path | None, typer.Option(help="the folder of clips and of the database of SQLite")]
DatabaseUrl = Annotated[str, typer.Option(help="postgresql://USER@HOST/NAME; default: SQLite in --state")]
Listen = Annotated[str, typer.Option(help="where browsers and boards connect to, HOST[:PORT]; 0.0.0.0: from anywhere")]
BrokersAddress = Annotated[str | None, typer.Option(help="a broker of events: mqtt://[USER:PASSWORD@]HOST, mqtts://")]
CaFile = Annotated[Path | None, typer.Option(help="the certificate that signed the broker's; else the system's")]
PresetName = Annotated[str, typer.Option("--preset", help="what runs on the boards, a preset or a TOML file")]
ClassNames = Annotated[str, typer.Option(help="what its network tells apart, with commas; the calm class last")]
KeepDays = Annotated[float, typer.Option(min=0, help="clips of older alarms go; 0: of any age stay")]
KeepGigabytes = Annotated[float, typer.Option(min=0, help="all clips together at most, the oldest go; 0: no limit")]
Demo = Annotated[bool, typer.Option("--demo", help="show it with drawn cameras and no hardware")]


def main(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    what: What = None,
    state: State = None,
    database: DatabaseUrl = "",
    listen: Listen = f"127.0.0.1:{PORT}",
    mqtt: BrokersAddress = None,
    mqtt_ca: CaFile = None,
    preset: PresetName = Task.preset,
    classes: ClassNames = CLASSES,
    keep_days: KeepDays = 0.0,
    keep_gigabytes: KeepGigabytes = 0.0,
    demo: Demo = False,
) -> None:
    """The server of many boards: takes their events and clips, and shows them for review."""
    try:
        import alembic  # noqa: F401
        import argon2  # noqa: F401
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"the station needs {error.name}, which is not installed: pip install shiftcore[station]"
        ) from None
    try:
        host, port = split_address(listen, PORT)
    except ValueError:
        raise UserError(f"--listen: {listen} is no HOST[:PORT]") from None
    task = Task.parse(preset, classes)
    if demo:
        if what or state or database or mqtt:
            raise UserError("--demo has a state, a board and cameras of its own: give it --listen at most")
        from shiftcore.station.demo import show

        show(host, port, Voice(Console(stderr=True)))
    elif what:
        _do(what, state or _state_folder(), database, task)
    else:
        broker, keep = Broker.parse(mqtt, mqtt_ca) if mqtt else None, (keep_days, keep_gigabytes)
        _serve(state or _state_folder(), database, task, (host, port), broker, keep)


def _do(what: list[str], state: Path, url: str, task: Task) -> None:
    from shiftcore.station.server import database_of

    match what:
        case ["board", name]:
            from shiftcore.station.accounts import Accounts

            with closing(database_of(state, url)) as database:
                print(Accounts(database).set_board(name))
        case ["export", folder]:
            _export(Path(folder), state, url, task)
        case _:
            raise UserError(
                f"{' '.join(what)}: `shiftcore station board NAME` gives a board a token, `shiftcore station export "
                "FOLDER` writes reviewed clips; without words it serves"
            )


def _export(folder: Path, state: Path, url: str, task: Task) -> None:
    from shiftcore.station.dataset import write
    from shiftcore.station.server import database_of, store_of

    with closing(database_of(state, url)) as database, database.reading() as session:
        shares = write(session, store_of(state), task, folder)
    for share in shares:
        print(f"{share.label}: {share.clips} clips of {share.sources} sources")
    print(folder)


def _serve(
    state: Path, url: str, task: Task, listen: tuple[str, int], broker: Broker | None, keep: tuple[float, float]
) -> None:
    from shiftcore.station.mqtt import Subscriber
    from shiftcore.station.retention import Limits
    from shiftcore.station.server import greet, opened, serving

    say = Voice(Console(stderr=True))
    with opened(state, url, task) as parts, ExitStack() as stack:
        password = "" if parts.number else parts.accounts.first_password()
        given = stack.enter_context(serving(parts, *listen))
        if broker:
            stack.enter_context(closing(Subscriber(broker, parts, state, say)))
        stack.enter_context(closing(_by_itself(parts, Limits(*keep), say)))
        greet(say, listen[0], given, password)
        wait()


def _by_itself(parts: "Parts", limits: "Limits", say: Voice) -> "Regular":
    """What a station does without being asked."""
    from shiftcore.station import retention, schedule
    from shiftcore.station.regular import Regular

    def look() -> None:
        if not parts.jobs.leading:  # another process does it
            return
        retention.keep(parts.database, parts.store, limits, say)
        schedule.keep_to_it(parts.database, parts.jobs, parts.rollouts, datetime.now(timezone.utc))

    return Regular("by itself", retention.EACH_S, look)


def wait() -> None:
    """Until Ctrl-C or SIGTERM, which is how a server ends."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


def _state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "shiftcore" / "station"
