# SPDX-License-Identifier: BSD-3-Clause
"""Ways to train: what the weights start from, which of them learn, and who teaches (docs/training.md says which when).

- `scratch`: random weights, all learn;
- `finetune`: a checkpoint's weights, all learn;
- `last-N`: a checkpoint's, the last N stages and the classifier learn;
- `adapters`: a checkpoint's, small additions to each layer learn, and are folded into it afterwards;
- `head`: a checkpoint's, the classifier alone learns.

Each may follow teachers: networks trained before, of any size and kind of layer, that see the same clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from shiftcore.artifacts import digest
from shiftcore.errors import UserError
from shiftcore.quant import checkpoint
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset, load_preset

NAMES = ("scratch", "finetune", "head", "adapters", "last-N")


@dataclass(frozen=True)
class Strategy:
    """`name`: one of `NAMES`; `start`: the checkpoint it starts from, needed by all but `scratch`; `taught_by`: the
    checkpoints of teachers. Raises UserError where these do not fit together."""

    name: str = "scratch"
    start: Path | None = None
    taught_by: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in NAMES and not self.name.removeprefix("last-").isdecimal():
            raise UserError(f"strategy {self.name!r}: not one of {', '.join(NAMES)} (N: a number of stages)")
        if self.name == "scratch" and self.start:
            raise UserError("strategy 'scratch' starts from no checkpoint; 'finetune' does")
        if self.name != "scratch" and not self.start:
            raise UserError(f"strategy {self.name!r} needs a checkpoint to start from: FROM=...")
        for path in (*([self.start] if self.start else []), *self.taught_by):
            if not path.is_file():
                raise UserError(f"{path}: no such checkpoint")

    @property
    def tune(self) -> str:
        """What learns, as `tuning.restrict` takes it."""
        return "all" if self.name in ("scratch", "finetune") else self.name

    def stamp(self) -> str:
        """Changes whenever training would do something else."""
        return digest(self.name, *([self.start] if self.start else []), *self.taught_by)

    def begin(self, preset: Preset, classes: Sequence[str]) -> ReducedTSM:
        """The network in floating point, before training. A checkpoint of other classes gives all but its classifier.

        Raises UserError for a checkpoint of another network, or of another input.
        """
        network = ReducedTSM(preset, classes, quantized=False)
        if self.start:
            learned, trained = checkpoint.load(self.start)
            checkpoint.check_same(preset, trained, self.start)
            state = learned.state_dict()
            if learned.classes != network.classes:
                own = {f"classifier.{name}": value for name, value in network.classifier.state_dict().items()}
                state |= own
            checkpoint.fill(network, state, self.start)
        return network

    def teachers(self, preset: Preset, classes: Sequence[str]) -> list[nn.Module]:
        """The teaching networks. Raises UserError for one of other classes or another input."""
        found: list[nn.Module] = []
        for path in self.taught_by:
            network, trained = checkpoint.load(path)
            if trained.input != preset.input:
                raise UserError(f"{path}: learned from another input than preset {preset.name!r} has")
            if network.classes != tuple(classes):
                raise UserError(f"{path}: its classes are {', '.join(network.classes)}, not {', '.join(classes)}")
            found.append(network)
        return found


SCRATCH = Strategy()


def own(preset: Preset) -> Strategy:
    """What the preset's recipe says: `finetune` from the weights of `training.start`, or `scratch`. Raises UserError
    where that preset has no weights."""
    name = preset.training.start
    if not name:
        return SCRATCH
    start = checkpoint.find(load_preset(name))
    if not start:
        raise UserError(
            f"preset {preset.name!r} starts from {name!r}, which has no weights: train them first, with `make qat`"
        )
    return Strategy("finetune", start)
