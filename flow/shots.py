"""The videos of the demo: files from disk, or synthetic scenes written to a file first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.preset import Preset
from quant import synthetic
from sim import video
from sim.preprocess import Preprocessor, crop_size, to_input

ENLARGED = 4  # the pictures people see have this many times the pixels of the core's frames, a side
SEED = 20260  # of the synthetic scenes: none of training or validation


@dataclass
class Shot:
    """One video, from the file `source`. `frames`: what the core takes, uint8 `[T, H, W, 3]`; `images`: the pictures
    they were made of, larger, for people; `starts`: the first frame of each clip in it; `truth`: each clip's class,
    where known; `remark`: what one should know before reading its scores."""

    source: str
    frames: np.ndarray
    images: np.ndarray
    starts: Sequence[int] = (0,)
    truth: Sequence[str] = ()
    remark: str = ""

    @property
    def title(self) -> str:
        """For a picture."""
        return ": ".join(filter(None, (Path(self.source).name, self.remark)))


def from_file(path: Path, preset: Preset, limit: int) -> Shot:
    """The first `limit` inputs that the video at `path` makes. Raises UserError for a file that
    is no video, is damaged within those frames, or is smaller than the network's input."""
    frames, images = [], []
    height, width = preset.input.height, preset.input.width
    preprocessor = Preprocessor(preset.preprocessing)
    count = preprocessor.images(limit)
    for index, image in enumerate(islice(video.frames(path, preset.input.images_per_second), count)):
        try:
            prepared = preprocessor.prepare(image, clear=index == 0)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        if prepared is None:
            continue
        frames.append(prepared[0])
        rows, columns = crop_size(image, height, width)
        scale = min(ENLARGED, rows // height, columns // width)
        images.append(to_input(image, height * scale, width * scale))
    return Shot(str(path), np.stack(frames), np.stack(images))


def synthetic_scenes(path: Path, preset: Preset) -> Shot:
    """One scene of every class, one after the other, written to a video at `path` and read back from it."""
    events, frames = preset.data.events, preset.data.num_segments
    size = (frames, ENLARGED * preset.input.height, ENLARGED * preset.input.width)
    names = synthetic.class_names(events)
    scenes = [synthetic.clip(events, label, size, (SEED, label)) for label in range(len(names))]
    video.write(path, [image for scene in scenes for image in scene])
    shot = from_file(
        path,
        preset.model_copy(update={"input": preset.input.model_copy(update={"images_per_second": None})}),
        frames * len(names),
    )
    return Shot(
        shot.source, shot.frames, shot.images, range(0, len(shot.frames), frames), names, "one synthetic scene a class"
    )
