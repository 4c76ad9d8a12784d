# SPDX-License-Identifier: BSD-3-Clause
"""Options that many commands have, each with one text."""

from pathlib import Path
from typing import Annotated

import typer

PresetName = Annotated[str, typer.Option("--preset", help="a shipped preset, or a TOML file; what is only compiled, a QONNX file")]
BoardName = Annotated[str, typer.Option("--board", help="a board of hw/boards, or a TOML file")]
LabelledVideos = Annotated[Path, typer.Option("--data", help="labelled videos, laid out as docs/data.md shows")]
