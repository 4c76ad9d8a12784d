# SPDX-License-Identifier: BSD-3-Clause
"""A site: its cameras and where its events go, of a TOML file or of a command line (docs/service.md)."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shiftcore.driver.address import Address
from shiftcore.driver.run import Rules
from shiftcore.driver.service.clips import ClipSettings
from shiftcore.driver.service.cover import Cover, problem
from shiftcore.driver.service.live import LiveSettings
from shiftcore.driver.service.schedule import Schedule
from shiftcore.driver.service.secrets import Secrets
from shiftcore.driver.sinks import Settings, settings
from shiftcore.driver.sources import Mode, check_source
from shiftcore.errors import UserError
from shiftcore.model import decoders
from shiftcore.model.fields import Count, Seconds, collected

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")  # of a camera or a sink: in topics, addresses and files' names
Points = tuple[tuple[Seconds, ...], ...]


class SiteError(UserError):
    """What is wrong with a site file, a line a mistake in `mistakes`."""

    def __init__(self, path: Path, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(f"{path}: {mistake}" for mistake in mistakes)
        super().__init__("\nerror: ".join(self.mistakes))  # as the first line of a command's error begins


@dataclass(frozen=True)
class Camera:
    """A camera: its `address`; the file of its `model`, "" for the build's; its alarm's `threshold`, in (0, 1], None:
    the model's own; when that counts (spans as `Schedule.parse` takes them; none: always); `zones` in which motion
    counts and `masks` that nobody sees, polygons of points from 0 to 1; the picture's `size` (width, height) and `rate`
    that a camera of this machine is asked for."""

    address: str = field(repr=False)
    threshold: float | None = None
    model: str = ""
    schedule: tuple[str, ...] = ()
    zones: tuple[Points, ...] = ()
    masks: tuple[Points, ...] = ()
    size: tuple[Count, ...] = ()
    rate: Count | None = None

    def mistakes(self) -> Iterator[str]:
        """What is wrong with it, a line each."""
        try:
            check_source(self.address)
        except UserError as error:
            yield f"address: {error}"
        if self.model and not Path(self.model).is_file():
            yield f"model: {self.model}: no such file; `make export` writes one, build/PRESET/export/model.npz"
        if self.threshold is not None and self.threshold > 1:
            yield f"threshold is {self.threshold:g}; it is above 0 and up to 1"
        try:
            Schedule.parse(self.schedule)
        except ValueError as error:
            yield f"schedule: {error}"
        for kind, polygons in (("zones", self.zones), ("masks", self.masks)):
            for index, polygon in enumerate(polygons):
                if wrong := problem(polygon):
                    yield f"{kind}[{index}]: {wrong}"
        if len(self.size) not in (0, 2):
            yield "size is not [width, height]"
        if (self.size or self.rate) and not self.address.startswith("/dev/"):
            yield "size and rate are for cameras at /dev/video...; any other's stream is chosen by its address"

    @property
    def mode(self) -> Mode:
        """What it is asked for."""
        return Mode(self.size, self.rate)

    def rules(self, threshold: float | None = None, bank: int = 0) -> Rules:
        """What holds for it in a run; `threshold`: where it has none of its own; `bank`: that of its model."""
        own = self.threshold if self.threshold is not None else threshold
        return Rules(own, Cover(self.masks, self.zones), Schedule.parse(self.schedule), bank)


@dataclass(frozen=True)
class _Top:
    """A site file without its sinks, whose tables are of many kinds."""

    cameras: dict[str, Camera]
    clips: ClipSettings | None = None
    live: LiveSettings | None = None
    build: str = ""
    state: str = ""

    def mistakes(self) -> Iterator[str]:
        if not self.cameras:
            yield "cameras: there are none"
        for name in self.cameras:
            if not NAME.fullmatch(name):
                yield f"cameras.{name}: a name is of letters, digits, - and _"


@dataclass(frozen=True)
class Site:
    """`cameras` by their names; what the `sinks` are told, by theirs; where `clips` go, and how often there are `live`
    pictures, if at all; the `build` to run, None where that is not said;
    the folder `state`, for what must outlive the run, None likewise; the `secrets` that were put in, for whoever must
    not show them."""

    cameras: Mapping[str, Camera]
    sinks: Mapping[str, Settings]
    clips: ClipSettings | None = None
    build: Path | None = None
    state: Path | None = None
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    live: LiveSettings | None = None

    @property
    def models(self) -> list[Path]:
        """The models of cameras that have one of their own, each once, in the cameras' order."""
        return [Path(model) for model in dict.fromkeys(camera.model for camera in self.cameras.values()) if model]


def is_site(sources: Iterable[str]) -> bool:
    """Whether a command line's `sources` are one site file."""
    names = list(sources)
    return len(names) == 1 and names[0].endswith(".toml")


def read_site(path: Path) -> Site:
    """The site in the TOML file at `path`. Paths in it begin in its folder. Raises SiteError with all that is wrong."""
    mistakes: list[str] = []
    values, secrets, here = _toml(path), Secrets(), path.resolve().parent
    decoders.need_one()
    named = values.pop("secrets", "")
    if not isinstance(named, str):
        mistakes.append("secrets is not the name of a file")
    elif named:
        secrets.read(here / named, mistakes)
    filled = _filled(values, "", secrets, mistakes)
    tables, clips = filled.pop("sinks", {}), filled.get("clips")
    if isinstance(clips, dict) and isinstance(clips.get("folder"), str):
        clips["folder"] = str(here / clips["folder"])
    for camera in filled.get("cameras", {}).values() if isinstance(filled.get("cameras"), dict) else ():
        if isinstance(camera, dict) and isinstance(camera.get("address"), str):
            camera["address"] = _from(here, camera["address"])
        if isinstance(camera, dict) and isinstance(camera.get("model"), str):
            camera["model"] = os.path.normpath(here / camera["model"])
    top = collected(_Top, filled, "", mistakes)
    sinks = _sinks(tables, here, mistakes)
    if mistakes or top is None:
        raise SiteError(path, map(secrets.hide, sorted(set(mistakes))))
    build, state = (here / part if part else None for part in (top.build, top.state))
    return Site(top.cameras, sinks, top.clips, build, state, secrets, top.live)


def _sinks(tables: Any, here: Path, mistakes: list[str]) -> dict[str, Settings]:
    """The sinks of the tables `[sinks.NAME]`; paths in them begin in the folder `here`."""
    sinks = {}
    for name, table in tables.items() if isinstance(tables, dict) else [("", tables)]:
        if not NAME.fullmatch(name):
            mistakes.append(f"sinks.{name}: not a table with a name of letters, digits, - and _")
        for key in ("path", "ca", "certificate") if isinstance(table, dict) else ():
            if isinstance(table.get(key), str) and table[key] not in ("", "-"):
                table[key] = str(here / table[key])
        sinks[name] = settings(name, table, f"sinks.{name}", mistakes)
    return {name: one for name, one in sinks.items() if one}


def of_sources(sources: Iterable[str]) -> Site:
    """The site of a command line, whose cameras are called by their addresses, without user and password. Two of one
    name are told apart by what stands behind it."""
    cameras: dict[str, Camera] = {}
    for source in sources:
        cameras[_unused(Address(source).shown if "://" in source else source, cameras)] = Camera(source)
    return Site(cameras, {})


def _unused(name: str, cameras: Mapping[str, Camera]) -> str:
    number = 2
    while (unused := name if name not in cameras else f"{name} ({number})") in cameras:
        number += 1
    return unused


def _from(here: Path, address: str) -> str:
    return address if "://" in address or address.startswith("/") else str(here / address)


def _filled(value: Any, key: str, secrets: Secrets, mistakes: list[str]) -> Any:
    """`value`, of TOML, with the secrets that its texts name."""
    if isinstance(value, dict):
        return {
            name: _filled(inner, f"{key}.{name}" if key else name, secrets, mistakes) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_filled(inner, key, secrets, mistakes) for inner in value]
    return secrets.fill(value, key, mistakes) if isinstance(value, str) else value


def _toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None
