# SPDX-License-Identifier: BSD-3-Clause
"""Cameras' own models: which bank of the chip each has. The build's own is in bank 0."""

from collections.abc import Sequence
from pathlib import Path

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.change import LoadedModel
from shiftcore.errors import UserError


def plan(models: Sequence[Path], loaded: Sequence[LoadedModel]) -> dict[Path, int]:
    """A bank for each of `models`, from 1 on: the one that has it already, else one whose model nobody wants. `loaded`:
    what each bank has. Raises UserError where there are too few."""
    if len(models) >= len(loaded):
        raise UserError(
            f"the cameras have {len(models)} models beside the build's own, but this run has {len(loaded)} "
            f"bank{'s' * (len(loaded) != 1)} of weights for all (hardware.models); of an exported model: start it anew"
        )
    kept = {model.file: bank for bank, model in enumerate(loaded) if bank and model.file in models}
    free = iter(bank for bank in range(1, len(loaded)) if bank not in kept.values())
    return {model: kept[model] if model in kept else next(free) for model in models}


def load(accelerator: Accelerator, models: Sequence[Path]) -> dict[Path, int]:
    """Give a chip that has just been opened cameras' models; the bank of each. Raises UserError where it has too few
    banks or a file is no model, and ShapeError for a model that does not fit the chip or is of other inputs."""
    banks = plan(models, accelerator.models)
    changes = [(accelerator.read(model), bank) for model, bank in banks.items()]
    for change, _ in changes:
        change.check_inputs(accelerator.description)
    for change, bank in changes:
        accelerator.load(change, bank)
    return banks
