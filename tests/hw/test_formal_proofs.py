# SPDX-License-Identifier: BSD-3-Clause
"""The proofs of the RTL that take seconds, as `make formal` runs all of them; and that the prover itself can fail."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shiftcore.hw.formal import prover
from shiftcore.hw.formal.__main__ import markdown
from shiftcore.hw.formal.block import Mutant
from shiftcore.hw.formal.proofs import ours
from shiftcore.hw.formal.prover import Job
from tests.checkout import ROOT

BLOCKS = ours()
SLOW = {
    *("dma_read", "dma_read_data", "dma_write", "result_writer", "result_writer_data", "axi3_to_axil"),
    *("box_divide", "axi_read_arbiter", "plane_read"),
}
"""Blocks whose proofs take minutes together: `make formal` runs them, this test does not."""


@pytest.mark.parametrize("block", [name for name in BLOCKS if name not in SLOW])
def test_block_is_proven_covered_and_its_mutants_are_found(block: str) -> None:
    for job in prover.jobs(BLOCKS[block]):
        outcome = prover.run(job)
        assert outcome.good, f"{outcome.name}: {outcome.said}"


def test_a_false_property_fails_and_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that breaks its promise fails its proof, names the property, and fails again when asked again."""
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path))
    fork = BLOCKS["stream_fork"]
    copy = shutil.copytree(fork.source.parent, tmp_path / "stream_fork")
    (copy / fork.source.name).write_text(fork.mutants[0].of(fork.source.read_text()))
    for _ in range(2):
        outcome = prover.run(Job(replace(fork, source=copy / fork.source.name), "prove", 0))
        assert not outcome.good and "not_doubled" in outcome.said
    kept = json.loads((tmp_path / "formal" / outcome.name / "result.json").read_text())
    assert not kept["good"]


def test_a_cover_that_cannot_be_reached_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path))
    short = replace(BLOCKS["lutram_fifo"], parameters=({"WIDTH": 1, "DEPTH": 8},), cover_depth=4)
    outcome = prover.run(Job(short, "cover", 0))
    assert not outcome.good  # eight words do not fit into four cycles


def test_a_harmless_mutant_is_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path))
    harmless = Mutant("none", "s_tready = &satisfied", "s_tready = (&satisfied)")
    fork = replace(BLOCKS["stream_fork"], mutants=(harmless,))
    assert not prover.run(Job(fork, "mutant", 0, harmless)).good


@pytest.mark.parametrize("name", BLOCKS)
def test_every_mutant_applies(name: str) -> None:
    block = BLOCKS[name]
    text = block.source.read_text()
    assert block.mutants
    for mutant in block.mutants:
        assert mutant.of(text) != text
    with pytest.raises(ValueError, match="0 times"):
        Mutant("gone", "no such text in any module", "").of(text)


def test_the_document_shows_the_table() -> None:
    """`shiftcore formal --table` prints it anew."""
    assert markdown() in (ROOT / "docs" / "formal.md").read_text()
