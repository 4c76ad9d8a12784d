# SPDX-License-Identifier: BSD-3-Clause
"""What a network learns from: clips of synthetic scenes, or of labelled videos in any layout of quant.layouts."""

import sys
from collections.abc import Iterator, Sequence
from multiprocessing import get_all_start_methods
from pathlib import Path

import cv2
import lightning
import numpy as np
import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, TensorDataset

from shiftcore.errors import UserError
from shiftcore.model.preprocess import Preprocessor, assemble
from shiftcore.quant import frames, layouts, splits, synthetic
from shiftcore.quant.augment import random_clip
from shiftcore.quant.frames import Frames, Kept
from shiftcore.quant.layouts import Sample
from shiftcore.quant.preset import Preset
from shiftcore.quant.side_by_side import cores

# Which clips of the scene serve for what: no clip of one is in another.
TRAIN_SEED, VALIDATION_SEED, HELD_OUT_SEED = 1, 2, 3
VALIDATION_SHARE = 0.2  # of each class's videos, whole sources
MARGIN = 1.5  # how much finer than the input the pictures are that training crops from

Labelled = tuple[np.ndarray, np.ndarray]  # clips of inputs uint8 [N, T, H, W, C], labels int64 [N]
Turn = tuple[int, int]  # which of the clips to draw, and the seed to draw it with


def _workers() -> int:
    """How many processes draw training clips: as many as there are cores, up to 16, so that a GPU need not wait; none
    where the few cores train, or a process cannot begin as a copy of this one."""
    return min(16, len(cores())) if len(cores()) > 2 and "fork" in get_all_start_methods() else 0


def _draw_alone(_worker: int) -> None:
    """One thread a worker; OpenCV would start as many in each as there are cores."""
    cv2.setNumThreads(1)


class Clips(lightning.LightningDataModule):
    """Training and validation clips as batches of clips uint8 `[N, T, C, H, W]` and labels `[N]`."""

    def __init__(self, classes: Sequence[str], train: Dataset, validation: Dataset, batch_size: int) -> None:
        super().__init__()
        self.classes = list(classes)
        self.train, self.validation = train, validation
        self._batch_size = batch_size

    def train_dataloader(self) -> DataLoader:
        """Batches in random order. The clips of videos are drawn by several processes where there are many cores; how
        many does not change what they draw."""
        whole_batches = len(self.train) > self._batch_size  # type: ignore[arg-type]  # ours have a length
        if not isinstance(self.train, TrainingClips):
            return DataLoader(self.train, self._batch_size, shuffle=True, drop_last=whole_batches)
        workers = _workers()
        return DataLoader(
            self.train,
            self._batch_size,
            sampler=Turns(len(self.train)),
            drop_last=whole_batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_draw_alone,
            multiprocessing_context="fork" if workers else None,  # a copy has the videos' tables already
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # a loader takes seeds for its workers, which do not use them
        )

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.validation, self._batch_size)


class Turns(Sampler[Turn]):
    """Each of `count` clips once, in random order, with the seed that it is drawn with; every pass gives others. A pass
    is drawn as it begins, and from a generator of its own: what learns meanwhile, and how far ahead the loader is, do
    not change it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._rng = np.random.default_rng(int(torch.randint(2**31, ())))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Turn]:
        order, seeds = self._rng.permutation(self._count), self._rng.integers(2**63, size=self._count)
        return iter(list(zip(order.tolist(), seeds.tolist(), strict=True)))


class TrainingClips(Dataset):
    """Random clips of labelled videos, each drawn with a seed of its own (`Turns`). An epoch takes as many of each
    video as it has room for end to end, and at least one; every epoch takes others (quant.augment)."""

    def __init__(self, preset: Preset, samples: Sequence[Sample], classes: Sequence[str]) -> None:
        self._preset = preset
        self._videos = [(wide_frames(preset, sample.path), classes.index(str(sample.label))) for sample in samples]
        self._turns = [
            index for index, (video, _) in enumerate(self._videos) for _ in range(_room(preset, video.times))
        ]

    def __len__(self) -> int:
        return len(self._turns)

    def __getitem__(self, turn: Turn) -> tuple[Tensor, int]:
        index, seed = turn
        video, label = self._videos[self._turns[index]]
        rng = np.random.default_rng(seed)
        length, preset = self._preset.data.num_segments, self._preset
        clip = random_clip(video, preset.input, length, preset.augmentation, rng)
        return torch.from_numpy(clip).permute(0, 3, 1, 2), label


def load_clips(preset: Preset, videos: layouts.Dataset | Path | None) -> Clips:
    """The data of `preset`; `videos` is where its clips are, if that is its source. Raises UserError when the two do
    not fit together, or for what `folder_clips` refuses."""
    if videos is not None:
        return folder_clips(preset, videos)
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
    return Clips(classes, _tensors(train), _tensors(validation), preset.training.batch_size)


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


def folder_clips(preset: Preset, videos: layouts.Dataset | Path) -> Clips:
    """Clips of labelled `videos`, read or in a folder (quant.layouts). The data's own split validates where it has one,
    else a fifth of each class, by source.

    A video that cannot be used is named on stderr and skipped. Raises UserError for data that cannot be read or split.
    """
    found = splits.arranged(layouts.read(videos), preset.data) if isinstance(videos, Path) else videos
    dataset = usable(preset, found)
    for name in dataset.classes:
        count = sum(sample.label == name for sample in dataset.samples)
        if count < 2:
            raise UserError(f"class {name!r} has {count} usable videos; at least two are needed")
    train, validation = splits.hold_out(dataset, VALIDATION_SHARE, preset.training.seed)
    return video_clips(preset, dataset.classes, train, validation)


def video_clips(preset: Preset, classes: Sequence[str], train: Sequence[Sample], validation: Sequence[Sample]) -> Clips:
    """Random clips of the videos `train`, and all clips of the videos `validation`; both are `usable`."""
    held = [(read_clips(preset, sample.path), classes.index(str(sample.label))) for sample in validation]
    whole = _join([(clips, np.full(len(clips), label)) for clips, label in held]) if held else _nothing(preset)
    return Clips(classes, TrainingClips(preset, train, classes), _tensors(whole), preset.training.batch_size)


def usable(preset: Preset, dataset: layouts.Dataset) -> layouts.Dataset:
    """`dataset` with only those labelled samples that the preset can learn from, all of them decoded once into the
    cache; the others are named on stderr. Its classes stay as they were: one may have lost all its samples.

    Raises UserError when a class has none left.
    """
    labelled = [sample for sample in dataset.samples if sample.label is not None]
    paths = [sample.path for sample in labelled]
    for kept in (_exact(preset), _wide(preset)):
        for _ in track(frames.fill(paths, kept), "decoding videos", len(paths), transient=True):
            pass

    def check(sample: Sample) -> None:
        _images(preset, sample.path)
        wide_frames(preset, sample.path)

    read, refused = layouts.read_each(labelled, check, "checking videos", dataset.missing)
    besides = len(dataset.missing) + dataset.left_out
    if skipped := len(refused) + besides:
        files = " and other files" * (dataset.left_out > 0)
        print(f"skipped {skipped} of {len(labelled) + besides} videos{files}", file=sys.stderr)
    if unlabelled := len(dataset.samples) - len(labelled):
        print(f"{unlabelled} videos have no label: nothing is learned from them", file=sys.stderr)
    left = [sample for sample, _ in read]
    for name in dataset.classes:
        if not any(sample.label == name for sample in left):
            raise UserError(f"class {name!r} has 0 usable videos; at least two are needed")
    return layouts.Dataset(dataset.layout, left, dataset.sources_known)


def inputs(preset: Preset, path: Path) -> np.ndarray:
    """All inputs that a video makes, byte for byte those of `Preprocessor.clip`: uint8 `[T, H, W, C]`. One too short
    for a clip of `num_segments` inputs gives them more closely in time than a camera would, as in training.

    Raises UserError for a video that is damaged, too small, or has not even so many images.
    """
    images, length = _images(preset, path), preset.data.num_segments
    look_back = preset.input.made_of.look_back
    every = min(preset.input.run_every, (len(images) - look_back - 1) // (length - 1))
    newest = np.arange(look_back, len(images), every)
    return np.stack([assemble(preset.input.representation, images[t - look_back : t + 1][::-1]) for t in newest])


def _images(preset: Preset, path: Path) -> np.ndarray:
    """The images of a video, as the network sees them, on disk; raises as `inputs`."""
    images = _load(path, _exact(preset)).pixels
    least = preset.input.made_of.look_back + preset.data.num_segments
    if len(images) < least:
        raise UserError(f"{path}: {len(images)} images, fewer than the {least} that one clip takes")
    return images


def read_clips(preset: Preset, path: Path) -> np.ndarray:
    """A video as clips of `num_segments` inputs, one after another: uint8 `[N, T, H, W, C]`, N >= 1. Raises as
    `inputs`."""
    all_inputs, length = inputs(preset, path), preset.data.num_segments
    count = len(all_inputs) // length
    return all_inputs[: count * length].reshape(count, length, *all_inputs.shape[1:])


def wide_frames(preset: Preset, path: Path) -> Frames:
    """All frames of a video, whole and somewhat larger than the input. Raises UserError as `frames.load`."""
    return _load(path, _wide(preset))


def _exact(preset: Preset) -> Kept:
    size = preset.input
    return Kept(size.height, size.width, not size.made_of.luma, size.images_per_second)


def _wide(preset: Preset) -> Kept:
    size = preset.input
    return Kept(size.height, size.width, not size.made_of.luma, margin=MARGIN)


def _load(path: Path, kept: Kept) -> Frames:
    try:
        return frames.load(path, kept)
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def _room(preset: Preset, times: np.ndarray) -> int:
    """How many clips, at their widest spread, fit into a video of frames at `times` end to end; at least 1."""
    rate = preset.input.images_per_second
    images = len(times) if rate is None else min(len(times), int(times[-1] * rate) + 1)
    spread = preset.input.run_every * preset.augmentation.spread
    return max(1, images // (spread * preset.data.num_segments))


def _join(parts: list[Labelled]) -> Labelled:
    return np.concatenate([clips for clips, _ in parts]), np.concatenate([labels for _, labels in parts])


def _nothing(preset: Preset) -> Labelled:
    size = preset.input
    shape = (0, preset.data.num_segments, size.height, size.width, size.made_of.channels)
    return np.zeros(shape, np.uint8), np.zeros(0, np.int64)


def _tensors(labelled: Labelled) -> TensorDataset:
    clips, labels = labelled
    return TensorDataset(torch.from_numpy(clips).permute(0, 1, 4, 2, 3).contiguous(), torch.from_numpy(labels))
