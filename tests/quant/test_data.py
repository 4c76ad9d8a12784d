# SPDX-License-Identifier: BSD-3-Clause
"""Videos in folders by class: what is taken, what is skipped by name, and what is refused in one line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.model.preprocess import Preprocessor
from shiftcore.quant import data
from shiftcore.quant.data import folder_clips, inputs, load_clips, read_clips
from shiftcore.quant.preset import Preset
from tests.quant import topologies

PRESET: Preset = topologies.NARROW  # 24x24, clips of 8 frames


def write(path: Path, frames: int, brightness: int, size: tuple[int, int] = (32, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    video.write(path, [np.full((*size, 3), brightness + i, np.uint8) for i in range(frames)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(6):
        write(tmp_path / "calm" / f"{index}.mp4", 17, 40)
        write(tmp_path / "fight" / f"{index}.mp4", 8, 180)
    return tmp_path


def test_a_video_gives_as_many_clips_as_fit_end_to_end(folder: Path) -> None:
    clips = folder_clips(PRESET, folder)
    assert clips.classes == ["calm", "fight"]
    train, held = clips.train, clips.validation
    assert len(train) == 5 * 2 + 5 * 1 and len(held) == 2 + 1  # type: ignore[arg-type]
    for clip, label in (train[index, 0] for index in range(len(train))):  # type: ignore[arg-type]
        assert clip.shape == (8, 3, 24, 24) and clip.dtype == torch.uint8
        assert (clip.float().mean() > 110) == label
    assert held[0][0].shape == (8, 3, 24, 24)


@pytest.mark.parametrize("workers", [1, 2])
def test_how_many_processes_draw_does_not_change_the_clips(
    folder: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    how = PRESET.augmentation.model_copy(update={"crop": 0.5, "pace": 1.5, "light": 0.4, "reverse": True})
    clips = folder_clips(PRESET.model_copy(update={"augmentation": how}), folder)
    clips._batch_size = 4

    def passes(count: int) -> list[list[torch.Tensor]]:
        monkeypatch.setattr(data, "_workers", lambda: count)
        torch.manual_seed(7)
        loader, drawn = clips.train_dataloader(), []
        for _ in range(2):
            for batch in loader:
                drawn.append(batch)
                torch.rand(3)  # as training draws, at other moments of the loader's
        return drawn

    one, several = passes(0), passes(workers)
    assert len(one) == len(several) == 6
    for (clip, label), (other, its_label) in zip(one, several, strict=True):
        assert torch.equal(clip, other) and torch.equal(label, its_label)
    assert not torch.equal(torch.cat([clip for clip, _ in one[:3]]), torch.cat([clip for clip, _ in one[3:]]))


def test_short_videos_give_denser_clips_and_too_short_ones_are_refused(tmp_path: Path) -> None:
    motion = PRESET.model_copy(
        update={"input": PRESET.input.model_copy(update={"representation": "motion", "run_every": 4})}
    )
    for frames in (31, 30, 17, 10):
        write(tmp_path / f"{frames}.mp4", frames, 0)
        assert read_clips(motion, tmp_path / f"{frames}.mp4").shape == (1, 8, 24, 24, 3)
    write(tmp_path / "short.mp4", 9, 0)
    with pytest.raises(UserError, match=r"short\.mp4: 9 images, fewer than the 10 that one clip takes"):
        read_clips(motion, tmp_path / "short.mp4")


@pytest.mark.parametrize("representation", ["rgb", "luma", "motion"])
@pytest.mark.parametrize("rate", [None, 12])
def test_cached_inputs_are_byte_for_byte_the_preprocessors(
    tmp_path: Path, representation: str, rate: int | None
) -> None:
    size = {"representation": representation, "images_per_second": rate, "run_every": 2}
    preset = PRESET.model_copy(update={"input": PRESET.input.model_copy(update=size)})
    noise = np.random.default_rng(0).integers(0, 256, (60, 50, 66, 3), dtype=np.uint8)
    video.write(tmp_path / "a.mp4", list(noise))
    prepare = Preprocessor(preset.preprocessing)
    expected = list(prepare.clip(video.frames(tmp_path / "a.mp4", rate, prepare.luma)))
    for _ in range(2):  # decoded, then from the cache
        assert np.array_equal(inputs(preset, tmp_path / "a.mp4"), np.stack(expected))


def test_a_clip_is_consecutive_images_of_the_rate(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", 40, 0)
    every = read_clips(PRESET, tmp_path / "a.mp4")
    slower = PRESET.model_copy(update={"input": PRESET.input.model_copy(update={"images_per_second": 5})})
    fifth = read_clips(slower, tmp_path / "a.mp4")
    assert every.shape[0] == 5 and fifth.shape[0] == 1 and every[0, 0].mean() < 2
    assert np.array_equal(fifth[0], every.reshape(40, 24, 24, 3)[::5])


def test_unusable_files_are_named_skipped_and_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "calm" / "notes.txt").write_text("not a video")
    write(folder / "calm" / "small.mp4", 10, 40, size=(16, 64))
    write(folder / "calm" / "short.mp4", 7, 40)
    content = (folder / "calm" / "0.mp4").read_bytes()
    (folder / "calm" / "cut.mp4").write_bytes(content[: len(content) // 2])
    folder_clips(PRESET, folder)
    printed = capsys.readouterr().err
    for name in ("notes.txt", "small.mp4", "short.mp4", "cut.mp4"):
        assert sum(line.startswith("skipped: ") and name in line for line in printed.splitlines()) == 1
    assert "skipped 4 of 16 videos" in printed


@pytest.mark.parametrize("files", [[], ["notes.txt"]])
def test_a_class_without_videos_is_refused(folder: Path, files: list[str]) -> None:
    (folder / "empty").mkdir()
    for name in files:
        (folder / "empty" / name).write_text("not a video")
    with pytest.raises(UserError, match="class 'empty' has 0 usable videos"):
        folder_clips(PRESET, folder)


def test_a_folder_of_pictures_is_a_video(tmp_path: Path) -> None:
    for index in range(9):
        Image.new("RGB", (48, 32), (index, 0, 0)).save(tmp_path / f"{index:05}.png")
    assert read_clips(PRESET, tmp_path)[0, :, 0, 0, 0].tolist() == list(range(8))
    (tmp_path / "00003.png").write_text("no picture")
    with pytest.raises(UserError, match=r"00003\.png: not a readable picture"):
        read_clips(PRESET, tmp_path)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", 8, 40)
    with pytest.raises(UserError, match="0 classes"):
        folder_clips(PRESET, tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        folder_clips(PRESET, tmp_path / "absent")


def test_a_preset_of_videos_wants_a_folder() -> None:
    preset = PRESET.model_copy(update={"data": PRESET.data.model_copy(update={"source": "folder"})})
    with pytest.raises(UserError, match="--data"):
        load_clips(preset, None)
