# SPDX-License-Identifier: BSD-3-Clause
"""What a guard feels: counted by hand on made-up scores, and from videos to a page as a user does it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from shiftcore.errors import UserError
from shiftcore.flow import alarm_figures, alarms, data_sets
from shiftcore.flow.alarm_figures import Footage, poisson_interval, verdict
from shiftcore.flow.command import app
from shiftcore.flow.watch import watch
from shiftcore.model import video
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.calibration import Track, camera_threshold, count
from shiftcore.model.reference import Reference
from shiftcore.quant import brawl
from shiftcore.quant.export import export
from shiftcore.quant.layouts.spans import notes
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import parse_preset
from tests.quant import topologies

SETTINGS = AlarmSettings(("fight",), 0.8, 0.5, 1.0, 4.0)


def footage(scores: str, *events: tuple[float, float], camera: str = "door", **about: str) -> Footage:
    """A score a second, in tenths: "199" is 0.1, 0.9, 0.9."""
    values = np.array([int(digit) / 10 for digit in scores])
    track = Track(np.arange(len(values), dtype=float), values, float(len(values)))
    return Footage("data", f"{camera}.mp4", camera, about, track, events)


# Raised at 2 and, after a cool-down from 4 to 8, at 11 and 17.
SCORES = "19911111119911119911"


def test_alarms_and_events_are_counted_by_hand() -> None:
    seen = verdict(footage(SCORES, (10.5, 13.0), (13.0, 13.5)), SETTINGS)
    assert [alarm.raised for alarm in seen.false] == [2, 17]
    assert seen.delays == [0.5, None]
    # Raised 3 s after an event: found. Later: false. Up before it began: false, and the event is not found.
    assert verdict(footage(SCORES, (0.5, 1.0), (7.0, 7.9), (17.5, 19.0)), SETTINGS).delays == [1.5, None, None]
    assert [alarm.raised for alarm in verdict(footage(SCORES, (0.5, 1.0), (7.0, 8.0)), SETTINGS).false] == [17]


def test_the_figures_are_those_counted_by_hand() -> None:
    found = alarm_figures.figures([footage(SCORES), footage(SCORES, (10.5, 13.0), (12.0, 12.5))], SETTINGS)
    hours = (20 + 10.5 + 20 - 16) / 3600  # calm until 10.5, and from 3 s after 13 on
    assert found["clips"] == 2 and found["cameras"] == 1 and found["hours"] == pytest.approx(hours)
    assert found["false_alarms"] == 3 + 2 and found["false_alarms_per_hour"] == pytest.approx(5 / hours)
    assert found["false_alarms_ci95"] == pytest.approx((1.6235 / hours, 11.6683 / hours), rel=1e-4)
    assert (found["events"], found["found"], found["found_share"]) == (2, 1, 0.5)
    assert found["delay_s_median"] == 0.5 and found["found_within_3_s"] == 1 and found["threshold"] == 0.8


def test_what_there_is_nothing_of_has_no_figure() -> None:
    calm, event = footage("1111"), footage("1999", (0.0, 4.0))
    assert alarm_figures.figures([calm], SETTINGS)["found_share"] is None
    figures = alarm_figures.figures([event], SETTINGS)
    assert figures["hours"] == 0 and figures["false_alarms_per_hour"] is None
    assert figures["found"] == 1 and figures["delay_s_median"] == 2.0


def test_exact_intervals_are_the_published_ones() -> None:
    assert poisson_interval(0, 1.0) == (0.0, pytest.approx(3.6889, rel=1e-4))
    assert poisson_interval(10, 2.0) == pytest.approx((4.7954 / 2, 18.3904 / 2), rel=1e-4)  # Garwood 1936
    assert alarm_figures.binomial_interval(0, 10) == (0.0, pytest.approx(0.3085, rel=1e-3))
    assert alarm_figures.binomial_interval(10, 10) == (pytest.approx(0.6915, rel=1e-3), 1.0)


def test_scenes_and_cameras_apart() -> None:
    clips = [
        footage(SCORES, camera="door", light="dark"),
        footage("1111", camera="hall", light="dark"),
        footage("1111", camera="yard", light="bright"),
    ]
    by = alarm_figures.breakdown(clips, SETTINGS)
    assert {name: part["false_alarms"] for name, part in by["camera"].items()} == {"door": 3, "hall": 0, "yard": 0}
    assert {name: part["clips"] for name, part in by["light"].items()} == {"dark": 2, "others": 1}


def test_a_threshold_of_one_half_is_judged_on_the_other() -> None:
    # At 0.85 the first half raises one alarm of up to 0.9, the second half nothing; and the other way round.
    clip = footage("1991111111" + "1881111111", camera="door")
    shown = alarm_figures.held_out([clip, footage("1991", (0.0, 4.0))], SETTINGS, 0.0)
    assert shown is not None and shown["hours"] == pytest.approx(20 / 3600)
    assert shown["false_alarms_per_hour_at_threshold"] == pytest.approx(2 * 180)
    # Set on the first, 0.95: none in the second. Set on the second, 0.9: the first half's 0.9 reaches it.
    assert shown["false_alarms_per_hour"] == pytest.approx(180)
    assert shown["found_share"] == 0.5 and shown["threshold_median"] == pytest.approx(0.925)


def test_a_camera_is_promised_what_it_then_gets() -> None:
    rng = np.random.default_rng(3)
    noise = np.convolve(rng.normal(size=4000), np.ones(16) / 4, "same")
    track = Track(np.arange(4000) / 8, 1 / (1 + np.exp(-2 * noise)), 500.0)
    raised = []
    for per_hour in (0, 10, 30, 100):
        threshold = camera_threshold(SETTINGS, [track], per_hour)
        assert threshold is not None
        raised.append(count(SETTINGS.at(threshold), [track]))
        assert raised[-1] <= per_hour * 500 / 3600
    assert raised == [0, 1, 4, 13]  # as many as are allowed


def index(folder: Path, *rows: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "index.csv").write_text("\n".join(["clip,label,source,begin,end,scene", *rows]) + "\n")
    return folder


def test_events_stand_in_the_index(tmp_path: Path) -> None:
    folder = index(tmp_path, "a.mp4,fight,x,1.5,3,hall", "a.mp4,fight,x,7,8.25,hall", "b.mp4,no_fight,y,,,")
    noted = notes(folder)
    assert [(span.label, span.begin, span.end) for span in noted[folder / "a.mp4"].spans] == [
        ("fight", 1.5, 3),
        ("fight", 7, 8.25),
    ]
    assert noted[folder / "a.mp4"].columns == {"scene": "hall"} and noted[folder / "b.mp4"].spans == []


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a.mp4,fight,x,3,1,", "an event from 3 to 1 s"),
        ("a.mp4,fight,x,3,,", "begin '3' and end '' are no two numbers"),
        ("a.mp4,fight,x,-1,1,", "an event from -1 to 1 s"),
        ("a.mp4,fight,x,1,inf,", "an event from 1 to inf s"),
        ("b.mp4,fight,x,,,", "b.mp4 has a row with begin and end, and one without"),
    ],
)
def test_a_slip_in_an_event_is_named_with_its_line(tmp_path: Path, row: str, why: str) -> None:
    with pytest.raises(UserError, match=f"index.csv, line 3: .*{why}"):
        notes(index(tmp_path, "b.mp4,fight,x,1,2,", row))


def test_folders_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("a", "b", "c/a", "d:e"):
        (tmp_path / name).mkdir(parents=True)
    joined = Path(f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert list(data_sets.named([joined])) == ["a", "b"]
    assert list(data_sets.named([tmp_path / "d:e"])) == ["d:e"]
    assert list(data_sets.named([tmp_path / "a", tmp_path / "c" / "a"])) == [f"{tmp_path.name}/a", "c/a"]
    with pytest.raises(UserError, match="a is given twice"):
        data_sets.named([tmp_path / "a", tmp_path / "a"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network, and drawn people in two folders: one of calm clips, one with a fight from 2 to 4.5 s."""
    folder = tmp_path_factory.mktemp("alarms")
    values = topologies.NARROW.model_dump(mode="json")
    values["input"] |= {"representation": "motion", "images_per_second": 10, "run_every": 1}
    values["alarm"] = {"classes": ["fight"], "threshold": 0.5, "release": 0.4, "min_seconds": 0.2}
    preset = parse_preset(values, "test")
    export(random_network(preset, 1, ("fight", "no_fight")), preset, folder / "model", trained=True)
    for number in range(3):
        calm = folder / "calm" / "no_fight" / f"{number}.mp4"
        calm.parent.mkdir(parents=True, exist_ok=True)
        video.write(calm, list(brawl.clip(False, 10, 120, 160, (5, number), 3.0)), 10)
    scene = [*brawl.clip(False, 10, 120, 160, (6, 0), 2.0), *brawl.clip(True, 10, 120, 160, (6, 1), 3.0)]
    (folder / "staged").mkdir()
    video.write(folder / "staged" / "a.mp4", scene, 10)
    index(folder / "staged", "a.mp4,fight,hall,2,4.5,stairs")
    return folder


def run(place: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Result:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(place / "build"))
    command = ["alarms", "--preset", "tiny", "--model", str(place / "model" / "model.npz")]
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, [*command, *more], catch_exceptions=False)


def test_from_videos_to_figures_a_curve_and_clips_to_play(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(place, monkeypatch, "--data", f"{place / 'calm'}:{place / 'staged'}")
    assert done.exit_code == 0, done.output
    folder = place / "build" / "alarms"
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    reference = Reference.load(place / "model" / "model.npz")
    calm = [watch(path, reference) for path in sorted((place / "calm").rglob("*.mp4"))]
    raised = sum(len(watched.alarms) for watched in calm)
    assert raised > 0, "the network of this seed is calm; choose another"
    wanted = "hours false_alarms_per_hour false_alarms_ci95 events found found_share delay_s_median threshold curve"
    assert set(wanted.split()) <= set(report) and set(report["data"]) == {"calm", "staged"}
    assert report["data"]["calm"]["false_alarms"] == raised
    assert report["data"]["calm"]["hours"] == pytest.approx(9 / 3600, rel=1e-3)
    assert report["data"]["staged"]["hours"] == pytest.approx(2 / 3600, rel=1e-3)  # 4.5 s + 3 s is past its end
    assert report["events"] == 1 and report["data"]["staged"]["by"]["camera"].keys() == {"hall"}
    staged = [alarm for alarm, _ in watch(place / "staged" / "a.mp4", reference).alarms]
    assert report["found"] == any(2 <= alarm <= 7.5 for alarm in staged)
    point = next(p for p in report["data"]["calm"]["curve"] if p["threshold"] == 0.5)
    assert point["false_alarms"] == raised and report["data"]["calm"]["curve"][-1]["threshold"] == 0.9995
    assert (folder / "curve.png").stat().st_size > 10_000
    clips = sorted((folder / "worst").glob("*.mp4"))
    assert len(clips) == min(12, report["false_alarms"]) and len(list(video.frames(clips[0]))) > 5
    page = (folder / "report.html").read_text()
    assert page.count("<video") == len(clips) and page.count("data:image/jpeg") >= len(clips)


def test_a_second_run_runs_no_network_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(place, monkeypatch, "--data", str(place / "calm"))
    report = (place / "build" / "alarms" / "report.json").read_text()
    monkeypatch.setattr(alarms, "judge", None)
    again = run(place, monkeypatch, "--data", str(place / "calm"))
    assert first.exit_code == again.exit_code == 0
    assert json.loads((place / "build" / "alarms" / "report.json").read_text()) == json.loads(report)


def test_an_event_beyond_its_video_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staged = place / "staged" / "index.csv"
    before = staged.read_text()
    staged.write_text(before.replace("2,4.5", "2,45"))
    done = run(place, monkeypatch, "--data", str(place / "staged"))
    staged.write_text(before)
    assert done.exit_code == 2 and "an event from 2 to 45 s; it has 5.0 s" in done.stderr
