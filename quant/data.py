"""What a network learns from: clips of synthetic scenes, or of video files in one folder a class."""

import sys
from pathlib import Path

import lightning
import numpy as np
import torch
from rich.progress import track
from torch.utils.data import DataLoader, TensorDataset

from common.errors import UserError
from common.preset import Preset
from quant import synthetic
from sim import video
from sim.preprocess import Preprocessor

# Which clips of the scene serve for what: no clip of one is in another.
TRAIN_SEED, VALIDATION_SEED, HELD_OUT_SEED = 1, 2, 3
VALIDATION_SHARE = 5  # every fifth video of a class

Labelled = tuple[np.ndarray, np.ndarray]  # clips of inputs uint8 [N, T, H, W, 3], labels int64 [N]


class Clips(lightning.LightningDataModule):
    """Training and validation clips in memory, as batches of clips uint8 `[N, T, 3, H, W]` and labels `[N]`."""

    def __init__(self, classes: list[str], train: Labelled, validation: Labelled, batch_size: int) -> None:
        super().__init__()
        self.classes = classes
        self._train, self._validation = _tensors(train), _tensors(validation)
        self._batch_size = batch_size

    def train_dataloader(self) -> DataLoader:
        whole_batches = len(self._train) > self._batch_size
        return DataLoader(self._train, self._batch_size, shuffle=True, drop_last=whole_batches)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self._validation, self._batch_size)


def load_clips(preset: Preset, folder: Path | None) -> Clips:
    """The data of `preset`; `folder` is where its videos are, if that is its source. Raises UserError when the two
    do not fit together, or for what `folder_clips` refuses."""
    if folder is not None:
        return folder_clips(preset, folder)
    if preset.data.source == "folder":
        raise UserError(
            f"preset {preset.name!r} learns from videos: give their folder, one folder a class, with --data"
        )
    return synthetic_clips(preset)


def synthetic_clips(preset: Preset) -> Clips:
    """Clips of the procedural scene, as many and with the events that the preset names."""
    data = preset.data
    classes = synthetic.class_names(data.events)
    train = render(preset, data.train_clips, TRAIN_SEED)
    validation = render(preset, data.val_clips, VALIDATION_SEED)
    return Clips(classes, train, validation, preset.training.batch_size)


def render(preset: Preset, count: int, seed: int) -> Labelled:
    """`count` clips of the procedural scene, the classes in turn. Clip i of a seed is always the same."""
    events, prepare = preset.data.events, Preprocessor(preset.preprocessing)
    shape = (prepare.images(preset.data.num_segments), prepare.height, prepare.width)
    labels = np.arange(count) % len(synthetic.class_names(events))
    clips = []
    for index, label in enumerate(track(labels, "rendering clips", transient=True)):
        images = synthetic.clip(events, int(label), shape, (seed, index))
        clips.append(np.stack(list(prepare.clip(images))))
    return np.stack(clips), labels


def folder_clips(preset: Preset, folder: Path) -> Clips:
    """Clips of the videos in `folder`, which has one folder a class: each video is cut into as many clips of
    `num_segments` frames as it holds. Every fifth video of a class validates.

    A video that cannot be used is named on stderr and skipped. Raises UserError when there are fewer than two
    classes, or one has fewer than two usable videos.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one that holds a folder of videos for each class")
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise UserError(f"{folder}: holds {len(classes)} class folders; at least two are needed, with videos in each")
    train: list[Labelled] = []
    validation: list[Labelled] = []
    for label, name in enumerate(classes):
        for index, clips in enumerate(_read_class(preset, folder / name)):
            chosen = train if index % VALIDATION_SHARE else validation
            chosen.append((clips, np.full(len(clips), label)))
    return Clips(classes, _join(train), _join(validation), preset.training.batch_size)


def _read_class(preset: Preset, folder: Path) -> list[np.ndarray]:
    """The clips `[N, T, H, W, 3]` of each usable video in `folder`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    videos, skipped = [], 0
    for path in track(paths, f"reading {folder.name}", transient=True):
        try:
            videos.append(read_clips(preset, path))
        except UserError as error:
            skipped += 1
            print(f"skipped: {error}", file=sys.stderr)
    if skipped:
        print(f"{folder}: skipped {skipped} of {len(paths)} files", file=sys.stderr)
    if len(videos) < 2:
        raise UserError(f"{folder}: class {folder.name!r} has {len(videos)} usable videos; at least two are needed")
    return videos


def read_clips(preset: Preset, path: Path) -> np.ndarray:
    """A video as clips of `num_segments` inputs, one after another: uint8 `[N, T, H, W, 3]`, N >= 1.

    Raises UserError for a video that is damaged, too small or too short.
    """
    size, length = preset.input, preset.data.num_segments
    try:
        inputs = list(Preprocessor(preset.preprocessing).clip(video.frames(path, size.frame_stride)))
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    if len(inputs) < length:
        every = size.frame_stride * size.run_every
        raise UserError(f"{path}: {len(inputs)} frames (every {every}.), fewer than one clip of {length}")
    count = len(inputs) // length
    return np.stack(inputs[: count * length]).reshape(count, length, size.height, size.width, 3)


def _join(parts: list[Labelled]) -> Labelled:
    return np.concatenate([clips for clips, _ in parts]), np.concatenate([labels for _, labels in parts])


def _tensors(labelled: Labelled) -> TensorDataset:
    clips, labels = labelled
    return TensorDataset(torch.from_numpy(clips).permute(0, 1, 4, 2, 3).contiguous(), torch.from_numpy(labels))
