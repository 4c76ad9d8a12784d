# SPDX-License-Identifier: BSD-3-Clause
"""Reviewed clips as a data set: as the project's own reader takes it, whole or not there."""

import csv
from pathlib import Path

import av
import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.quant import layouts
from shiftcore.station import dataset
from shiftcore.station.task import Task
from tests.commands import shiftcore
from tests.station.browser import MP4, Browser, Running, event
from tests.station.conftest import both_databases

RATE = 20


def film(path: Path, seconds: float = 15.0) -> bytes:
    """H.264 with a key frame each second, whose frames get lighter: frame `i` has the level 16 + i / 2."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", RATE
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1", "crf": "10"}
        for number in range(round(seconds * RATE)):
            image = np.full((72, 64), 128, np.uint8)
            image[:48] = 16 + number // 2
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="yuv420p")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def review(admin: Browser, number: int, verdict: str, action: str = "") -> None:
    admin.get(f"/events/{number}")
    assert admin.post(f"/events/{number}/review", verdict=verdict, action=action).status == 303


@pytest.mark.parametrize(
    ("verdict", "action", "label"),
    [
        ("right", "", "fight"),
        ("wrong", "", "calm"),
        ("unsure", "", None),
        ("unsure", "fight", None),
        ("", "", None),
        ("wrong", "fall", "fall"),
        ("right", "fall", "fall"),
        ("wrong", "people who dance", "calm"),
        ("right", "two men", "fight"),
    ],
)
def test_what_a_review_says_is_a_class(verdict: str, action: str, label: str | None) -> None:
    assert Task("x", ("fight", "fall", "calm")).label("fight", verdict, action) == label


@both_databases
def test_the_project_s_reader_takes_it(running: Running, admin: Browser, tmp_path: Path) -> None:
    clip, calm = film(tmp_path / "film.mp4"), film(tmp_path / "calm.mp4", 4.0)
    running.send_clip(event(which="a1"), video=clip)
    running.tell(event(False, which="a1"))  # five seconds later
    running.send_clip(event(which="a2", camera="yard, behind"), video=calm)
    running.send_clip(event(which="a3", utc="2026-11-28T10:00:00Z"), video=clip)
    running.send_clip(event(which="a4"), video=clip)
    running.tell(event(which="a5"))  # which has no clip
    running.send_clip(event(which="a6"), video=MP4)  # which cannot be read
    for number, (verdict, action) in enumerate(
        [("right", ""), ("wrong", "dancers"), ("wrong", "fight"), ("unsure", ""), ("right", ""), ("right", "")], 1
    ):
        review(admin, number, verdict, action)
    assert "fight 3 2 no_fight 1 1" in admin.get("/weights").shown
    page = admin.post("/weights/data-set")
    folder = tmp_path / "station" / "data-set"
    assert f"Written: {folder}" in page.shown
    found = layouts.read(folder)
    assert (found.layout, found.missing) == ("index.csv", [])
    assert [(sample.path.name, sample.label, sample.source) for sample in found.samples] == [
        ("00000001.mp4", "fight", "gate door 2026-11-27"),
        ("00000002.mp4", "no_fight", "gate yard, behind 2026-11-27"),
        ("00000003.mp4", "fight", "gate door 2026-11-28"),
    ]
    assert (folder / "clips" / "00000002.mp4").read_bytes() == calm
    with open(folder / "index.csv", newline="") as file:
        assert [row["about"] for row in csv.DictReader(file)] == ["", "dancers", "fight"]
    assert sorted(path.name for path in (folder / "clips").iterdir()) == [f"0000000{n}.mp4" for n in (1, 2, 3)]


def test_what_raised_an_alarm_is_cut_to_the_alarm(running: Running, admin: Browser, tmp_path: Path) -> None:
    running.send_clip(event(), video=film(tmp_path / "film.mp4"))
    running.tell(event(False))
    review(admin, 1, "right")
    admin.post("/weights/data-set")
    with av.open(str(tmp_path / "station" / "data-set" / "clips" / "00000001.mp4")) as container:
        levels = [int(np.median(frame.to_ndarray(format="gray"))) for frame in container.decode(video=0)]
    assert 5 * RATE <= len(levels) <= 5 * RATE + 2  # from `begins`, 5 s, to 5 s after it
    assert levels[0] == pytest.approx(60, abs=8)  # the frame at 5 s; another second is another 10
    assert levels[-1] - levels[0] == pytest.approx(54, abs=8)


def test_a_half_written_one_never_shows(
    running: Running, admin: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, which in enumerate(("a1", "a2"), 1):
        running.send_clip(event(which=which), video=film(tmp_path / "film.mp4", 2.0))
        review(admin, number, "wrong")
    real, folder = dataset._film, tmp_path / "data"

    def fail(one: dataset.Reviewed, *others: object, **more: bool) -> bool:
        if one.event.id == 2:
            raise OSError(28, "No space left on device")
        return real(one, *others, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset, "_film", fail)

    def write() -> None:
        with running.parts.database.reading() as session:
            dataset.write(session, running.parts.store, Task(), folder)

    before = set(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space left"):
        write()
    assert set(tmp_path.iterdir()) == before
    monkeypatch.undo()
    write()
    assert len(layouts.read(folder).samples) == 2
    write()  # in its own place
    (folder / "notes.txt").touch()
    with pytest.raises(UserError, match="is there already, and is no data set of a station"):
        write()


def test_by_a_sub_command_beside_a_station_that_runs(running: Running, admin: Browser, tmp_path: Path) -> None:
    state, folder = tmp_path / "station", tmp_path / "data"
    done = shiftcore("station", "export", folder, "--state", state)
    assert (done.returncode, done.stdout, folder.exists()) == (2, "", False)
    assert "no clip is reviewed as right or wrong yet" in done.stderr
    running.send_clip(event(), video=film(tmp_path / "film.mp4", 2.0))
    review(admin, 1, "wrong")
    coming = state / "files" / "incoming" / "coming"
    coming.touch()
    done = shiftcore("station", "export", folder, "--state", state, "--classes", "fight,all is well")
    assert done.stdout == f"all is well: 1 clips of 1 sources\n{folder}\n"
    assert coming.exists()  # that is the other one's
    assert [sample.label for sample in layouts.read(folder).samples] == ["all is well"]
