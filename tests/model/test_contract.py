# SPDX-License-Identifier: BSD-3-Clause
"""The contract stands once: context word, record and limits are those of the register map and the RTL, and no other
place of the code spells them out."""

import ast
import re
from collections.abc import Iterator

import numpy as np
import pytest

from shiftcore.model import limits
from shiftcore.model import registers as reg
from shiftcore.model.records import ALIGNMENT, Context, Record
from tests.checkout import ROOT

PRODUCTION = ("driver", "flow", "hw", "model", "quant", "shiftcore", "sim", "examples")
HOME = {"model/limits.py", "model/records.py", "model/registers.py"}
"""Where the contract stands."""

_MASKS = {0x7F, 0x80}
_LIMITS = {limits.STREAMS, limits.STREAMS - 1, limits.DESCRIPTORS, limits.RECORDS}
_SUBJECT = re.compile(r"stream|context|ctx|clear|descriptor|records|slots|header|burst", re.IGNORECASE)


def _number(node: ast.AST, among: set[int]) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value in among


def _names(node: ast.AST) -> str:
    """All names in an expression or statement."""
    found = [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    found += [inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]
    return " ".join(found)


def _is_mask(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(left, ast.BitAnd() | ast.BitOr(), right):
            return _number(left, _MASKS) or _number(right, _MASKS)
        case ast.BinOp(_, ast.LShift() | ast.RShift(), right):
            return _number(right, {7})
        case ast.List([word]) | ast.Tuple([word]):
            return _number(word, _MASKS)
    return isinstance(node, ast.Constant) and node.value in (b"\x80", b"\x7f")


def _is_limit(node: ast.AST) -> bool:
    """Compared, given a name, or passed."""
    if not isinstance(node, ast.Compare | ast.keyword | ast.Assign | ast.AnnAssign):
        return False
    subject = _names(node) + (node.arg or "" if isinstance(node, ast.keyword) else "")
    return bool(_SUBJECT.search(subject)) and any(_number(n, _LIMITS | _MASKS) for n in ast.iter_child_nodes(node))


def _is_size(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(left, ast.Add(), right):
            return (_number(left, {16}) or _number(right, {16})) and bool(re.search("logit|class", _names(node)))
        case ast.Call(_, [ast.Constant(str(layout)), *_]):  # struct.Struct("<4I")
            return layout.strip("<=") in {"4I", "IIII", "4L"}
    return False


def spelled_out(text: str) -> Iterator[int]:
    """The lines of a source that write a context's mask or place, a record's size or a limit of the contract by
    hand."""
    for node in ast.walk(ast.parse(text)):
        if _is_mask(node) or _is_limit(node) or _is_size(node):
            yield getattr(node, "lineno", 0)


@pytest.mark.parametrize(
    "line",
    [
        "stream, clear = word & 0x7F, bool(word & 0x80)",
        "word = stream | clear << 7",
        "word = 0x80 | stream",
        "word = stream + 128 * clear\nif context & 127: pass",
        "clear = word >> 7",
        "Source(dut, 's_axis_ctx', [0x80] * frames)",
        "contexts.send_nowait(b'\\x80')",
        "if not 0 <= stream < 128: raise",
        "assert context.stream <= 127",
        "CONTEXT_CLEAR = 0x80",
        "HEADER_BYTES = 16",
        "DESCRIPTOR_SLOTS: int = 16",
        "SLOTS = 32",
        "size = 16 + 8 * -(-logits // 2)",
        "size = (4 * classes + 7) // 8 * 8 + 16",
        "header = struct.Struct('<4I')",
        "f(streams=128)",
        "max_burst: int = 16",
    ],
)
def test_what_is_spelled_out_is_found(line: str) -> None:
    assert list(spelled_out(line)), line


def test_nothing_is_spelled_out() -> None:
    found = []
    files = [path for folder in PRODUCTION for path in (ROOT / folder).rglob("*.py")]
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if name not in HOME and "/build/" not in name:
            found += [f"{name}:{line}" for line in spelled_out(path.read_text())]
    assert len(files) > 100
    assert not found


def test_a_context_s_word() -> None:
    for stream in range(limits.STREAMS):
        for clear in (False, True):
            for bank in range(limits.MODELS):
                context = Context(stream, clear, bank)
                assert context.word == stream + 128 * clear + 256 * bank
                assert Context.of(context.word) == context
                assert Context.of(context.word | 1 << 10) == context, "the bits above say nothing"
    assert [Context.BITS, *map(Context.bits, (1, 2, 3, 4))] == [8, 8, 9, 10, 10]


@pytest.mark.parametrize("stream", [-1, 128, 1000])
def test_a_stream_that_no_word_can_name(stream: int) -> None:
    with pytest.raises(ValueError, match=f"stream {stream} is not in 0 .. 127"):
        Context(stream)


def test_a_bank_that_no_word_can_name() -> None:
    with pytest.raises(ValueError, match=r"bank 4 is not in 0 .. 3"):
        Context(0, bank=4)


def test_a_record_in_memory() -> None:
    """Frame id, context, latency and sequence number, each a little-endian word; the logits; zeros up to a multiple of
    8 bytes."""
    for count in range(1, 9):
        logits = np.arange(count, dtype=np.int64) - 2
        record = Record(7, 3, True, 1000, 5, logits)
        content = np.frombuffer(record.pack(Record.size(count)), np.uint8)
        words = content.view("<i4").tolist()
        assert words == [7, 0x83, 1000, 5, *logits, *[0] * (count % 2)]
        back = Record.unpack(content, count)
        assert back[:5] == record[:5] and back.logits.tolist() == logits.tolist()
        assert Record.size(count) % ALIGNMENT == 0


_CONTRACT_BITS = {limits.CONTEXT_BITS, limits.CONTEXT_BITS + 32, limits.CONTEXT_BITS + 64}  # alone, in a tag, a header
_CONTRACT_SIZES = _CONTRACT_BITS | {limits.STREAMS, limits.DESCRIPTORS, limits.IN_CORE, limits.RECORDS}
_BEATS = {beats for bursts in limits.BURSTS.values() for beats in bursts}
_ERROR_BITS = max(value for name, value in vars(reg.Error).items() if name.isupper()).bit_length()


def _any(numbers: set[int]) -> str:
    return "|".join(map(str, sorted(numbers)))


IN_HARDWARE = {
    "part of a word": r"(?i)\b\w*(?:ctx|context|(?:queued|frame|done)_tag|WriteData)\w*\s*\[\s*\d+",
    "width of a word": r"(?i)\[\s*\d+\s*:\s*\d+\s*\]\s+(?:\w+,\s*)*\w*(?:ctx|context|tag|error|irq)\w*",
    "width of the errors": rf"\b{_ERROR_BITS}'[(bhd]",
    "limit": r"\b\w*(?:SLOTS|DESCRIPTORS|RECORDS|STREAMS|IN_CORE|AXI_\w*BURST)\s*(?:[<>!=]=|[<>=])\s*"
    rf"(?:{_any(_CONTRACT_SIZES | {limits.STREAMS - 1} | _BEATS)})\b(?!')",
    "bytes": r"\bRECORD_BYTES\s*!?=\s*\d{2,}|\bBEAT\s*=\s*\d",
    "bits of a tag": rf"\bTAG_BITS\s*=\s*(?:{_any(_CONTRACT_BITS)})\b",
    "size of an instance": rf"\.(?:WIDTH|DEPTH|TAG_BITS|DESCRIPTOR_SLOTS)\(\s*(?:{_any(_CONTRACT_SIZES)})\s*\)",
    "size of a record": r"\b16 \+ \d+\*.*LOGITS",
    "mask": r"0x7[fF]\b|0x80\b|7'h7[fF]\b|8'h(?:7[fF]|80)\b",
    "shift": r"(?:<<|>>) 7\b",
}
"""How SystemVerilog and C++ would write what the packages and the harness's definitions have."""


@pytest.mark.parametrize(
    "line",
    [
        "wire  clear = s_ctx_tdata[7];",
        "wire  in_range = 32'(s_ctx_tdata[6:0]) < STREAMS;",
        "assign descriptor_context = WriteData[7:0];",
        ".info_context(done_tag[39:32])",
        "input  wire  [ 7:0]  info_context,",
        "input  wire  [14:0]  error,",
        "logic [14:0]  Error;",
        "logic [ 2:0]  IrqStatus;",
        "wire [7:0]  in_flight, ctx_tdata;",
        f"wire [14:0]  config = {_ERROR_BITS}'(write) << 9;",
        "localparam int unsigned  SLOTS = 16;",
        "if(STREAMS > 128)",
        "parameter int unsigned  AXI_MAX_BURST = 16,",
        "if(chip_config_pkg::AXI_MAX_BURST > 16)",
        "parameter int unsigned  RECORD_BYTES = 32",
        "if(RECORD_BYTES != 16 + 8*((OUTPUT_LOGITS+1)/2))",
        "parameter int unsigned  TAG_BITS = 40",
        "lutram_fifo #(.WIDTH(72), .DEPTH(4)) headers (",
        "lutram_fifo #(.WIDTH(W), .DEPTH(16)) contexts (",
        "constexpr uint32_t BEAT = 8;",
        "uint8_t stream = context & 0x7f;",
        "bool clear = context >> 7;",
    ],
)
def test_what_hardware_spells_out_is_found(line: str) -> None:
    assert any(re.search(pattern, line) for pattern in IN_HARDWARE.values()), line


def test_no_hardware_spells_it_out() -> None:
    made = {"context_pkg.sv", "chip_pkg.sv"}
    files = [path for folder in ("hw", "sim") for path in sorted((ROOT / folder).rglob("*"))]
    files = [path for path in files if path.suffix in {".sv", ".v", ".cpp", ".h"} and path.name not in made]
    files += [ROOT / "hw" / name for name in ("core.py", "stitch.py")]  # they write SystemVerilog
    found = [
        f"{path.relative_to(ROOT)}:{number}: {what}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for what, pattern in IN_HARDWARE.items()
        if re.search(pattern, line)
    ]
    assert len(files) > 50
    assert not found, "\n".join(found)


def test_limits_are_those_of_the_registers() -> None:
    assert limits.RECORDS >= limits.DESCRIPTORS, "a full queue must find room"
    assert reg.DescriptorContext.STREAM.of(0xFFFF_FFFF) == limits.STREAMS - 1
    assert (reg.DescriptorContext.STREAM | reg.DescriptorContext.CLEAR).bit_length() == limits.CONTEXT_BITS


def test_a_record_s_size_is_that_of_the_rtl() -> None:
    """Evaluated, not compared as text."""
    text = (ROOT / "hw" / "rtl" / "chip_pkg.sv").read_text()
    (formula,) = re.findall(r"record_bytes = (.*?);", text, re.DOTALL)
    (header,) = re.findall(r"typedef struct packed \{([^}]*)\} record_header_t;", text)
    widths = [int(high) + 1 for high in re.findall(r"^\t\tlogic \[(\d+):0\]", header, re.MULTILINE)]
    numbers = dict(re.findall(r"(RECORD_\w+) = (\d+);", text))
    numbers["$bits(record_header_t)"] = str(sum(widths) + limits.CONTEXT_BITS)
    for name, number in numbers.items():
        formula = formula.replace(name, number)
    for logits in range(1, 40):
        assert Record.size(logits) == eval(
            " ".join(re.sub(r"\blogits\b", str(logits), formula).replace("/", "//").split())
        )
