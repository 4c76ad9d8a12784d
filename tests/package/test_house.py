# SPDX-License-Identifier: BSD-3-Clause
"""How the house stands: imports go one way, no circles, nothing too long to be read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import ROOT

FLOORS = ("flow", "driver", "hw", "sim", "quant", "model")  # each may import those behind it
ON_A_BOARD = ("driver", "model")
MODULES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if "__pycache__" not in path.parts)
LONGEST_FILE, LONGEST_FUNCTION = 400, 40


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imported(path: Path, everywhere: bool = True) -> Iterator[str]:
    """The modules of this project that a file imports; with `everywhere`, inside functions as well."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("shiftcore."):
            module = node.module.removeprefix("shiftcore.")
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner in NAMES else module
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("shiftcore.") for alias in node.names if "shiftcore." in alias.name)


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_down(floor: str) -> None:
    above = FLOORS[: FLOORS.index(floor)]
    arrows = [
        f"{name_of(path)} -> {module}"
        for path in MODULES
        if path.relative_to(ROOT).parts[0] == floor
        for module in imported(path)
        if module.split(".")[0] in above
    ]
    assert arrows == []


def test_no_circle() -> None:
    arrows = {name_of(path): {module for module in imported(path) if module in NAMES} for path in MODULES}
    remaining = dict(arrows)
    while free := [name for name, targets in remaining.items() if not targets & remaining.keys() - {name}]:
        for name in free:
            del remaining[name]
    assert sorted(remaining) == []


@pytest.mark.parametrize("floor", ON_A_BOARD)
def test_what_runs_on_a_board_needs_no_training(floor: str) -> None:
    foreign = {"torch", "qonnx", "finn", "brevitas", "lightning", "pydantic", "onnx"}
    for path in (path for path in MODULES if path.relative_to(ROOT).parts[0] == floor):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert not {name.split(".")[0] for name in names} & foreign, path


def test_no_file_and_no_function_is_too_long() -> None:
    long = [f"{path}: {lines} lines" for path in MODULES if (lines := path.read_text().count("\n")) > LONGEST_FILE]
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                long += [f"{path}:{node.lineno} {node.name}: {lines} lines"] if lines > LONGEST_FUNCTION else []
    assert long == []
