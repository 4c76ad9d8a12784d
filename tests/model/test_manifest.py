# SPDX-License-Identifier: BSD-3-Clause
"""The manifests of core and chip: what is written is read again, byte for byte, and what is wrong is named."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from shiftcore.errors import UserError
from shiftcore.model.manifest import ChipManifest, CoreManifest

FIXTURES = Path(__file__).parent.parent / "sim"
CORE: dict[str, Any] = json.loads((FIXTURES / "fixture_core" / "manifest.json").read_text())
CHIP: dict[str, Any] = json.loads((FIXTURES / "fixture_chip" / "manifest.json").read_text())


Kind = type[CoreManifest | ChipManifest]
BOTH = pytest.mark.parametrize(("kind", "values"), [(CoreManifest, CORE), (ChipManifest, CHIP)], ids=["core", "chip"])
WRONG: dict[type, tuple[Any, ...]] = {
    int: (True, -1, 0.5, float("nan"), "1", None, []),
    float: (True, -1, 0, float("nan"), float("inf"), "fast", None),
    str: (0, None, [], {}),
    bool: (0, 1, "true", None),
    list: (None, "", {}, 1),
    dict: (None, "", [], 1),
    type(None): (0, [], {}),
}
"""What cannot stand in the place of a value of a type."""


@BOTH
def test_what_is_read_is_written(kind: Kind, values: dict[str, Any], tmp_path: Path) -> None:
    """Every key, in its order."""
    text = json.dumps(values, indent=2) + "\n"
    (tmp_path / "manifest.json").write_text(text)
    manifest = kind.read(tmp_path)
    manifest.write(tmp_path)
    assert (tmp_path / "manifest.json").read_text() == text
    assert kind.parse(values, "again") == manifest and hash(manifest)


def test_the_manifests_of_a_build_are_written_as_they_lie(tiny_chip: Path) -> None:
    for manifest, folder in (
        (CoreManifest.read(tiny_chip / "core"), tiny_chip / "core"),
        (ChipManifest.read(tiny_chip), tiny_chip),
    ):
        assert json.dumps(manifest.as_json(), indent=2) + "\n" == (folder / "manifest.json").read_text()


def _paths(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value in a manifest."""
    entries = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return [path] * bool(path) + [way for key, value in entries for way in _paths(value, (*path, key))]


def _named(path: tuple[Any, ...]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


@BOTH
def test_a_wrong_value_is_named(kind: Kind, values: dict[str, Any]) -> None:
    """Each value, in each of the wrong ways."""
    tried = 0
    for path in _paths(values):
        damaged = copy.deepcopy(values)
        holder: Any = damaged
        for key in path[:-1]:
            holder = holder[key]
        for wrong in WRONG[type(holder[path[-1]])]:
            tried += 1
            holder[path[-1]] = wrong
            with pytest.raises(UserError) as caught:
                kind.parse(damaged, "build/x/manifest.json")
            text = str(caught.value)
            said = f"{_named(path)} is {wrong!r}, n" if path[0] not in kind.head else kind.title
            assert text.startswith("build/x/manifest.json: ") and said in text, text
            assert text.endswith("; run `make compile` again")
    assert tried > 100


@pytest.mark.parametrize("wrong", ["", "deadbee", "deadbeef0", "DEADBEEF", "0xdeadbe", "deadbeef\n", "nonsense"])
def test_a_build_hash_is_eight_digits(wrong: str) -> None:
    with pytest.raises(UserError, match=r"^where: build_hash is '"):
        ChipManifest.parse(CHIP | {"build_hash": wrong}, "where")


@pytest.mark.parametrize("key", [*sorted(set(CORE) - {"model"}), "head"])
def test_a_missing_key_is_named(key: str) -> None:
    values = {name: value for name, value in CORE.items() if name != key} if key != "head" else []
    with pytest.raises(UserError, match=f"^where: ({key} is None, no |not a manifest of a compiled core)"):
        CoreManifest.parse(values, "where")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"{}"], ids=repr)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    for kind in (CoreManifest, ChipManifest):
        with pytest.raises(UserError, match=r"manifest\.json: .*; run `make compile` again$"):
            kind.read(tmp_path)
