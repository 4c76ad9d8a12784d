# SPDX-License-Identifier: BSD-3-Clause
"""The project's own code as an input of what it makes: the files that a module's result depends on."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from shiftcore.artifacts import PACKAGE_FOLDER, digest

ROOT = PACKAGE_FOLDER.parent  # the folder that `import shiftcore` looks in


def code(*modules: str, packages: Iterable[str] = (), data: Iterable[Path] = ()) -> str:
    """The digest of all our code that `modules` ("hw.core") run, wherever it lies (`closure`), of the versions of the
    installed `packages` that it runs, and of the files and folders `data`, which no import names.

    Raises ValueError for a module that is not ours, PackageNotFoundError for a package that is not installed.
    """
    files = closure(*modules)
    versions = [f"{package} {version(package)}" for package in packages]
    return digest(*(str(path.relative_to(ROOT)) for path in files), *files, *versions, *data)


def closure(*modules: str) -> list[Path]:
    """The Python files of `modules` and of all of ours that these import, at their head or inside a function, and so
    on; with them the packages they lie in. Sorted. Raises ValueError for a module that is not ours."""
    waiting: list[Path] = []
    for module in modules:
        if not (files := _files(module)):
            raise ValueError(f"{module}: no module of {ROOT}")
        waiting += files
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = _imports(path.read_text(), path.parent.relative_to(ROOT).parts)
            waiting += (file for name in names for file in _files(name))
    return sorted(found)


def _files(name: str) -> list[Path]:
    """The file of the module `name` and of each package around it; none where it is not ours."""
    parts = name.split(".")
    if parts[0] != PACKAGE_FOLDER.name:
        return []
    path = ROOT.joinpath(*parts)
    own = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    packages = [ROOT.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts))]
    return [file for file in (*packages, own) if file.is_file()] if own.is_file() else []


@cache
def _imports(text: str, package: tuple[str, ...]) -> list[str]:
    """The names of all modules that a file of `package` may import: `from a import b` names a, and a.b, which may be
    one."""
    names = []
    for node in _run(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *filter(None, [node.module])))
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """`tree` and all in it but what is there for a type checker alone."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
