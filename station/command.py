# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore station` and `shiftcore station board NAME`."""

import os
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shiftcore.driver.sinks.mqtt import Broker, split_address
from shiftcore.driver.terminal import Voice
from shiftcore.errors import UserError

PORT = 8460
What = Annotated[list[str] | None, typer.Argument(help="`board NAME`: a new token for a board, and no server")]
State = Annotated[Path | None, typer.Option(help="the folder of clips and of the database of SQLite")]
DatabaseUrl = Annotated[str, typer.Option(help="postgresql://USER@HOST/NAME; default: SQLite in --state")]
Listen = Annotated[str, typer.Option(help="where browsers and boards connect to, HOST[:PORT]; 0.0.0.0: from anywhere")]
BrokersAddress = Annotated[str | None, typer.Option(help="a broker of events: mqtt://[USER:PASSWORD@]HOST, mqtts://")]
CaFile = Annotated[Path | None, typer.Option(help="the certificate that signed the broker's; else the system's")]
Demo = Annotated[bool, typer.Option("--demo", help="show it with drawn cameras and no hardware")]


def main(
    what: What = None,
    state: State = None,
    database: DatabaseUrl = "",
    listen: Listen = f"127.0.0.1:{PORT}",
    mqtt: BrokersAddress = None,
    mqtt_ca: CaFile = None,
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
    if demo:
        if what or state or database or mqtt:
            raise UserError("--demo has a state, a board and cameras of its own: give it --listen at most")
        from shiftcore.station.demo import show

        show(host, port, Voice(Console(stderr=True)))
    elif what:
        _make_board(what, state or _state_folder(), database)
    else:
        _serve(state or _state_folder(), database, host, port, Broker.parse(mqtt, mqtt_ca) if mqtt else None)


def _make_board(what: list[str], state: Path, url: str) -> None:
    from shiftcore.station.accounts import Accounts
    from shiftcore.station.server import database_of

    if len(what) != 2 or what[0] != "board":
        raise UserError(
            f"{' '.join(what)}: `shiftcore station board NAME` gives a board a token; without words it serves"
        )
    with closing(database_of(state, url)) as database:
        token = Accounts(database).set_board(what[1])
    print(token)


def _serve(state: Path, url: str, host: str, port: int, broker: Broker | None) -> None:
    from shiftcore.station.mqtt import Subscriber
    from shiftcore.station.server import greet, opened, serving

    say = Voice(Console(stderr=True))
    with opened(state, url) as parts, ExitStack() as stack:
        password = parts.accounts.first_password()
        given = stack.enter_context(serving(parts, host, port))
        if broker:
            stack.enter_context(closing(Subscriber(broker, parts, state, say)))
        greet(say, host, given, password)
        wait()


def wait() -> None:
    """Until Ctrl-C or SIGTERM, which is how a server ends."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


def _state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "shiftcore" / "station"
