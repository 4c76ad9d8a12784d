# SPDX-License-Identifier: BSD-3-Clause
"""The library that these tests draw with."""

from pathlib import Path

import pytest

from shiftcore.quant.scenes.movements import Library
from tests.quant import recorded


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(recorded.write(tmp_path_factory.mktemp("mocap") / "recorded"))


@pytest.fixture(scope="session")
def folder(library: Library) -> Path:
    return library.folder
