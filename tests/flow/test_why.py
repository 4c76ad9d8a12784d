# SPDX-License-Identifier: BSD-3-Clause
"""Where the evidence lies: by hand on made-up maps, and from drawn clips to figures as a user does it."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from shiftcore.errors import UserError
from shiftcore.flow import why
from shiftcore.flow.command import app
from shiftcore.flow.evidence import Evidence, gather
from shiftcore.flow.judging import judge
from shiftcore.model import video
from shiftcore.model.reference import Reference
from shiftcore.quant.export import export
from shiftcore.quant.layouts import Sample
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import parse_preset
from tests.quant import topologies

PLACES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def evidence(places: dict[tuple[int, int], int], seen: tuple[float, float, float, float] = (0, 0, 1, 1)) -> Evidence:
    told = np.full((5, 5), -3)
    for place, value in places.items():
        told[place] = value
    return Evidence(0.0, 1.0, 0.9, told, PLACES, PLACES, seen)


def test_the_peak_is_the_largest_place_drawn_to_its_neighbours() -> None:
    assert evidence({(1, 3): 8}).peak == pytest.approx((0.3, 0.7))
    assert evidence({(1, 3): 6, (1, 4): 2, (4, 0): 5}).peak == pytest.approx((0.3, 0.75))
    assert evidence({(0, 0): 4, (1, 0): 4}).peak == pytest.approx((0.2, 0.1))
    assert evidence({(2, 2): -1}).peak == pytest.approx((0.5, 0.5))  # nothing speaks for it: still the largest


def test_the_picture_is_reddened_where_the_evidence_is() -> None:
    picture = np.full((100, 200, 3), 100, np.uint8)
    drawn = evidence({(1, 3): 8}, seen=(0, 0.1, 1, 0.9)).drawn(picture, 8.0)
    reddest = np.unravel_index((drawn[..., 0].astype(int) - drawn[..., 2]).argmax(), drawn.shape[:2])
    assert reddest == (pytest.approx(29.5, abs=1), pytest.approx(139.5, abs=1))
    assert drawn[29, 139].tolist() == [174, 54, 54]  # 0.57 of red, a pixel off the place
    assert (drawn[70:] == 100).all() and (drawn[:, :90] == 100).all()
    assert (evidence({(1, 4): 8}, seen=(0, 0.1, 1, 0.8)).drawn(picture, 8.0)[:, 160:] == 100).all()


def test_a_peak_is_inside_where_a_fighter_was_in_that_time() -> None:
    boxes = np.array([[[0.1, 0.2, 0.3, 0.6], [0.5, 0.2, 0.7, 0.6]], [[np.nan] * 4, [0.8, 0.8, 0.9, 0.9]]])
    fight = why.Fight("fight/0.mp4", np.array([0.0, 1.0]), boxes)
    both, last = fight.between(-1, 2), fight.between(0.5, 1.2)
    assert len(both) == 3 and len(last) == len(fight.between(3, 4)) == 2
    assert why.inside(both, (0.3, 0.2)) and not why.inside(last, (0.3, 0.2))
    assert not why.inside(both, (0.3, 0.4)) and why.inside(both, (0.6, 0.7))
    assert why.covered(last, (0, 0, 1, 1)) == pytest.approx(0.2 * 0.4 + 0.1 * 0.1, abs=0.005)
    assert why.covered(both, (0.2, 0.1, 0.6, 0.3)) == 1


def test_only_alarms_count() -> None:
    rows = [why.Peak("", score, (0, 0), hit, 0.25) for score, hit in ((0.9, True), (0.8, False), (0.7, True))]
    told = why.summarize(rows, 0.8)
    assert (told["clips"], told["alarms"], told["inside"], told["inside_share"], told["chance"]) == (3, 2, 1, 0.5, 0.25)
    assert why.summarize(rows, 0.95)["inside_share"] is None


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network with an alarm, and a clip of something that moves in the lower right of a gray picture."""
    folder = tmp_path_factory.mktemp("why")
    values = topologies.NARROW.model_dump(mode="json")
    values["input"] |= {"representation": "motion", "images_per_second": 10, "run_every": 1}
    values["alarm"] = {"classes": ["fight"], "threshold": 0.01, "release": 0.01}
    preset = parse_preset(values, "test")
    export(random_network(preset, 1, ("fight", "no_fight")), preset, folder / "model", trained=True)
    images = np.full((25, 60, 80, 3), 120, np.uint8)
    for number, image in enumerate(images):
        image[36:54, 45 + number % 3 * 5 : 60 + number % 3 * 5] = 250
    (folder / "drawn" / "fight").mkdir(parents=True)
    video.write(folder / "drawn" / "fight" / "0.mp4", list(images), 10)
    told = {"clip": "fight/0.mp4", "times": [0.0, 1.0, 2.0], "people": [[[0.5, 0.5, 0.9, 0.95], None, None]]}
    other = {"clip": "theft/1.mp4", "times": [0.0], "people": [[[0, 0, 1, 1]]]}
    (folder / "drawn" / "boxes.jsonl").write_text(json.dumps(told) + "\n" + json.dumps(other) + "\n")
    return folder


def test_the_evidence_is_that_of_the_runtimes_decisions(place: Path) -> None:
    reference = Reference.load(place / "model" / "model.npz")
    clip = place / "drawn" / "fight" / "0.mp4"
    outcome = judge(reference, Sample(clip, "fight", "x"))
    seen = list(gather(reference, clip))
    assert [one.seconds for one in seen] == outcome.times.tolist()
    assert [one.score for one in seen] == outcome.scores.tolist()
    for one in seen:  # of two classes: the difference of the logits decides the score
        scale = reference.description.logit_scale / sum(one.since <= t <= one.seconds for t in outcome.times)
        assert one.score == pytest.approx(1 / (1 + np.exp(-one.map.sum() * scale)))
    assert seen[0].seen == pytest.approx((0.0, 0.125, 1.0, 0.875))
    early = [one.seconds for one in gather(reference, clip, 1.05)]
    assert early == [one.seconds for one in seen if one.seconds <= 1.05] != []


def test_from_drawn_clips_to_figures(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(place / "build"))
    command = ["why", "--preset", "tiny", "--model", str(place / "model" / "model.npz"), "--data", str(place / "drawn")]
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report = json.loads((place / "build" / "tiny" / "why" / "report.json").read_text())
    assert (report["clips"], report["alarms"], len(report["rows"])) == (1, 1, 1)
    assert "1 of 1 drawn fights raise the alarm at 0.010" in done.output


@pytest.mark.parametrize("line", ["{", "[]", '{"clip": "a", "times": [0], "people": [[]]}'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match="not there; `make synthesize` with MOCAP="):
        why.fights(tmp_path)
    (tmp_path / "boxes.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=r"boxes.jsonl, line 1: not the place of a clip's people"):
        why.fights(tmp_path)
