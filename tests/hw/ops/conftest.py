# SPDX-License-Identifier: BSD-3-Clause
"""The folder that FINN's passes want."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def scratch() -> None:
    """The folder that some of FINN's passes want, as a compilation makes it."""
    Path(os.environ["FINN_BUILD_DIR"]).mkdir(parents=True, exist_ok=True)
