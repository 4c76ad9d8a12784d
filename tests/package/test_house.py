# SPDX-License-Identifier: BSD-3-Clause
"""How the house stands: imports go one way, no circles, nothing too long to be read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import ROOT, tracked

FLOORS = ("flow", "station", "driver", "hw", "sim", "quant", "model")  # each may import those behind it
ON_A_BOARD = ("driver", "model")
MODULES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if "__pycache__" not in path.parts)
LONGEST_FILE, LONGEST_FUNCTION = 400, 40


SOURCES = {".py", ".sv", ".v", ".cpp", ".h", ".tcl", ".sh"}


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


def test_each_source_names_its_licence() -> None:
    sources = [path for path in tracked(ROOT) if path.suffix in SOURCES and (ROOT / path).read_bytes()]
    assert len(sources) > 300
    assert [str(path) for path in sources if "SPDX-License-Identifier: BSD-3" not in start_of(ROOT / path)] == []


def start_of(path: Path) -> str:
    """The first two lines: a script's first one names its shell."""
    return "".join(path.read_text().splitlines(keepends=True)[:2])


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest would leave one of them out, where both are in one run."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


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


def is_loose(node: ast.AST, aliases: set[str]) -> bool:
    """Whether an annotation holds dict[str, Any], or a name of its module's own for it."""
    for inner in ast.walk(node):
        match inner:
            case ast.Subscript(ast.Name("dict" | "Mapping"), ast.Tuple([_, ast.Name("Any")])):
                return True
            case ast.Name(name) if name in aliases:
                return True
    return False


def loose_aliases(tree: ast.Module) -> set[str]:
    assigned = [node for node in tree.body if isinstance(node, ast.Assign) and is_loose(node.value, set())]
    return {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def loose_names(tree: ast.Module) -> set[str]:
    """What a module offers whose arguments, result or fields are dict[str, Any], and its own names for it."""
    found = loose_aliases(tree)
    aliases = set(found)
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        inner = [node, *node.body] if isinstance(node, ast.ClassDef) else [node]
        hints: list[ast.AST] = [part.annotation for part in inner if isinstance(part, ast.AnnAssign)]
        for function in inner:
            public = isinstance(function, ast.FunctionDef) and (function is node or function.name[0] != "_")
            if isinstance(function, ast.FunctionDef) and (public or function.name == "__init__"):
                arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
                hints += [hint for hint in (function.returns, *(one.annotation for one in arguments)) if hint]
        if any(is_loose(hint, aliases) for hint in hints):
            found.add(node.name)
    return found


def crossings(sources: dict[str, str]) -> list[str]:
    """Where a module of one folder takes something loose from another's; `sources`: texts by the modules' names."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    loose = {name: loose_names(tree) for name, tree in trees.items()}
    found = []
    for user, tree in trees.items():
        modules: dict[str, str] = {}
        taken: list[tuple[str, str]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shiftcore."):
                module = str(node.module).removeprefix("shiftcore.")
                for alias in node.names:
                    if f"{module}.{alias.name}" in trees:
                        modules[alias.asname or alias.name] = f"{module}.{alias.name}"
                    else:
                        taken.append((module, alias.name))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                taken.append((modules[node.value.id], node.attr))
        for module, name in taken:
            if module.split(".")[0] != user.split(".")[0] and name in loose.get(module, ()):
                found.append(f"{user} takes {name} of {module}")
    return sorted(set(found))


def test_no_dict_of_anything_crosses_a_folder() -> None:
    assert crossings({name_of(path): path.read_text() for path in MODULES}) == []


@pytest.mark.parametrize(
    "offered",
    [
        "def rows() -> list[dict[str, Any]]: ...",
        "def rows(values: dict[str, Any], *, more: int = 0) -> int: ...",
        "def rows(*, values: Mapping[str, Any]) -> int: ...",
        "Row = dict[str, Any]\ndef rows() -> list[Row]: ...",
        "rows = Sequence[dict[str, Any]]",
        "class rows:\n    entries: dict[str, Any]",
        "class rows:\n    def __init__(self, values: dict[str, Any]) -> None: ...",
    ],
)
@pytest.mark.parametrize("how", ["from shiftcore.hw.lib import rows", "from shiftcore.hw import lib\nlib.rows"])
def test_what_crosses_is_found(offered: str, how: str) -> None:
    assert crossings({"hw.lib": offered, "flow.user": how}) == ["flow.user takes rows of hw.lib"]
    assert crossings({"hw.lib": offered, "hw.user": how}) == []
    sound = "class Row: ...\ndef rows() -> list[Row]: ...\ndef _own(values: dict[str, Any]) -> None: ..."
    assert crossings({"hw.lib": sound, "flow.user": how}) == []
