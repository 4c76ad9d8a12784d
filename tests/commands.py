# SPDX-License-Identifier: BSD-3-Clause
"""The `shiftcore` command as tests call it."""

import subprocess

from typer.testing import CliRunner

from shiftcore.flow.command import app


def shiftcore(*arguments: object, **variables: object) -> subprocess.CompletedProcess[str]:
    """`shiftcore ARGUMENTS` with these environment variables, in this process, which has imported torch already; it
    ends as one of its own would, and Rich has room for any name."""
    words = [*map(str, arguments)]
    runner = CliRunner(env={"COLUMNS": "160", **{name: str(value) for name, value in variables.items()}})
    result = runner.invoke(app, words, catch_exceptions=False)
    return subprocess.CompletedProcess(words, result.exit_code, result.stdout, result.stderr)
