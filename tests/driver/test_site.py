# SPDX-License-Identifier: BSD-3-Clause
"""A site file: what may stand in it, and that all its mistakes are told at once, without a secret in them."""

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from shiftcore.driver.service.clips import ClipSettings
from shiftcore.driver.service.cover import Cover, inside
from shiftcore.driver.service.schedule import Schedule
from shiftcore.driver.service.site import Camera, SiteError, of_sources, read_site
from shiftcore.driver.sinks import KINDS
from shiftcore.driver.sinks.lines import FileSettings
from shiftcore.driver.sources import Image
from shiftcore.errors import UserError
from shiftcore.model.colour import BLACK
from tests.checkout import ROOT

SITE = """
secrets = "secrets.env"
state = "state"

[cameras.door]
address = "rtsp://${DOOR_USER}:${DOOR_PASSWORD}@10.0.0.5/stream1"
threshold = 0.9
schedule = ["mon-fri 18:00-07:00", "sat,sun 00:00-24:00"]
zones = [[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]]
masks = [[[0.7, 0], [1, 0], [1, 0.3]]]

[cameras.recorded]
address = "clips"

[sinks.file]
path = "events.jsonl"

[sinks.second]
kind = "file"
path = "-"
"""


def site(folder: Path, text: str, secrets: str = "DOOR_USER=guard\nDOOR_PASSWORD='p@ss/word'\n") -> Path:
    (folder / "clips").mkdir(exist_ok=True)
    (folder / "clips" / "a.mp4").touch()
    path = folder / "secrets.env"
    path.write_text(f"# of this site\n{secrets}")
    path.chmod(0o600)
    (folder / "site.toml").write_text(text)
    return folder / "site.toml"


def test_what_a_site_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_site(site(tmp_path, SITE))
    door, recorded = found.cameras["door"], found.cameras["recorded"]
    assert door.address == "rtsp://guard:p%40ss%2Fword@10.0.0.5/stream1"
    assert recorded.address == str(tmp_path / "clips") and found.state == tmp_path / "state" and found.build is None
    rules = door.rules()
    assert rules.threshold == 0.9 and rules.cover.masks == (((0.7, 0.0), (1.0, 0.0), (1.0, 0.3)),)
    assert recorded.rules(0.7).threshold == 0.7 and recorded.rules().threshold is None
    assert found.sinks == {"file": FileSettings(str(tmp_path / "events.jsonl")), "second": FileSettings("-")}
    assert "word" not in repr(found) and found.secrets.hide("it is p@ss/word, p%40ss%2Fword") == "it is ***, ***"
    monkeypatch.setenv("DOOR_PASSWORD", "of the environment")
    assert "of%20the%20environment" in read_site(tmp_path / "site.toml").cameras["door"].address


WRONG = """
secrets = "secrets.env"
biuld = "x"

[cameras."the door"]
address = "${DOOR_PASSWORD}"
[cameras.hall]
address = ["rtsp://me:CANARY@door"]
[cameras.yard]
adress = "rtsp://me:CANARY@door"
[cameras.gate]
address = "rtsp://gate"
threshold = 1.5
schedule = ["mon-fry 18:00-07:00"]
zones = [[[0, 0], [1, 0]]]
masks = [[[0, 0], [1, 0], [0, 200]]]
size = [640, 480]
[cameras.shed]
address = "rtsp://${NOBODY}@shed"
threshold = "${DOOR_PASSWORD}"
[sinks.beep]
volume = 3
[sinks.mqtt]
address = "ftp://me:CANARY@broker"
"""


def test_all_mistakes_are_told_at_once_and_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SiteError) as caught:
        read_site(site(tmp_path, WRONG, "DOOR_PASSWORD=CANARY\nno secret CANARY\n"))
    text = str(caught.value)
    assert "CANARY" not in text and all(one.startswith(f"{tmp_path}/site.toml: ") for one in caught.value.mistakes)
    assert text.splitlines() == [("error: " if index else "") + one for index, one in enumerate(caught.value.mistakes)]
    for line in (
        f"secrets: {tmp_path}/secrets.env, line 3: not NAME=VALUE",
        "biuld: not known; there are cameras, clips, live, build, state",
        "cameras.hall.address: not of the right type",
        "cameras.yard.adress: not known; there are address, threshold",
        "cameras.yard.address: missing",
        "cameras.gate.threshold is 1.5; it is above 0 and up to 1",
        "cameras.gate.schedule: 'mon-fry' is no day; the days are mon, tue",
        "cameras.gate.zones[0]: a polygon has three points or more",
        "cameras.gate.masks[0]: points are [x, y], each from 0 (left, top) to 1 (right, bottom)",
        "cameras.gate.size and rate are for cameras at /dev/video",
        f"cameras.shed.address: ${{NOBODY}} is neither in the environment nor in {tmp_path}/secrets.env",
        "cameras.shed.threshold is '***', no positive number",
        "cameras.the door.address: ",
        "sinks.beep: no sink 'beep'; there are file, ",
        "sinks.mqtt.address: not a broker's address",
    ):
        assert f"site.toml: {line}" in text, line
    assert len(set(caught.value.mistakes)) == 15


def test_the_site_in_the_docs_can_be_copied(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "service.md").read_text()
    tables = "".join(re.findall(r"```toml\n(.*?)```", page, re.S))
    names = set(re.findall(r"\$\{([A-Z_]+)\}", tables))
    (tmp_path / "falls.npz").touch()
    found = read_site(site(tmp_path, tables, "".join(f"{name}=x\n" for name in names)))
    assert set(found.cameras) == {"door", "yard", "stairs"} and found.clips
    assert set(found.sinks) == {"mqtt", "metrics", "frigate"}
    keys = {*Camera.__dataclass_fields__, *ClipSettings.__dataclass_fields__}
    keys |= {key for kind in KINDS.values() for key in kind.__dataclass_fields__}
    assert keys <= set(re.findall(r"`([a-z_]+)`", page)), "each key has its place on the page"


def test_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    path = site(tmp_path, SITE)
    (tmp_path / "secrets.env").chmod(0o640)
    with pytest.raises(SiteError, match=r"secrets\.env may be read by others; chmod 600"):
        read_site(path)
    (tmp_path / "secrets.env").unlink()
    with pytest.raises(SiteError, match=r"secrets\.env cannot be read: No such file"):
        read_site(path)


def test_what_is_no_site_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.toml: cannot be read: No such file"):
        read_site(tmp_path / "absent.toml")
    for text, why in (
        ("[cameras", "not a TOML"),
        ("", "cameras: missing"),
        ("[cameras]", "cameras: there are none"),
    ):
        with pytest.raises(UserError, match=why):
            read_site(site(tmp_path, text))


def test_a_command_line_is_a_site_too(tmp_path: Path) -> None:
    cameras = of_sources(["rtsp://me:CANARY@door/1", "a.mp4", "a.mp4", "a.mp4"]).cameras
    assert list(cameras) == ["rtsp://door/1", "a.mp4", "a.mp4 (2)", "a.mp4 (3)"]
    assert cameras["rtsp://door/1"].address == "rtsp://me:CANARY@door/1"


@pytest.mark.parametrize(
    ("spans", "time", "holds"),
    [
        ([], "2026-11-27 12:00", True),  # a Friday
        (["mon-fri 18:00-07:00"], "2026-11-27 12:00", False),
        (["mon-fri 18:00-07:00"], "2026-11-27 18:00", True),
        (["mon-fri 18:00-07:00"], "2026-11-28 06:59", True),  # Friday's, on Saturday
        (["mon-fri 18:00-07:00"], "2026-11-28 07:00", False),
        (["mon-fri 18:00-07:00"], "2026-11-28 18:00", False),
        (["mon-fri 18:00-07:00"], "2026-11-30 06:59", False),  # Sunday's night
        (["sat,sun 00:00-24:00"], "2026-11-29 23:59", True),
        (["22:00-06:00", "12:00-13:00"], "2026-11-27 12:30", True),
        (["fri-mon 08:00-09:00"], "2026-11-29 08:30", True),
        (["fri-mon 08:00-09:00"], "2026-12-01 08:30", False),
    ],
)
def test_schedules(spans: list[str], time: str, holds: bool) -> None:
    assert Schedule.parse(spans).holds(datetime.fromisoformat(time)) == holds


@pytest.mark.parametrize("text", ["18-07", "mon 25:00-26:00", "24:00-07:00", "08:60-09:00", "someday 08:00-09:00", ""])
def test_no_schedules(text: str) -> None:
    with pytest.raises(ValueError, match=r"no span|no day|times are"):
        Schedule.parse([text])


def test_polygons_are_of_pixels_whose_centres_they_hold() -> None:
    square = inside(((0.25, 0.5), (0.75, 0.5), (0.75, 1), (0.25, 1)), 4, 8)
    assert square.astype(int).tolist() == [[0] * 8] * 2 + [[0, 0, 1, 1, 1, 1, 0, 0]] * 2
    triangle = inside(((0, 0), (1, 0), (0, 1)), 4, 4)
    assert np.tril(triangle[:, ::-1], -1).any() is np.False_ and triangle.sum() in (6, 10)
    hollow = (
        (0, 0),
        (1, 0),
        (1, 1),
        (0, 1),
        (0, 0),
        (0.25, 0.25),
        (0.75, 0.25),
        (0.75, 0.75),
        (0.25, 0.75),
        (0.25, 0.25),
    )
    assert not inside(hollow, 4, 4)[1:3, 1:3].any() and inside(hollow, 4, 4).sum() == 12
    assert inside(((0, 0), (1, 0), (1, 1), (0, 1)), 3, 5).all()


def test_masks_hide_from_everybody_and_zones_from_the_network() -> None:
    luma, shown = np.full((4, 4), 99, np.uint8), np.full((4, 4, 3), 99, np.uint8)
    left, top = ((0, 0), (0.5, 0), (0.5, 1), (0, 1)), ((0, 0), (1, 0), (1, 0.5), (0, 0.5))
    image = Image(luma, 0.0, 0, "a", True, shown)
    seen = Cover(masks=(left,), zones=(top,))(image)
    assert seen.pixels.tolist() == [[BLACK, BLACK, 99, 99]] * 2 + [[BLACK] * 4] * 2
    assert seen.shown is not None and seen.shown[..., 0].tolist() == [[0, 0, 99, 99]] * 4
    assert (luma == 99).all() and (shown == 99).all()  # a decoder's memory is not written to
    assert Cover()(image) is image
