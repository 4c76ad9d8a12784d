# SPDX-License-Identifier: BSD-3-Clause
"""The loop of `shiftcore run`, with a stand-in for the accelerator: chips that fail, images too small, frames lost."""

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shiftcore.driver import Accelerator, LoadedModel, sources
from shiftcore.driver import run as running
from shiftcore.driver.errors import DifferenceError, StuckError
from shiftcore.driver.run import Run
from shiftcore.driver.sources import Image, Source
from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.description import FORMAT, VERSION, ModelDescription
from shiftcore.model.preprocess import Preprocessor
from shiftcore.model.sampling import Wanted
from tests.driver.footage import scene

LUMA = Wanted(luma=True)


def described(size: int, representation: str, run_every: int) -> ModelDescription:
    """What a model without an alarm says of itself."""
    return ModelDescription.parse(
        {
            "format": FORMAT,
            "version": VERSION,
            "layers": [],
            "input": {"height": size, "width": size, "channels": 3},
            "preprocess": {"representation": representation, "images_per_second": None, "run_every": run_every},
            "trained": False,
            "preset": {"name": "stand-in", "hardware": {"streams": 4}},
            "classes": ["calm", "fight"],
            "num_segments": 1,
            "logit_scale": 1.0,
        }
    )


class Flaky:
    """An accelerator whose chip fails when it is told to, with all frames under way lost."""

    streams, classes, clock_mhz, backend, ingest = 4, ["calm", "fight"], 100.0, "flaky", False
    description = described(2, "rgb", 1)
    models = (LoadedModel(Path("model.npz"), "1f0c22ab", description),)

    def __init__(self, real: Accelerator, failing: set[int], error: type[Exception] = StuckError) -> None:
        self._results: deque[Any] = deque()
        self._sent, self._failing, self._error, self._real = 0, failing, error, real

    def preprocessor(self) -> Preprocessor:
        return Preprocessor(self.description)

    def model_of(self, _stream: int) -> LoadedModel:
        return self.models[0]

    def use(self, _stream: int, _bank: int) -> None:
        pass

    def submit(self, frame: np.ndarray, stream: int, clear: bool) -> int:
        self._sent += 1
        if self._sent in self._failing:
            self._results.clear()
            raise self._error(f"frame {self._sent}: the core is stuck; the chip was reset")
        result = self._real.infer([np.zeros(self._real.input_shape, np.uint8)])
        object.__setattr__(result, "frame_id", self._sent)
        self._results.append(result)
        return self._sent

    def results(self, wait_s: float = 0.0) -> list[Any]:
        done = list(self._results)
        self._results.clear()
        return done


class Frames(Source):
    """Ten frames of black."""

    def take(self) -> Image | None:
        self.count = getattr(self, "count", 0) + 1
        self.done = self.count == 10
        return Image(np.zeros((2, 2, 3), np.uint8), self.count / 25, self.count, "a", self.count == 1)


@pytest.mark.parametrize(
    ("failing", "error", "frames"),
    [({3}, StuckError, 9), ({3, 4, 8}, StuckError, 7), ({3, 4, 5}, StuckError, None), ({3}, DifferenceError, None)],
)
def test_a_chip_error_costs_its_frames_and_three_in_a_row_the_run(
    tiny_build: Path, failing: set[int], error: type[UserError], frames: int | None
) -> None:
    said: list[str] = []
    seen: list[Image] = []
    with Accelerator.open(tiny_build, "reference") as real:
        flaky: Any = Flaky(real, failing, error)
        going = Run(
            flaky, [Frames("a", 1, said.append)], lambda _channel, image, _result: seen.append(image), [], said.append
        )
        if frames is None:
            with pytest.raises(error, match="the core is stuck"):
                going()
        else:
            going()
            assert len(seen) == frames and len(said) == len(failing)
    assert running.FAILURES == 3


class Growing(Frames):
    """A camera whose first, fifth and sixth image are smaller than the input."""

    live = True

    def take(self) -> Image | None:
        image = super().take()
        assert image is not None
        small = image.number in (1, 5, 6)
        return image._replace(pixels=np.zeros((1, 2, 3), np.uint8)) if small else image

    def refuse(self, problem: str) -> None:
        self._complain(problem)


def test_a_camera_whose_images_were_too_small_is_seen_when_they_fit(tiny_build: Path) -> None:
    """Each time a clip begins anew: nothing of before is compared with what comes then."""
    said: list[str] = []
    clears: list[bool] = []
    with Accelerator.open(tiny_build, "reference") as real:
        flaky: Any = Flaky(real, set())
        submit, seen = flaky.submit, []

        def watched(frame: np.ndarray, stream: int, clear: bool) -> int:
            clears.append(clear)
            return submit(frame, stream, clear)

        flaky.submit = watched
        Run(flaky, [Growing("a", 1, said.append)], lambda _, image, __: seen.append(image.number), [], said.append)()
    assert seen == [2, 3, 4, 7, 8, 9, 10] and clears == [True, False, False, True, False, False, False]
    assert said == ["a: the frame is 2x1 pixels, smaller than the network's input of 2x2"] * 3


class Alarming(Flaky):
    """Every frame is a fight."""

    description = replace(Flaky.description, alarm=AlarmSettings(("calm", "fight"), 0.001, 0.001, 0, 0))


def test_a_file_whose_first_frame_is_lost_in_the_chip_is_another_file_all_the_same(
    tiny_build: Path, tmp_path: Path
) -> None:
    for name in ("a.mp4", "b.mp4"):
        video.write(tmp_path / name, [np.zeros((32, 32, 3), np.uint8)] * 5)
    published: list[Any] = []
    with Accelerator.open(tiny_build, "reference") as real:
        flaky: Any = Alarming(real, {6})
        Run(flaky, sources.open_sources([str(tmp_path)], None, print), lambda *_: None, [published.append], print)()
    assert [(event["event"], Path(event["source"]).name, event["seconds"]) for event in published] == [
        ("begin", "a.mp4", 0), ("end", "a.mp4", 0.16), ("begin", "b.mp4", 0.04), ("end", "b.mp4", 0.16)
    ]  # fmt: skip


class Watched(Flaky):
    """Takes the `motion` input, and keeps what it was sent."""

    description = described(32, "motion", 2)

    def __init__(self, real: Accelerator) -> None:
        super().__init__(real, set())
        self.sent: list[tuple[int, bool, list]] = []

    def submit(self, frame: np.ndarray, stream: int, clear: bool) -> int:
        self.sent.append((stream, clear, frame.tolist()))
        return super().submit(frame, stream, clear)


def test_motion_looks_back_in_its_own_camera_only(tiny_build: Path, tmp_path: Path) -> None:
    paths = [scene(tmp_path / f"{name}.mp4", name, clips=1) for name in ("leave_pick", "enter_put")]
    with Accelerator.open(tiny_build, "reference") as real:
        watched: Any = Watched(real)
        Run(watched, sources.open_sources(list(map(str, paths)), None, print, LUMA), lambda *_: None, [], print)()
    for stream, path in enumerate(paths):
        expected = [pixels.tolist() for pixels in Preprocessor(Watched.description).clip(video.frames(path, luma=True))]
        assert len(expected) == 3
        assert [frame for s, _, frame in watched.sent if s == stream] == expected
        assert [clear for s, clear, _ in watched.sent if s == stream] == [True, False, False]
