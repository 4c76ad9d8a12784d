# SPDX-License-Identifier: BSD-3-Clause
"""Thresholds of single cameras: the file that `shiftcore calibrate` writes and `shiftcore run` reads."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from shiftcore.artifacts import write_json
from shiftcore.errors import UserError
from shiftcore.model.fields import Offset, Seconds, parsed

FORMAT = "shiftcore-thresholds"


@dataclass(frozen=True)
class Calibration:
    """What was set for a camera: its alarm's `threshold`, in (0, 1], at which at most `alarms_per_hour` were asked for;
    how many `hours` it was watched, how many `alarms` would have been raised then; and when, `utc`. Raises ValueError
    for another threshold."""

    threshold: float
    alarms_per_hour: Seconds  # 0 or more, as those
    hours: float
    alarms: Offset
    utc: str

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold} is not above 0 and up to 1")


def read(path: Path, weights: str | None) -> dict[str, Calibration]:
    """The calibrations in the file at `path`, by the cameras' names, for a model of these `weights`
    (ModelDescription.weights). Raises UserError where it is missing, no such file, or of other weights: the same scene
    scores otherwise there."""
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}")
        cameras = {str(name): parsed(Calibration, values) for name, values in content["cameras"].items()}
        of = content["weights"]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; `shiftcore calibrate` writes one") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: no file of thresholds (`shiftcore calibrate` writes one): {error}") from None
    if of != weights:
        raise UserError(f"{path}: thresholds for other weights than this build's; run `shiftcore calibrate` again")
    return cameras


def write(path: Path, weights: str | None, cameras: Mapping[str, Calibration]) -> None:
    """Write the calibrations of `cameras` into the file at `path`, beside those of other cameras there. Raises
    UserError where that holds other things, or thresholds for other weights."""
    known = {**read(path, weights), **cameras} if path.exists() else cameras
    entries = {name: asdict(known[name]) for name in sorted(known)}
    write_json(path, {"format": FORMAT, "weights": weights, "cameras": entries})
