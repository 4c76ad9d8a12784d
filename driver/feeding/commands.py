# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore feed SOURCE... --to BOARD`."""

import re
import socket
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shiftcore import cli
from shiftcore.driver.address import Address
from shiftcore.driver.feeding.feeder import Feeder
from shiftcore.driver.feeding.link import PORT, Answer, FeederKey
from shiftcore.driver.sources import Source, check_sources, open_sources
from shiftcore.driver.terminal import Voice, interruptible, stopped_by_a_signal
from shiftcore.errors import UserError
from shiftcore.model.sampling import Wanted

_NAMED = re.compile(r"([^=:/]+)=(.+)")


def feed(
    sources: Annotated[list[str], typer.Argument(help="[NAME=]SOURCE: video files, rtsp://..., /dev/videoN")],
    to: Annotated[str, typer.Option(help=f"the board's address, HOST[:PORT]; port {PORT} if none is given")],
    key: Annotated[Path, typer.Option(help="feeder.pem, which `shiftcore serve` on the board wrote")],
) -> None:
    """Decode cameras here, shrink their images to what a board's network takes, and send them to the board."""
    named = [_named(source) for source in sources]
    names, places = [name for name, _ in named], [place for _, place in named]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{twice[0]}: two cameras of that name; NAME=SOURCE gives another")
    check_sources(places)
    host, port = _address(to)
    say = Voice(Console(stderr=True))

    def open_all(wanted: Answer) -> list[Source]:
        return open_sources(places, wanted.rate, say, Wanted(wanted.luma))

    feeder = Feeder(host, port, FeederKey.read(key), names, open_all, say)
    with interruptible("what was sent is with the board"), stopped_by_a_signal(feeder.stop):
        feeder()
    say(f"{feeder.images} images sent")
    if any(source.problems for source in feeder.sources):
        raise typer.Exit(cli.USER_ERROR)


def _named(source: str) -> tuple[str, str]:
    """A camera's name, by which the board tells it from those of other feeders, and its source."""
    found = None if Path(source).exists() else _NAMED.fullmatch(source)
    if found:
        return found[1].strip(), found[2]
    return f"{socket.gethostname()}/{Address(source).shown if '://' in source else source}", source


def _address(to: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s/]+)(?::(\d{1,5}))?", to)
    if not found or not 0 < int(found[2] or PORT) < 65_536:
        raise UserError(f"--to {to}: not HOST or HOST:PORT")
    return found[1].strip("[]"), int(found[2] or PORT)
