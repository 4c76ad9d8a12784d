# SPDX-License-Identifier: BSD-3-Clause
"""All SystemVerilog in one style and one stream dialect, as docs/rtl-style.md has them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shiftcore.hw.formal.block import is_properties
from tests.checkout import ROOT

FILES = [path for folder in ("hw", "examples") for path in sorted((ROOT / folder).rglob("*.sv"))]
CHECKERS = ROOT / "hw" / "formal"
"""Modules that watch a stream of either side, whose ports therefore have no side's prefix."""


def _way(side: str, answer: str | None, signal: str) -> str:
    """The direction of a stream's port; AXI's B and R channels come back from the other side."""
    return "input" if (side == "s") ^ bool(answer) ^ (signal == "ready") else "output"


def _code(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def ports(text: str) -> list[tuple[str, str]]:
    """Direction and name of each port of the file's module."""
    header = re.search(r"^module\b.*?\n\);", _code(text), re.DOTALL | re.MULTILINE)
    return re.findall(r"\b(input|output)\b[^,\n]*?\b(\w+)[ \t]*(?=,|\n)", header[0]) if header else []


def assigned(text: str) -> Iterator[str]:
    """The variables that `<=` writes: those that stand where a statement begins."""
    code = _code(text)
    for found in re.finditer("<=", code):
        head, last = code[: found.start()].rstrip(), ""
        while head != last:  # element, slice and field
            last = head
            if head.endswith("]"):
                depth = 0
                for index in reversed(range(len(head))):
                    depth += {"]": 1, "[": -1}.get(head[index], 0)
                    if depth == 0:
                        head = head[:index]
                        break
            head = re.sub(r"\.\w+$", "", head)
        name = re.search(r"\w+$", head)
        if name and re.search(r"([;):]|\b(begin|else|end))$", head[: name.start()].rstrip()):
            yield name[0]


def indented_by_blanks(text: str, _path: Path) -> list[str]:
    return re.findall(r"^ +\S.*", text, re.MULTILINE)


def blank_before_a_parenthesis(text: str, _path: Path) -> list[str]:
    return re.findall(r"\b(?:if|for|case|while|repeat) +\(.*", _code(text))


def end_without_its_name(text: str, _path: Path) -> list[str]:
    begun, ended = (sorted(re.findall(rf"\b{word} *: *(\w+)", _code(text))) for word in ("begin", "end"))
    bare = re.findall(r"\bend(?:module|package|function|task)\b(?! : \w)", _code(text))
    return bare + [name for name in begun if begun.count(name) != ended.count(name)]


def name_in_another_case(text: str, _path: Path) -> list[str]:
    own = {name for _, name in ports(text)}
    constants = re.findall(r"\blocalparam\b[^;=]*?(\w+)(?:\[[^=]*\])? *=", _code(text))
    return [name for name in constants if not re.fullmatch("[A-Z][A-Z0-9_]*", name)] + [
        name for name in assigned(text) if name not in own and not re.fullmatch("[A-Z][A-Za-z0-9]*", name)
    ]


def other_reset(text: str, _path: Path) -> list[str]:
    named = [name for _, name in ports(text) if re.search(r"(^|_)rst(_|$)|^[an]*re?se?tn?$", name)]
    return [name for name in named if not re.fullmatch(r"(\w+_)?rst_n", name)]


def other_stream(text: str, path: Path) -> list[str]:
    found = []
    for way, name in ports(text):
        if CHECKERS in path.parents or not re.search(r"(valid|vld|ready|rdy|data|dat)$", name):
            continue
        stream = re.fullmatch(r"([sm])(?:_axil?_(?:aw|ar|w|(b|r))|(?:_\w+)?_t)(valid|ready|data)", name)
        if stream is None or (not is_properties(path) and _way(*stream.groups()) != way):
            found.append(name)
    return found


def message_without_its_place(text: str, _path: Path) -> list[str]:
    return re.findall(r"\$error\((?!\"%m: ).*", _code(text))


def parameters_unchecked(text: str, path: Path) -> list[str]:
    checker = is_properties(path) or CHECKERS in path.parents
    return [] if checker or not re.search(r"\bparameter\b", _code(text)) or "$error(" in text else [path.stem]


def other_module(text: str, path: Path) -> list[str]:
    names = re.findall(r"^(?:module|package) (\w+)", _code(text), re.MULTILINE)
    return [] if names == [path.stem] and "\n`default_nettype none\n" in text else [path.stem]


def _with_port(way: str, name: str) -> str:
    return f"module x (\n\tinput  wire  clk,\n\t{way}  wire [7:0]  {name}\n);"


RULES: dict[Callable[[str, Path], list[str]], list[str]] = {
    indented_by_blanks: ["    wire  a;"],
    blank_before_a_parenthesis: ["\tif (a)  b <= c;", "\tfor (genvar  i = 0; i < 3; i++)"],
    end_without_its_name: ["endmodule\n", "endfunction\n", "begin : genLane\nend\n", "begin : a\nend : b\n"],
    name_in_another_case: [
        "localparam int unsigned  WordBits = 3;",
        "always_ff @(posedge clk)  seen[stream[3:0]] <= 1'b1;",
        "else if(a <= B)  word.low <= '0;",
        "module x (\n\tinput  wire  clk\n);\n\tbegin clk2 <= clk; end",
    ],
    other_reset: [_with_port("input", name) for name in ("rst", "aresetn", "rst_p", "nrst")],
    other_stream: [
        *(_with_port("input", name) for name in ("in_valid", "idat", "ivld", "s_data", "record_valid", "data")),
        *(_with_port("input", name) for name in ("m_tvalid", "s_ctx_tready", "m_axi_awvalid", "s_axil_bvalid")),
        *(_with_port("output", name) for name in ("s_tvalid", "m_core_tready", "m_axi_rvalid")),
    ],
    message_without_its_place: ['$error("x: N = %0d", N);'],
    parameters_unchecked: ["module x #(\n\tparameter int unsigned N\n)(\n);"],
    other_module: ["`default_nettype none\nmodule y;", "\nmodule x;", "\n`default_nettype none\nmodule x;\nmodule z;"],
}
"""Each rule with lines that break it."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_breach_is_found(rule: Callable[[str, Path], list[str]]) -> None:
    for text in RULES[rule]:
        assert rule(text, ROOT / "hw" / "rtl" / "x.sv"), text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_keeps_every_rule(path: Path) -> None:
    text = path.read_text()
    assert ports(text) or re.search(r"^package|^module \w+;", text, re.MULTILINE)
    for rule in RULES:
        assert rule(text, path) == [], rule.__name__
