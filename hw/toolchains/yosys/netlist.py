# SPDX-License-Identifier: BSD-3-Clause
"""A netlist as Yosys writes it in JSON (`write_json`), as far as it is read here."""

import json
from pathlib import Path
from typing import NotRequired, TypedDict

Bits = list[int | str]
"""What is at each bit of a port or net: a net's number, or a constant, "0", "1", "x" or "z"."""


class Port(TypedDict):
    """A port of a module; `direction`: input, output or inout; `offset`: the number of its lowest bit, where not 0."""

    direction: str
    bits: Bits
    offset: NotRequired[int]


class Net(TypedDict):
    """A name of the sources for nets."""

    bits: Bits
    offset: NotRequired[int]


class Cell(TypedDict):
    """An instance: its `parameters` are strings, numbers among them as bits; its ports by name."""

    type: str
    parameters: dict[str, str]
    port_directions: dict[str, str]
    connections: dict[str, Bits]


class Module(TypedDict):
    """A module; all by name."""

    ports: dict[str, Port]
    cells: dict[str, Cell]
    netnames: dict[str, Net]


class File(TypedDict):
    """What a file holds."""

    modules: dict[str, Module]


def read(path: Path) -> File:
    """The netlist in a file."""
    with open(path) as stream:
        content: File = json.load(stream)
    return content
