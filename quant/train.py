# SPDX-License-Identifier: BSD-3-Clause
"""The command that trains a preset."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from shiftcore.options import PresetName
from shiftcore.quant.preset import load_preset


def main(
    preset: PresetName,
    data: Annotated[Path | None, typer.Option(help="labelled videos (docs/data.md); default: synthetic scenes")] = None,
    strategy: Annotated[
        str, typer.Option(help="scratch, finetune, head, adapters or last-N; default: the preset's own")
    ] = "",
    start: Annotated[Path | None, typer.Option("--from", help="the checkpoint that training starts from")] = None,
    teacher: Annotated[list[Path] | None, typer.Option(help="a checkpoint to learn from beside the labels")] = None,
) -> None:
    """Train PRESET, float first and then quantized; goes on where it was interrupted."""
    settings = load_preset(preset)
    from shiftcore.quant.learner import is_first, train
    from shiftcore.quant.strategies import Strategy, own

    if strategy or start:
        chosen = Strategy(strategy or "finetune", start, tuple(teacher or ()))
    else:
        chosen = replace(own(settings), taught_by=tuple(teacher or ()))
    with contextlib.nullcontext() if is_first() else contextlib.redirect_stdout(None):
        reached = train(settings, data, chosen)
        print(f"{settings.build / 'qat' / 'best.pt'}: validation accuracy {reached.validation:.1%}", end="")
        print("" if reached.held_out is None else f", held-out accuracy {reached.held_out:.1%}")
