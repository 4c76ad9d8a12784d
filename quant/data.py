"""What a network learns from: clips of synthetic scenes, or of labelled videos in any layout of quant.layouts."""

import sys
from pathlib import Path

import lightning
import numpy as np
import torch
from rich.progress import track
from torch.utils.data import DataLoader, TensorDataset

from common.errors import UserError
from common.preset import Preset
from quant import layouts, splits, synthetic
from sim import video
from sim.preprocess import Preprocessor

# Which clips of the scene serve for what: no clip of one is in another.
TRAIN_SEED, VALIDATION_SEED, HELD_OUT_SEED = 1, 2, 3
VALIDATION_SHARE = 0.2  # of each class's videos, whole sources

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
    """Clips of the labelled videos in `folder` (quant.layouts): each video is cut into as many clips of `num_segments`
    inputs as it holds. The data's own split validates where it has one, else a fifth of each class, by source.

    A video that cannot be used is named on stderr and skipped. Raises UserError for data that cannot be read or split.
    """
    dataset = layouts.read(folder)
    clips = _read_all(preset, dataset)
    classes = dataset.classes
    dataset.samples = [sample for sample in dataset.samples if sample in clips]
    for name in classes:
        usable = sum(sample.label == name for sample in dataset.samples)
        if usable < 2:
            raise UserError(f"{folder}: class {name!r} has {usable} usable videos; at least two are needed")
    train, validation = (
        _join([(clips[sample], np.full(len(clips[sample]), classes.index(str(sample.label)))) for sample in part])
        for part in splits.hold_out(dataset, VALIDATION_SHARE, preset.training.seed)
    )
    return Clips(classes, train, validation, preset.training.batch_size)


def _read_all(preset: Preset, dataset: layouts.Dataset) -> dict[layouts.Sample, np.ndarray]:
    """The clips `[N, T, H, W, 3]` of each labelled sample that can be used."""
    labelled = [sample for sample in dataset.samples if sample.label is not None]
    clips, refused = layouts.read_each(
        labelled, lambda sample: read_clips(preset, sample.path), "reading videos", dataset.missing
    )
    if skipped := len(refused) + len(dataset.missing):
        print(f"skipped {skipped} of {len(labelled) + len(dataset.missing)} videos", file=sys.stderr)
    return dict(clips)


def read_clips(preset: Preset, path: Path) -> np.ndarray:
    """A video as clips of `num_segments` inputs, one after another: uint8 `[N, T, H, W, 3]`, N >= 1.

    Raises UserError for a video that is damaged, too small or too short.
    """
    size, length = preset.input, preset.data.num_segments
    try:
        inputs = list(Preprocessor(preset.preprocessing).clip(video.frames(path, size.images_per_second)))
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    if len(inputs) < length:
        raise UserError(f"{path}: makes {len(inputs)} inputs, fewer than one clip of {length}")
    count = len(inputs) // length
    return np.stack(inputs[: count * length]).reshape(count, length, size.height, size.width, 3)


def _join(parts: list[Labelled]) -> Labelled:
    return np.concatenate([clips for clips, _ in parts]), np.concatenate([labels for _, labels in parts])


def _tensors(labelled: Labelled) -> TensorDataset:
    clips, labels = labelled
    return TensorDataset(torch.from_numpy(clips).permute(0, 1, 4, 2, 3).contiguous(), torch.from_numpy(labels))
