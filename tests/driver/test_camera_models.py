# SPDX-License-Identifier: BSD-3-Clause
"""A model of each camera: its results, classes, alarm and hash are its own model's, by the site that names it."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shiftcore.driver import Accelerator
from shiftcore.driver.build import Build
from shiftcore.driver.change import LOADED, Change
from shiftcore.driver.control import listening, runs_folder
from shiftcore.driver.events import Event
from shiftcore.driver.load import load
from shiftcore.driver.run import Channel, Rules, Run
from shiftcore.driver.service.models import plan
from shiftcore.driver.service.service import Service
from shiftcore.driver.service.site import read_site
from shiftcore.driver.sinks import Sinks
from shiftcore.driver.sources import Image, open_sources
from shiftcore.driver.switch import Switch
from shiftcore.errors import UserError
from shiftcore.flow.command import app
from shiftcore.model.alarm import Alarm
from shiftcore.model.records import Result, alarm_score
from shiftcore.model.reference import Reference
from shiftcore.model.sampling import Wanted
from tests.driver.footage import scene
from tests.driver.rig import described, other_model, too_wide
from tests.driver.test_switch import inputs

NAMES = ["calm", "walk", "fight", "kick"]
EAGER = {"classes": NAMES, "threshold": 0.2, "release": 0.1, "min_seconds": 0.04, "cool_down_seconds": 0}


@pytest.fixture
def build(tiny_two_chip: Path, tmp_path: Path) -> Path:
    """A copy of the chip of two banks, as little of it as a board has."""
    folder = tmp_path / "tiny-two" / "pynq-z2"
    (folder / "chip").mkdir(parents=True)
    for name in ("manifest.json", "model.npz", "selftest.npz"):
        shutil.copy(tiny_two_chip / name, folder / "chip")
    return folder


@pytest.fixture
def exported(build: Path, tmp_path: Path) -> Path:
    """The same model without a chip."""
    (tmp_path / "export").mkdir()
    return Path(shutil.copy(build / "chip" / "model.npz", tmp_path / "export" / "model.npz"))


@pytest.fixture
def fights(exported: Path, tmp_path: Path) -> Path:
    return other_model(exported, tmp_path / "fights.npz", 1, described(classes=NAMES, alarm=EAGER))


@pytest.fixture
def opened(build: Path) -> Iterator[Accelerator]:
    with Accelerator.open(build, "reference", compare=True) as accelerator:
        yield accelerator


def site(folder: Path, *cameras: str, more: str = "") -> Path:
    """A site of cameras that see the same video, each with keys of its own."""
    if not (folder / "a.mp4").exists():
        scene(folder / "a.mp4", "leave_pick", clips=4)
    tables = "".join(f'[cameras.c{at}]\naddress = "a.mp4"\n{keys}\n' for at, keys in enumerate(cameras))
    (folder / "site.toml").write_text(tables + more)
    return folder / "site.toml"


def run(path: Path, build: Path, *options: str | Path) -> Any:
    command = ["run", str(path), "--build", str(build), "--backend", "reference", *map(str, options)]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def judged(model: Path, path: Path, threshold: float | None = None) -> tuple[list[Any], list[Any]]:
    """What a model gives for each frame of a video, logits and class, and what its alarm makes of them."""
    reference = Reference.load(model)
    settings, consensus = reference.description.alarm, reference.consensus()
    assert settings is not None
    alarm, frames, changes = Alarm(settings.at(threshold or settings.threshold)), [], []
    for index, pixels in enumerate(inputs(reference.description, path)):
        logits = reference.infer(pixels, 0, index == 0)
        decision = consensus.update(logits, 0, index == 0)
        score = alarm_score(decision, reference.description.alarm_indices)
        frames.append((logits.tolist(), decision.name, round(score, 6)))
        changes += alarm.update(index / 25, score, settings.likeliest(reference.classes, decision.scores))
    return frames, [("begin" if c.begin else "end", c.name, round(c.score, 6)) for c in [*changes, *alarm.interrupt()]]


@pytest.mark.parametrize("of", ["build", "exported"])
def test_each_cameras_results_are_its_own_models(
    of: str, fights: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    build = request.getfixturevalue(of)
    path = site(
        tmp_path, "", 'model = "fights.npz"', 'model = "fights.npz"\nthreshold = 0.9',
        more='[sinks.file]\npath = "events.jsonl"\n',
    )  # fmt: skip
    result = run(path, build, "--json", "--compare")
    assert result.exit_code == 0, result.output
    read, lines = Build.load(build), [json.loads(line) for line in result.stdout.splitlines()]
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    for stream, (model, threshold) in enumerate(((read.model, None), (fights, None), (fights, 0.9))):
        frames, changes = judged(model, tmp_path / "a.mp4", threshold)
        own = [line for line in lines if line["stream"] == stream]
        assert [(line["logits"], line["class"], line["score"]) for line in own] == frames
        told = [event for event in events if event["camera"] == f"c{stream}"]
        assert [(event["event"], event["class"], event["score"]) for event in told] == changes
        assert {line["model"] for line in [*own, *told]} == {Change.read(read, model).loaded.hash}
    assert {event["class"] for event in events if event["camera"] == "c1"} < set(NAMES)


def test_mistakes_are_a_line_each(build: Path, exported: Path, fights: Path, tmp_path: Path) -> None:
    rarer = {"preprocess": {"representation": "rgb", "images_per_second": None, "run_every": 2}}
    other_model(exported, tmp_path / "rarer.npz", 3, described(**rarer))
    other_model(exported, tmp_path / "wide.npz", 4, too_wide)
    (tmp_path / "none.npz").write_text("no model")
    own = 'model = "fights.npz"'
    for cameras, options, text in (
        ([own, 'model = "wide.npz"'], (), "this chip has 2 banks of weights (hardware.models): compile it with"),
        ([own], ("--shadow", fights), "3 models at once are wanted"),
        (['model = "absent.npz"'], (), f"cameras.c0.model: {tmp_path}/absent.npz: no such file"),
        (['model = "none.npz"'], (), "none.npz: not an integer model"),
        (['model = "wide.npz"'], (), "wide.npz: not of the shape of"),
        (['model = "rarer.npz"'], (), "rarer.npz: its inputs are made otherwise"),
    ):
        result = run(site(tmp_path, *cameras), build, *options)
        assert result.exit_code == 2 and result.stdout == ""
        assert text in result.stderr and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    result = run(site(tmp_path, *(f'model = "{at}.npz"' for at in range(5))), exported)
    assert result.exit_code == 2 and result.stderr.count("no such file") == 5
    for at in range(5):
        (tmp_path / f"{at}.npz").touch()
    result = run(tmp_path / "site.toml", exported)
    assert "6 models at once are wanted" in result.stderr and "there are 4 at most" in result.stderr


def test_a_bank_is_kept_by_its_model(opened: Accelerator, tmp_path: Path) -> None:
    (own, _), files = opened.models, [tmp_path / name for name in "abc"]
    loaded = [own, *(type(own)(file, "", own.description) for file in files)]
    assert plan([], [own]) == {}
    assert plan([files[1], tmp_path / "new", files[0]], loaded) == {files[1]: 2, tmp_path / "new": 3, files[0]: 1}
    with pytest.raises(UserError, match="the cameras have 1 models beside the build's own, but this run has 1 bank of"):
        plan([files[0]], [own])


class Watched:
    """A service of a site that is written anew, and read again, when its first camera has shown that many frames; what
    came of it. Each wish is waited for, so that a test does not depend on how fast a thread is."""

    def __init__(self, accelerator: Accelerator, path: Path, wishes: dict[int, Callable[[], object]]) -> None:
        self.said: list[str] = []
        self.frames: dict[str, list[tuple[str, list[int]]]] = {}
        self.loads: list[dict[str, int]] = []
        self._wishes = wishes
        with closing(Sinks(path.parent / "spool", self.said.append)) as sinks:
            service = self._service = Service(
                accelerator, read_site(path), sinks, self._say, on_result=self._see,
                wanted=Wanted(accelerator.preprocessor().luma), thresholds=lambda _: {}, more={}, spools={},
            )  # fmt: skip
            service._again = lambda: read_site(path)
            service.going.between.append(self._between)
            service.going()
            service.close()

    def _say(self, line: str) -> None:
        self.said.append(line)
        if "from here on" in line:
            self.loads.append({name: len(frames) for name, frames in self.frames.items()})

    def _see(self, channel: Channel, _image: Image, result: Result) -> None:
        self.frames.setdefault(channel.source.name, []).append((channel.model, result.logits.tolist()))

    def _between(self, _run: Run) -> None:
        service = self._service
        while service._coming and not (service.switch._ready or service._coming.models.done()):
            pass
        at = next(iter(self._wishes), None)
        if at is not None and len(self.frames.get("c0", [])) >= at and not service._coming:
            self._wishes.pop(at)()
            service._asked = True


def clips(frames: list[Any], *parts: tuple[int, Path]) -> list[list[int]]:
    """The logits of frames that begin a clip of a model at each index."""
    ends, logits = [*(index for index, _ in parts[1:]), len(frames)], []
    for (begin, model), end in zip(parts, ends, strict=True):
        reference = Reference.load(model)
        logits += [reference.infer(frames[at], 0, at == begin).tolist() for at in range(begin, end)]
    return logits


def test_a_site_that_is_read_anew_changes_a_cameras_model_and_the_others_lose_no_frame(
    opened: Accelerator, fights: Path, exported: Path, tmp_path: Path
) -> None:
    """From the build's model to one, to another in its place, and back; in between a file that is no model."""
    falls = other_model(exported, tmp_path / "falls.npz", 2)
    (tmp_path / "none.npz").write_text("no model")
    path = site(tmp_path, "", "")
    wishes = {
        3: lambda: site(tmp_path, "", 'model = "fights.npz"'),
        9: lambda: site(tmp_path, "", 'model = "none.npz"'),
        12: lambda: site(tmp_path, "", 'model = "falls.npz"'),
        20: lambda: site(tmp_path, "", ""),
    }
    watched = Watched(opened, path, wishes)
    own, frames = opened.build.model, inputs(opened.description, tmp_path / "a.mp4")
    first, second = watched.loads
    others = [(0, own), (first["c0"], own), (second["c0"], own)]
    assert [logits for _, logits in watched.frames["c0"]] == clips(frames, *others)
    models = [model for model, _ in watched.frames["c1"]]
    back = len(models) - models[::-1].index(Change.read(opened.build, falls).loaded.hash)
    parts = [(0, own), (first["c1"], fights), (second["c1"], falls), (back, own)]
    assert [logits for _, logits in watched.frames["c1"]] == clips(frames, *parts)
    hashes = [Change.read(opened.build, model).loaded.hash for _, model in parts]
    assert [models[at] for at, _ in parts] == hashes and 0 < first["c1"] < second["c1"] < back < len(frames)
    assert {model for model, _ in watched.frames["c0"]} == {hashes[0]}
    assert watched.said.count("the site was read anew") == 3 and watched.said.count("the site goes on as it was") == 1
    assert sum("none.npz: not an integer model" in line for line in watched.said) == 1


def test_more_models_than_banks_change_nothing(opened: Accelerator, fights: Path, tmp_path: Path) -> None:
    shutil.copy(fights, tmp_path / "same.npz")
    path = site(tmp_path, 'model = "fights.npz"', "")
    wishes = {4: lambda: site(tmp_path, 'model = "fights.npz"', 'model = "same.npz"')}
    watched = Watched(opened, path, wishes)
    assert [model for model, _ in watched.frames["c0"]] == [opened.models[1].hash] * 32
    assert "2 models beside the build's own, but this run has 2 banks" in watched.said[0]
    assert watched.said[1:] == ["the site goes on as it was"]


def test_a_bank_takes_another_model_while_it_runs(
    opened: Accelerator, fights: Path, exported: Path, tmp_path: Path
) -> None:
    """The bank's camera alone has the other one's classes and alarm; a bank that there is not is refused."""
    path, falls = scene(tmp_path / "a.mp4", "leave_pick"), other_model(exported, tmp_path / "falls.npz", 2)
    opened.load(fights, 1)
    before, said, events, seen = opened.models, list[str](), list[Event](), list[tuple[int, str]]()
    sources = open_sources([str(path), str(path)], None, print, Wanted(opened.preprocessor().luma))
    switch = Switch(opened, lambda _: {}, said.append)
    answers: list[Any] = []

    def between(run: Run) -> None:
        if len(seen) >= 8 and not answers:
            answers.extend(switch.ask(model, bank) for model, bank in ((falls, 2), (falls, 1)))
            while not answers[-1].done():
                switch(run)

    sources[1].name = "second"
    going = Run(
        opened, sources, lambda channel, *_: seen.append((channel.stream, channel.model)), [events.append], said.append,
        {sources[0].name: Rules(), "second": Rules(bank=1)}, [between],
    )  # fmt: skip
    going()
    switch.close()
    assert "bank 2 is not in 0 .. 1" in str(answers[0].exception()) and answers[1].result() == opened.models[1].hash
    assert {model for stream, model in seen if stream == 0} == {before[0].hash}
    models = [model for stream, model in seen if stream == 1]
    assert models == sorted(models, key=[before[1].hash, opened.models[1].hash].index) and len(set(models)) == 2
    assert len(seen) == 32 and opened.models[1].file == falls
    assert {event["class"] for event in events if event["model"] == before[1].hash} < set(NAMES)
    assert f"model {opened.models[1].hash} in bank 1 from here on, in place of {before[1].hash}" in said[1]


def test_the_candidates_bank_is_its_own(opened: Accelerator, fights: Path, tmp_path: Path) -> None:
    path = scene(tmp_path / "a.mp4", "leave_pick")
    going = Run(opened, open_sources([str(path)], None, print), lambda *_: None, [], print)
    going.banks = 1
    with closing(Switch(opened, lambda _: {}, print)) as switch:
        answer = switch.ask(fights, 1)
        while not answer.done():
            switch(going)
    assert "bank 1 has the candidate" in str(answer.exception())


def test_the_command_names_a_bank(build: Path, exported: Path, fights: Path, tmp_path: Path) -> None:
    """Only runs are told, and the build goes by the model that it did."""
    asked: list[tuple[Path, int]] = []

    def ask(model: Path, bank: int) -> Any:
        asked.append((model, bank))
        raise UserError("not today")

    for folder in (build, exported):
        with listening(runs_folder(folder), ask, print):
            assert [reply.error for reply in load(folder, fights, 1)] == ["not today"]
    assert asked == [(fights, 1)] * 2 and not (build / "chip" / LOADED).exists()
    command = ["load", str(fights), "--build", str(build), "--bank", "2"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 2
    assert result.stderr == "error: bank 2 is not in 0 .. 1, which this chip was built for (hardware.models)\n"
