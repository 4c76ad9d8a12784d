# SPDX-License-Identifier: BSD-3-Clause
"""What docs/errors.md and docs/driver.md promise is there."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import typer

from shiftcore import cli, driver
from shiftcore.driver import Accelerator, AcceleratorError, errors
from shiftcore.errors import DeviceError, ShiftcoreError, UserError
from tests.checkout import ROOT
from tests.driver.rig import Rig

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, AcceleratorError)]


def test_every_error_is_in_the_table() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted([*listed, "AcceleratorError"]) == sorted(cls.__name__ for cls in CLASSES)
    assert "`AcceleratorError` stands for all" in text


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_exported(cls: type[AcceleratorError]) -> None:
    assert issubclass(cls, ShiftcoreError)
    assert getattr(driver, cls.__name__) is cls and cls.__name__ in driver.__all__
    assert cls.__doc__


def test_an_error_is_the_users_or_the_devices_as_the_page_says() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    users, rest = page.split("## Yours to put right")[1].split("## The chip stopped")
    for text, kind, other in ((users, UserError, DeviceError), (rest, DeviceError, UserError)):
        names = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
        assert names
        for cls in (getattr(errors, name) for name in names):
            assert issubclass(cls, kind) and not issubclass(cls, other), cls


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.StuckError("the watchdog"), 3),
        (errors.DifferenceError("a bit"), 3),
        (errors.ResetError("no end"), 3),
        (errors.FrameError("a size"), 2),
        (errors.BuildError("a file"), 2),
        (UserError("a file"), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_script_can_tell_a_mistake_from_a_device(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        cli.command(main)()
    assert ended.value.exit_code == code
    assert capsys.readouterr().err == f"error: {error}\n"


def example(page: str, beginning: str) -> str:
    """The code of a page that begins so."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    return str(next(block for block in blocks if block.startswith(beginning)))


def test_the_first_example(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    code = example("driver.md", "from shiftcore.driver import Accelerator\n\nwith").replace(
        '"build/tiny/pynq-z2"', f"{str(rig.folder)!r}, {rig.backend!r}"
    )
    images = np.random.default_rng(70).integers(0, 256, (4, 64, 80, 3), dtype=np.uint8)
    exec(compile(code, "docs/driver.md", "exec"), {"images": images})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]


def test_the_example_of_many_cameras(rig: Rig) -> None:
    code = example("driver.md", "for camera, image in arriving").replace("        ...", "        seen.append(result)")
    images = np.random.default_rng(71).integers(0, 256, (4, 64, 80, 3), dtype=np.uint8)
    seen: list[Any] = []

    def arriving() -> Iterator[tuple[int, np.ndarray]]:
        for image in images:
            yield 0, image
            yield 1, image

    with Accelerator.open(rig.folder, rig.backend, compare=True) as acc:
        scope: dict[str, Any] = {"arriving": arriving(), "acc": acc, "prepare": acc.preprocessor(), "seen": seen}
        exec(compile(code, "docs/driver.md", "exec"), scope)
        rest = [*scope["rest"]]
        while more := acc.results(wait_s=1.0):
            rest += more
    assert [(r.stream, r.clear) for r in [*seen, *rest]] == [(i % 2, i < 2) for i in range(8)]
