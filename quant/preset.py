# SPDX-License-Identifier: BSD-3-Clause
"""A preset: one TOML file that names everything needed to rebuild a result."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shiftcore import configuration
from shiftcore.artifacts import PACKAGE_FOLDER, build_folder
from shiftcore.configuration import Table
from shiftcore.errors import UserError
from shiftcore.model.description import InputSize, InputSpec, Preprocess
from shiftcore.model.limits import MODELS, STREAMS
from shiftcore.model.preprocess import REPRESENTATIONS, Representation

PRESETS = PACKAGE_FOLDER / "quant" / "presets"

Bits = Annotated[int, Field(ge=2, le=8)]
Positive = Annotated[int, Field(ge=1)]
Event = Literal["door", "object", "arrow", "passes", "put_take"]


class Input(Table):
    """The frames the core takes, uint8 NHWC, made by model.preprocess: of a video, `images_per_second` frames are
    images (model.sampling; None: every frame is); of the images, every `run_every`-th makes an input."""

    height: Annotated[int, Field(ge=8, le=512)]
    width: Annotated[int, Field(ge=8, le=512)]
    representation: Literal["rgb", "luma", "motion"] = "rgb"
    images_per_second: Positive | None = None
    run_every: Positive = 1

    @property
    def made_of(self) -> Representation:
        """What the representation needs of a video's images, and how many channels it has."""
        return REPRESENTATIONS[self.representation]


class Stem(Table):
    """First 3x3 convolution, and an optional 2x2 max pool behind it."""

    width: Positive
    stride: Literal[1, 2] = 2
    max_pool: bool = False


class Stage(Table):
    """`blocks` residual blocks of `width` channels; where width or resolution change, a 3x3 convolution of
    stride `stride` leads in, so every residual block keeps its shape and its shortcut is a plain identity."""

    width: Positive
    stride: Literal[1, 2] = 2
    blocks: Annotated[int, Field(ge=0, le=16)] = 1


class Network(Table):
    """The reduced TSM. `fold_div`: 1/fold_div of a block's channels come from the frame before (TSM, Lin et al.
    2019, section 4.2; uni-directional). `shift = false` is the TSN baseline: the same network without time."""

    stem: Stem
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=8)]
    fold_div: Annotated[int, Field(ge=1, le=64)] = 8
    shift: bool = True

    @model_validator(mode="after")
    def _every_block_can_shift(self) -> "Network":
        for index, stage in enumerate(self.stages):
            if self.shift and stage.blocks and stage.width % self.fold_div:
                raise ValueError(f"stages.{index}.width = {stage.width} is no multiple of fold_div = {self.fold_div}")
        return self


class Quantization(Table):
    """Bit widths, 2 to 8 each: weights and activations, and the weights of the first and the last layer."""

    weight_bits: Bits = 4
    act_bits: Bits = 4
    first_weight_bits: Bits = 8
    last_weight_bits: Bits = 8


class Data(Table):
    """What the network learns from. `synthetic`: the procedural CCTV renderer, whose classes are all orders of
    `events`, or those of one task of quant.orders; `folder`: labelled videos (docs/data.md), given on the command line.
    `apart`: sources of them without which figures are reported once more, because they are easy; `together`: names, and
    for each the sources that are one under it, as of an actor who is in several recordings; `test`: sources that never
    teach, where a protocol names them (quant.splits.arranged); `rest`: the class that is learned of every label but
    those that raise the alarm (None: each label is a class)."""

    source: Literal["synthetic", "folder"] = "synthetic"
    events: Annotated[tuple[Event, ...], Field(min_length=1)] = ("door",)
    num_segments: Annotated[int, Field(ge=2, le=64)] = 8
    train_clips: Positive = 2048
    val_clips: Positive = 512
    apart: tuple[str, ...] = ()
    together: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    test: tuple[str, ...] = ()
    rest: str | None = None

    @model_validator(mode="after")
    def _tasks_fit(self) -> "Data":
        for event in self.events:
            if event not in ("door", "object") and len(self.events) > 1:
                raise ValueError(f"events: {event!r} is a scene of its own and stands alone")
        if twice := [name for name, count in Counter(chain(*self.together.values())).items() if count > 1]:
            raise ValueError(f"together: {twice[0]!r} is named twice")
        if "passes" in self.events and self.num_segments < 8:
            raise ValueError(f"num_segments = {self.num_segments}: `passes` needs 8 frames or more")
        return self


class Augmentation(Table):
    """How training clips of videos may differ from them (quant.augment). `mirror`: left may be right; `crop`: the least
    share of the picture; `pace`: how many times faster or slower; `spread`: inputs may lie up to so many times further
    apart in time, so that a clip tells of more of its video; `light`: of contrast and brightness; `reverse`: time
    may run backwards (where its direction tells nothing)."""

    mirror: bool = True
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    pace: Annotated[float, Field(ge=1, le=4)] = 1.0
    spread: Annotated[int, Field(ge=1, le=16)] = 1
    light: Annotated[float, Field(ge=0, le=1)] = 0.0
    reverse: bool = False


class Training(Table):
    """The recipe: float warm-up, then quantization-aware training, each one-cycle AdamW. `keep`: the weights of the
    epoch that was best in validation, or of the last one, which chooses nothing; `distillation`: the share of the loss
    that follows a teacher, where there is one; `start`: the preset whose weights it starts from, else random ones."""

    seed: int = 0
    start: str | None = None
    batch_size: Positive = 32
    float_epochs: Annotated[int, Field(ge=0)] = 10
    qat_epochs: Positive = 10
    float_lr: Annotated[float, Field(gt=0)] = 3e-3
    qat_lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    distillation: Annotated[float, Field(ge=0, le=1)] = 0.9
    keep: Literal["best", "last"] = "best"
    patience: Positive = 5


class Hardware(Table):
    """What the compiled core must reach: frames per second at the board's clock ("best": as many as the board's
    resources allow), how many cameras' temporal state it keeps apart, and how many `models` it has at once, each in a
    bank of weights of its own. `ingest`: whether the chip crops, shrinks and differences a decoder's luma planes by
    itself. Of one model, or of no ingest, nothing that is made of the preset says anything."""

    target_fps: Positive | Literal["best"] = 1000
    streams: Annotated[int, Field(ge=1, le=STREAMS)] = 1
    models: Annotated[int, Field(ge=1, le=MODELS, exclude_if=lambda models: models == 1)] = 1
    ingest: Annotated[bool, Field(exclude_if=lambda ingest: not ingest)] = False


class Choose(Table):
    """How cross-validation chooses the alarm's threshold, one of: so many `false_alarms_per_hour` of footage without
    anything to raise it for (10, the default); the best F-`f_beta` (above 1, missing costs more than raising in vain);
    the share `recall` of what should raise it. `on`: the data sets, by their folders' names, that false alarms are
    counted on; none: what teaches nothing, or where nothing does all."""

    f_beta: Annotated[float, Field(gt=0, le=10)] | None = None
    recall: Annotated[float, Field(gt=0, le=1)] | None = None
    false_alarms_per_hour: Annotated[float, Field(ge=0)] | None = None
    on: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_rule(self) -> "Choose":
        given = [name for name in type(self).model_fields if name != "on" and getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} are two rules; give one")
        return self

    @property
    def rule(self) -> tuple[str, float]:
        """The rule's name and its number."""
        given = self.model_dump(exclude_none=True, exclude={"on"})
        return next(iter(given.items()), ("false_alarms_per_hour", 10.0))


class Alarm(Table):
    """When the runtime raises an alarm (docs/alarms.md). The score is the highest probability among `classes`; no
    classes, no alarm. A `threshold` of "chosen" is the one that cross-validation chose, on scores of clips that the
    scoring network had not seen, by the rule `choose`; it is stored with the weights."""

    classes: tuple[str, ...] = ()
    threshold: Annotated[float, Field(gt=0, le=1)] | Literal["chosen"] = 0.8
    choose: Choose = Choose()
    release: Annotated[float, Field(gt=0, le=1)] = 0.5
    min_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    cool_down_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0

    @model_validator(mode="after")
    def _release_is_below(self) -> "Alarm":
        if isinstance(self.threshold, float) and self.release > self.threshold:
            raise ValueError(f"release = {self.release} is above threshold = {self.threshold}")
        return self

    def settled(self, chosen: float | None) -> "Alarm":
        """With a number for a threshold of "chosen": `chosen`, or 0.5 where nothing was."""
        return self if self.threshold != "chosen" else self.at(0.5 if chosen is None else chosen)

    def at(self, threshold: float) -> "Alarm":
        """With this `threshold`, in (0, 1]. A release above it comes down to it."""
        return self.with_(threshold=threshold, release=min(self.release, threshold))


class Preset(Table):
    """The whole preset. `name` is the file's."""

    name: str
    input: Input
    network: Network
    quantization: Quantization = Quantization()
    data: Data = Data()
    augmentation: Augmentation = Augmentation()
    training: Training = Training()
    hardware: Hardware = Hardware()
    alarm: Alarm = Alarm()

    @model_validator(mode="after")
    def _resolution_lasts(self) -> "Preset":
        height, width = self.input.height, self.input.width
        stem = self.network.stem
        layers = [("stem", stem.stride * (2 if stem.max_pool else 1))]
        layers += [(f"stages.{i}", stage.stride) for i, stage in enumerate(self.network.stages)]
        for name, stride in layers:
            if height % stride or width % stride:
                raise ValueError(f"{name}: a {height}x{width} map cannot be divided by its stride {stride}")
            height, width = height // stride, width // stride
            if min(height, width) < 3:
                raise ValueError(f"{name}: its {height}x{width} output is smaller than the 3x3 kernel behind it")
        return self

    @model_validator(mode="after")
    def _ingest_makes_it(self) -> "Preset":
        made, streams = self.input, self.hardware.streams
        if self.hardware.ingest and (made.representation != "motion" or made.width * made.height % 2 or streams < 2):
            raise ValueError(
                f"hardware.ingest: is for `motion`, an even number of pixels and 2 streams or more; this preset has "
                f"{made.representation}, {made.width}x{made.height} and {streams}"
            )
        return self

    @property
    def preprocessing(self) -> InputSpec:
        """What the exported model says of its input, and `model.preprocess.Preprocessor` reads."""
        how = Preprocess(self.input.representation, self.input.images_per_second, self.input.run_every)
        return InputSpec(InputSize(self.input.height, self.input.width, self.input.made_of.channels), how)

    @property
    def build(self) -> Path:
        """The folder of everything made from this preset."""
        return build_folder() / self.name


class Imported(Table):
    """What stands for the preset in the description of a network that was made elsewhere (hw.imports)."""

    name: str
    hardware: Hardware = Hardware()

    @property
    def build(self) -> Path:
        """The folder of everything made from this network."""
        return build_folder() / self.name


def parse_preset(values: Mapping[str, object], source: str) -> Preset:
    """Check `values` (a parsed preset with its name). Raises UserError naming `source` and the first wrong key."""
    return configuration.check(Preset, values, source)


def described_preset(description: str, source: str) -> Preset:
    """The preset that a model's description holds, as JSON (model.description). Raises UserError as `parse_preset`."""
    return parse_preset(json.loads(description), source)


def described_network(description: str, source: str) -> Preset | Imported:
    """The same, or what stands in its place for a network that was made elsewhere."""
    values = json.loads(description)
    return parse_preset(values, source) if "network" in values else configuration.check(Imported, values, source)


def load_preset(name: str) -> Preset:
    """Read the preset called `name` (of quant/presets, or an installed package's), or the TOML file at that path.

    Raises UserError for a missing file, broken TOML, an unknown key, or a shape that cannot be built.
    """
    path = configuration.find("presets", name, PRESETS)
    return configuration.load(Preset, path, name=path.stem)


def check_alarm(preset: Preset, classes: Sequence[str]) -> None:
    """Raise UserError where the preset's alarm names a class that is not among `classes`."""
    for name in preset.alarm.classes:
        if name not in classes:
            known = ", ".join(classes)
            raise UserError(f"preset {preset.name!r}: alarm.classes: no class {name!r}; the classes are {known}")
