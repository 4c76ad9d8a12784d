# SPDX-License-Identifier: BSD-3-Clause
"""What `from shiftcore import ...` offers: each name is there, and has its place in the documentation's site."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import shiftcore
from tests.checkout import ROOT

DOCUMENTED = re.findall(r"^::: ([\w.]+)\.(\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)


def test_every_public_name_is_documented_once() -> None:
    assert sorted(name for _, name in DOCUMENTED) == sorted(shiftcore.__all__)


@pytest.mark.parametrize(("module", "name"), DOCUMENTED)
def test_a_public_name_is_what_its_module_holds(module: str, name: str) -> None:
    thing = getattr(shiftcore, name)
    assert thing is getattr(import_module(module), name)
    assert thing.__module__ == module, "documented where it is not defined"
    assert thing.__doc__


def test_a_private_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = shiftcore.nothing
    assert set(dir(shiftcore)) == {*shiftcore.__all__, "__version__"}


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Strictly: a link that leads nowhere, or a name that is not there, fails."""
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "api" / "index.html").read_text()
    assert [name for module, name in DOCUMENTED if f'id="{module}.{name}"' not in page] == []
