# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore run site.toml`: cameras by name, masks before the network, and a site that is read anew."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.service import site
from shiftcore.driver.service.service import Service
from shiftcore.driver.sinks import Sinks
from shiftcore.errors import UserError
from shiftcore.flow.command import app
from shiftcore.model import video
from shiftcore.model.colour import BLACK
from shiftcore.model.description import ModelDescription
from shiftcore.model.sampling import Wanted
from shiftcore.quant import synthetic
from tests.driver.footage import EVENTS, scene
from tests.driver.rtsp_camera import Camera, transport_stream


@pytest.fixture
def driver(tiny_export: Path) -> Callable[..., Result]:
    """Run the command on the exported `tiny`, by the reference, in this process."""

    def run(*arguments: Any) -> Result:
        words = ["run", *map(str, arguments), "--build", str(tiny_export / "model.npz"), "--backend", "reference"]
        return CliRunner(env={"COLUMNS": "120"}).invoke(app, words, catch_exceptions=False)

    return run


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_mask_is_a_masked_video_bit_for_bit(driver: Callable[..., Result], tmp_path: Path) -> None:
    """Two cameras see the same: one with a mask, and one a video in which somebody has painted that place black."""
    images = np.random.default_rng(3).integers(0, 256, (12, 64, 80), dtype=np.uint8)
    painted = images.copy()
    painted[:, 16:64, 20:60] = BLACK
    for name, frames in (("as it is", images), ("painted", painted)):
        video.write(tmp_path / f"{name}.mp4", list(frames), crf=0)  # nothing is lost
    path = written(
        tmp_path / "site.toml",
        """
        [cameras]
        masked = { address = "as it is.mp4", masks = [[[0.25, 0.25], [0.75, 0.25], [0.75, 1], [0.25, 1]]] }
        painted = { address = "painted.mp4" }
        bare = { address = "as it is.mp4" }
        """,
    )
    result = driver(path, "--json")
    assert result.exit_code == 0, result.output
    logits: dict[int, list] = {stream: [] for stream in range(3)}
    for line in map(json.loads, result.stdout.splitlines()):
        logits[line["stream"]].append(line["logits"])
    assert len(logits[0]) == 12 and logits[0] == logits[1] != logits[2]


def test_thresholds_and_schedules_are_a_cameras_own(driver: Callable[..., Result], tmp_path: Path) -> None:
    scene(tmp_path / "a.mp4", "leave_pick", clips=1)
    today = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[time.localtime().tm_wday]
    others = [day for day in ("mon", "wed", "fri", "sun") if day != today][:1]  # yesterday's night is over at noon
    path = written(
        tmp_path / "site.toml",
        f"""
        [cameras]
        open = {{ address = "a.mp4" }}
        shut = {{ address = "a.mp4", threshold = 1.0 }}
        asleep = {{ address = "a.mp4", schedule = ["{others[0]} 00:00-24:00"] }}
        [sinks.file]
        path = "events.jsonl"
        """,
    )
    result = driver(path)
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [(event["camera"], event["kind"], event["event"]) for event in events] == [
        ("open", "alarm", "begin"), ("open", "alarm", "end")
    ]  # fmt: skip
    assert "ALARM: leave_pick" in result.stderr


def test_each_mistake_is_a_line(driver: Callable[..., Result], tmp_path: Path) -> None:
    text = '[cameras.a]\naddress = "absent.mp4"\n[cameras.b]\nthreshold = -2\n[sinks.beep]\n'
    result = driver(written(tmp_path / "site.toml", text))
    assert result.exit_code == 2 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 4 and all(line.startswith(f"error: {tmp_path}/site.toml: ") for line in lines), lines


def test_a_site_is_read_anew_and_no_camera_is_lost(driver: Callable[..., Result], tmp_path: Path) -> None:
    """SIGHUP: one camera goes, one comes, one's rules change; one stays as it is, on the same connection. A file with a
    mistake changes nothing."""
    images = [image for k in range(3) for image in synthetic.clip(EVENTS, 3, (8, 64, 80), (77, k))] * 200
    content = transport_stream(tmp_path / "a.ts", images[:48]).read_bytes() * 40
    stays, goes, comes, changes = (Camera(content, pace_s=0.01) for _ in range(4))
    path = tmp_path / "site.toml"
    events = tmp_path / "events.jsonl"

    def write(**cameras: str) -> None:
        tables = "".join(f"[cameras.{name}]\n{table}\n" for name, table in cameras.items())
        path.write_text(f'{tables}[sinks.file]\npath = "{events}"\n')

    stay, change = (f'address = "{camera.address}"' for camera in (stays, changes))
    write(stays=stay, goes=f'address = "{goes.address}"', changes=f"{change}\nthreshold = 1.0")
    steps: list[str] = []

    def until(what: str, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)
        steps.append(f"{what}: {condition()}")

    def told(camera: str) -> bool:
        return events.exists() and f'"camera": "{camera}"' in events.read_text()

    def conduct() -> None:
        until("begun", lambda: told("stays") and told("goes") and changes.connections > 0)
        path.write_text("[cameras")
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.5)
        steps.append(f"as it was: {told('changes')}")
        write(stays=stay, comes=f'address = "{comes.address}"', changes=change)
        os.kill(os.getpid(), signal.SIGHUP)
        until("come and changed", lambda: told("comes") and told("changes"))
        os.kill(os.getpid(), signal.SIGTERM)

    conductor = threading.Thread(target=conduct)
    conductor.start()
    result = driver(path)
    conductor.join()
    for camera in (stays, goes, comes, changes):
        camera.close()
    assert steps == ["begun: True", "as it was: False", "come and changed: True"]
    assert result.exit_code == 0 and stays.connections == changes.connections == 1, result.stderr
    assert [name in result.stdout for name in ("stays", "goes", "comes", "changes")] == [True, False, True, True]
    said = result.stderr.splitlines()
    assert f"{path}: not a TOML file" in result.stderr and "the site goes on as it was" in said
    assert said.count("the site was read anew") == 1
    assert not any(line.startswith("stays: ") and "called again" in line for line in said)


def test_thresholds_of_other_weights_give_way(tiny_export: Path, tmp_path: Path) -> None:
    """A site's own stay; those of a file that is for other weights are said to be gone."""
    path, said = scene(tmp_path / "a.mp4", "leave_pick", clips=1), list[str]()

    def thresholds(_description: ModelDescription) -> dict[str, float]:
        if said:
            raise UserError("thresholds for other weights")
        return {"file": 0.3, "own": 0.4}

    cameras = {name: site.Camera(str(path), threshold) for name, threshold in (("file", None), ("own", 0.9))}
    with Accelerator.open(tiny_export / "model.npz") as accelerator, closing(Sinks(tmp_path, said.append)) as sinks:
        service = Service(
            accelerator, site.Site(cameras, {}), sinks, said.append,
            on_result=lambda *_: None, wanted=Wanted(), thresholds=thresholds, more={}, spools={},
        )  # fmt: skip
        before = {channel.source.name: channel.rules.threshold for channel in service.going.channels}
        said.append("another model")
        after = {name: rules.threshold for name, rules in service.rules(accelerator.description).items()}
        service.close()
    assert before == {"file": 0.3, "own": 0.9} and after == {"file": None, "own": 0.9}
    assert said[1].startswith("thresholds for other weights; until then")
