"""What an integer model says of itself, but for its layers (docs/integer-model.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shiftcore.model.alarm import AlarmSettings
from shiftcore.model.fields import Count, parsed


@dataclass(frozen=True)
class InputSize:
    """The network's input, uint8 NHWC."""

    height: Count
    width: Count
    channels: Count


@dataclass(frozen=True)
class Preprocess:
    """How a camera's images become inputs: the `representation`, of how many `images_per_second` (None: of all), and
    that the network runs for every `run_every`-th."""

    representation: str
    images_per_second: Count | None
    run_every: Count


@dataclass(frozen=True)
class InputSpec:
    """All that model.preprocess must know of a network."""

    input: InputSize
    preprocess: Preprocess


@dataclass(frozen=True)
class _Hardware:
    streams: Count


@dataclass(frozen=True)
class _Preset:
    name: str
    hardware: _Hardware


@dataclass(frozen=True)
class ModelDescription(InputSpec):
    """An integer model's description. Of the `preset` it was exported from only what the runtime reads; `alarm`: None
    where no class raises one; `weights`: the digest of its arrays, None where it does not say."""

    trained: bool
    preset: _Preset
    classes: tuple[str, ...]
    num_segments: Count
    alarm: AlarmSettings | None
    logit_scale: float
    weights: str | None

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "ModelDescription":
        """What JSON holds. Raises ValueError naming the key that is missing or wrong."""
        alarm = values.get("alarm") or {}
        return parsed(cls, {**values, "alarm": alarm if alarm.get("classes") else None})

    @property
    def alarm_indices(self) -> list[int]:
        """Which classes raise the alarm, if any."""
        names = self.alarm.classes if self.alarm else ()
        return [index for index, name in enumerate(self.classes) if name in names]
