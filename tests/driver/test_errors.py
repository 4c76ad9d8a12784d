"""What docs/errors.md and docs/driver.md promise is there."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from shiftcore import driver
from shiftcore.driver import Accelerator, AcceleratorError, errors
from shiftcore.errors import UserError
from tests.checkout import ROOT
from tests.driver.conftest import Rig

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, AcceleratorError)]


def test_every_error_is_in_the_table() -> None:
    text = (ROOT / "docs" / "errors.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted([*listed, "AcceleratorError"]) == sorted(cls.__name__ for cls in CLASSES)
    assert "`AcceleratorError` stands for all" in text


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_the_users_and_exported(cls: type[AcceleratorError]) -> None:
    assert issubclass(cls, UserError)
    assert getattr(driver, cls.__name__) is cls and cls.__name__ in driver.__all__
    assert cls.__doc__


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def test_the_first_example(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("driver.md")[0].replace('"build/tiny/pynq-z2"', f"{str(rig.folder)!r}, {rig.backend!r}")
    images = np.random.default_rng(70).integers(0, 256, (4, 64, 80, 3), dtype=np.uint8)
    exec(compile(code, "docs/driver.md", "exec"), {"images": images})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]


def test_the_example_of_many_cameras(rig: Rig) -> None:
    code = blocks("driver.md")[1].replace("        ...", "        seen.append(result)")
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
