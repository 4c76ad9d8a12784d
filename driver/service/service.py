# SPDX-License-Identifier: BSD-3-Clause
"""A site's cameras and sinks around one run: opened, watched, read anew without a pause."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.address import Address
from shiftcore.driver.events import Event
from shiftcore.driver.feeding.listener import Listener
from shiftcore.driver.run import LOST, Channel, Rules, Run
from shiftcore.driver.service.clips import Clips
from shiftcore.driver.service.live import Live
from shiftcore.driver.service.models import load, plan
from shiftcore.driver.service.site import Camera, Site, SiteError
from shiftcore.driver.service.systemd import Notifier
from shiftcore.driver.sinks import CameraState, Settings, Sinks
from shiftcore.driver.sources import Image, Say, Source, is_live, open_source
from shiftcore.driver.switch import Answer, Switch
from shiftcore.errors import UserError
from shiftcore.model.description import ModelDescription
from shiftcore.model.records import Result
from shiftcore.model.sampling import Wanted

SHOWN_S = 1.0  # between two looks of the sinks at how the cameras are


class Service:
    """The cameras of `site` through `accelerator`, and what happens told to `sinks`, until all of them are done.

    `on_result` sees each frame with its result; of each image there is what is `wanted`. `thresholds`: for a model, by
    cameras' names or addresses, where a camera has none of its own and no other model than the build's. `more`: sinks
    that the site does not name, and the folders where these keep events; `door`: where feeders' cameras come in;
    `switch`: what gives the run other models. Raises UserError for more cameras than the accelerator has streams, or
    more models than banks, and ShapeError for a camera's model that does not fit.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        accelerator: Accelerator,
        site: Site,
        sinks: Sinks,
        say: Say,
        *,
        on_result: Callable[[Channel, Image, Result], None],
        wanted: Wanted,
        thresholds: Callable[[ModelDescription], Mapping[str, float]],
        more: Mapping[str, Settings],
        spools: Mapping[str, Path],
        door: Listener | None = None,
    ) -> None:
        self._accelerator, self._site, self._sinks, self._say = accelerator, site, sinks, say
        self._wanted, self._calibrated, self._more, self._spools = wanted, thresholds, more, spools
        self._thresholds = thresholds(accelerator.description)
        self._banks = load(accelerator, site.models)
        self._clips, self._on_result = Clips(site.clips, say, sinks.clip) if site.clips else None, on_result
        self._live = Live(site.live, sinks.picture) if site.live else None
        self._leaving: list[threading.Thread] = []
        self._door = door
        self._next, self._asked = 0.0, False
        self._systemd, self._ready = Notifier(), False
        self._again: Callable[[], Site] | None = None
        self._coming: _Coming | None = None
        self._before: Callable[[int, FrameType | None], Any] | int | None = None
        sinks.set({**site.sinks, **more}, spools)
        self.switch = Switch(accelerator, self.rules, say)
        sources: list[Source] = []
        try:
            for name, camera in site.cameras.items():
                sources.append(self._opened(name, camera))
            rules = {name: self._rules(name, camera) for name, camera in site.cameras.items()}
            self.going = Run(accelerator, sources, self._show, [self._publish], say, rules)
            self.going.between += [self.switch, self._between]  # models that have come are there for a site read anew
            self.going.expected = self._expects
        except BaseException:
            self._let_go(sources)
            raise

    def close(self) -> None:
        """Let go of all cameras."""
        self._systemd.stopping()
        self._let_go(self.going.sources)

    def _let_go(self, sources: list[Source]) -> None:
        self.switch.close()
        for source in sources:
            source.close()
        for thread in self._leaving:
            thread.join()
        if self._clips:
            self._clips.close()
        if self._live:
            self._live.close()

    @contextmanager
    def read_anew(self, again: Callable[[], Site] | None) -> Iterator[None]:
        """SIGHUP meanwhile has the site read by `again`, where there is that, besides what it does already."""
        if again is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        self._again, self._before = again, signal.signal(signal.SIGHUP, self._ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGHUP, self._before)

    def rules(self, description: ModelDescription) -> dict[str, Rules]:
        """What holds for the cameras with another model in bank 0, by their names."""
        try:
            self._thresholds = self._calibrated(description)
        except UserError as error:
            self._say(f"{error}; until then each camera has its own, or the model's")
            self._thresholds = {}
        known = {name: self._rules(name, camera) for name, camera in self._site.cameras.items()}
        fed = (channel.source.name for channel in self.going.channels if channel.source.name not in known)
        return known | {name: Rules(self._thresholds.get(name)) for name in fed}

    def states(self) -> list[CameraState]:
        """How the cameras are."""
        return [_state(channel) for channel in self.going.channels if not channel.gone]

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        if callable(self._before):
            self._before(number, frame)

    def _between(self, _run: Run) -> None:
        if not self._ready:
            self._ready = True
            self._systemd.ready()
        self._systemd.alive()
        self._admit()
        if self._asked and not self._coming:
            self._asked = False
            self._systemd.reloading()
            self._reload()
        if self._coming and self._coming.models.done():
            coming, self._coming = self._coming, None
            self._renew(coming)
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SHOWN_S
            if self._clips:
                self._clips.look()
            self._sinks.show(self.states())

    def _show(self, channel: Channel, image: Image, result: Result) -> None:
        if self._clips:
            self._clips.saw(channel.source.name, image, result.score)
        if self._live:
            self._live.saw(channel.source.name, image)
        self._on_result(channel, image, result)

    def _expects(self) -> bool:
        return self._door is not None and not self._door.stopped

    def _admit(self) -> None:
        """Take in the cameras that feeders have brought."""
        while self._door and self._door.arrivals:
            source = self._door.arrivals.popleft()
            self.going.add(source, Rules(self._thresholds.get(source.name)))

    def _publish(self, event: Event) -> None:
        self._sinks.publish(event)
        if self._clips:
            self._clips.publish(event)
        self._next = 0.0  # it changes how a camera is

    def _reload(self) -> None:
        """Read the site file; what its cameras' models are is read beside the run. With a mistake everything goes on as
        it was."""
        assert self._again is not None
        try:
            site = self._again()
            if len(site.cameras) > self._accelerator.streams:
                raise UserError(f"{len(site.cameras)} cameras, but this chip keeps {self._accelerator.streams} apart")
            banks = plan(site.models, self._accelerator.models[: self.going.banks])
        except UserError as error:
            for line in error.mistakes if isinstance(error, SiteError) else [str(error)]:
                self._say(line)
            self._stay()
            return
        self._coming = _Coming(site, banks, self.switch.ask_all(list(banks.items())))

    def _stay(self) -> None:
        self._say("the site goes on as it was")
        self._systemd.ready()

    def _renew(self, coming: "_Coming") -> None:
        """Do as the site file says, whose models have come. What has not changed goes on."""
        if coming.models.exception():  # which has been said
            self._stay()
            return
        site, self._banks = coming.site, coming.banks
        before, self._site = self._site, site
        self._change(before)
        try:
            self._sinks.set({**site.sinks, **self._more}, self._spools)
        except UserError as error:
            self._say(str(error))
        if (site.clips, site.live) != (before.clips, before.live):
            self._say("clips, live: what the site now says of them holds from the next start on")
        self._say("the site was read anew")
        self._systemd.ready()

    def _change(self, before: Site) -> None:
        """Leave, call and tell the cameras in which the site differs from the one of `before`."""
        known = {channel.source.name: channel for channel in self.going.channels if not channel.gone}
        for name, channel in known.items():
            if not _same_source(before.cameras[name], self._site.cameras.get(name)):
                self._leave(channel)
        for name, camera in self._site.cameras.items():
            rules = self._rules(name, camera)
            if name not in known or known[name].gone:
                self.going.add(self._opened(name, camera), rules)
            elif rules != known[name].rules:
                self.going.change(known[name], rules)
                if self._clips:
                    self._clips.cover(name, rules.cover)

    def _opened(self, name: str, camera: Camera) -> Source:
        rate = self._accelerator.description.preprocess.images_per_second
        tape = self._clips.tape(name, camera.rules().cover) if self._clips and is_live(camera.address) else None
        return open_source(camera.address, rate, self._say, self._wanted, name, camera.mode, tape)

    def _rules(self, name: str, camera: Camera) -> Rules:
        if camera.model:
            return camera.rules(bank=self._banks[Path(camera.model)])
        return camera.rules(self._thresholds.get(name, self._thresholds.get(Address(camera.address).shown)))

    def _leave(self, channel: Channel) -> None:
        """Let go of a camera behind the others' back: it may be silent, and closing waits for it."""
        self.going.remove(channel)
        self._leaving = [thread for thread in self._leaving if thread.is_alive()]
        self._leaving.append(threading.Thread(target=channel.source.close, name=channel.source.name))
        self._leaving[-1].start()


class _Coming(NamedTuple):
    """A site that was read anew, the banks of its cameras' models, and whether these have come."""

    site: Site
    banks: dict[Path, int]
    models: Answer


def _same_source(one: Camera, other: Camera | None) -> bool:
    return other is not None and (one.address, one.mode) == (other.address, other.mode)


def _state(channel: Channel) -> CameraState:
    return CameraState(
        name=channel.source.name,
        frames=channel.frames,
        dropped=channel.source.dropped,
        rate=channel.rate,
        latency_cycles=channel.latency,
        winner=channel.name,
        risk=0.0 if LOST in channel.troubles else channel.score,
        alarm=channel.state,
        alarms=channel.events,
        troubles=tuple(sorted(channel.troubles)),
    )
