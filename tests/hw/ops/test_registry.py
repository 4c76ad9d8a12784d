# SPDX-License-Identifier: BSD-3-Clause
"""The registry of ops: each folder is listed and whole, and ops of other packages take no name that is taken."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shiftcore import extensions
from shiftcore.errors import UserError
from shiftcore.hw import compile as flow
from shiftcore.hw import ops
from shiftcore.hw.ops import OURS, Op, max_pool, stream_add
from tests.checkout import ROOT

FOLDER = ROOT / "hw" / "ops"


def test_every_folder_is_an_op_and_has_all_that_an_op_has() -> None:
    assert {op.source.parent.name for op in OURS} == {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    for op in OURS:
        names = {path.name for path in op.source.parent.iterdir()}
        assert names >= {f"{op.source.stem}.sv", f"{op.source.stem}_properties.sv", "op.py", "checks.py", "README.md"}
        assert op.corners and op.proofs and all(proof.mutants for proof in op.proofs)


def test_no_other_file_names_an_op() -> None:
    """But for the reference, which gives some of them their meaning, and FINN's own passes."""
    names = {name for op in OURS for name in (op.name, op.node, op.source.stem)} - {"Pool", "max_pool"}
    loose = [path for path in (ROOT / "hw").rglob("*.py") if FOLDER not in path.parents]
    assert [(path.name, name) for path in loose for name in names if f'"{name}"' in path.read_text()] == []


def known(monkeypatch: pytest.MonkeyPatch, other: Any) -> tuple[Op, ...]:
    monkeypatch.setattr(extensions, "load_all", lambda _kind: {"mine": other})
    return ops.known.__wrapped__()


def test_what_is_no_op_or_has_a_name_of_ours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"shiftcore\.ops 'mine': 3 is no shiftcore\.hw\.ops\.Op"):
        known(monkeypatch, 3)
    with pytest.raises(UserError, match=r"shiftcore\.ops 'mine': Pool is a name of Pool, too"):
        known(monkeypatch, replace(max_pool.OP, layer="best", taken=("Best",)))


def test_a_node_is_known_in_every_graph() -> None:
    for name in ("Add", "ElementwiseAdd", "StreamAdd", "StreamAdd_rtl"):
        assert ops.of(name) is stream_add.OP
    assert ops.of("Conv") is None


def test_the_code_of_another_package_s_op_decides_whether_a_compilation_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "mine.sv"
    source.write_text("module mine;\nendmodule\n")
    rtl = type("Mine_rtl", (max_pool.OP.rtl,), {"source": source})
    monkeypatch.setattr(ops, "known", lambda: (*OURS, replace(max_pool.OP, rtl=rtl)))
    before = flow._our_code()
    assert flow._our_code() == before
    source.write_text("module mine;  // changed\nendmodule\n")
    assert flow._our_code() != before
