# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore load MODEL`: another model for a build and for whatever runs on it, without a stop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from shiftcore import cli
from shiftcore.driver.banks import check_bank
from shiftcore.driver.build import Build
from shiftcore.driver.change import Change, install
from shiftcore.driver.commands import BuildOrModel, exported
from shiftcore.driver.control import Reply, runs_folder, tell


def load(build_dir: Path, model: Path, bank: int = 0) -> list[Reply]:
    """Let the build in `build_dir` go by `model`, and have its runs take it; what each said. Of an exported model, and
    of a `bank` beside the first, only the runs are told. Raises UserError, ShapeError for a model of another shape, and
    FrameError for a bank that the chip does not have; nothing is changed then."""
    build = Build.load(build_dir)
    if build.compiled:
        check_bank(bank, build.manifest.models)
    if build.compiled and bank == 0:
        return tell(runs_folder(build_dir), install(build, model))
    Change.read(build, model)
    return tell(runs_folder(build_dir), model, bank)


def said(replies: Sequence[Reply]) -> list[str]:
    """What runs said, a line each."""
    return [
        f"run {reply.run}: " + (f"did not take it: {reply.error}" if reply.error else f"has model {reply.model} now")
        for reply in replies
    ]


def main(
    model: Annotated[Path, typer.Argument(help="an integer model (.npz) of the build's shape")],
    build: BuildOrModel = None,
    bank: Annotated[int, typer.Option(min=0, help="of a chip of several models: the one that gives way")] = 0,
) -> None:
    """Give a build, and whatever runs on it now, another model: no frame is lost."""
    replies = load(build or exported(), model, bank)
    print(*(said(replies) or ["no run is there to be told"]), sep="\n")
    if any(reply.error for reply in replies):
        raise typer.Exit(cli.USER_ERROR)
