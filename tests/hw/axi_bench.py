# SPDX-License-Identifier: BSD-3-Clause
"""What the benches of the DMA's engines share: many instances under one top, a clock made by the bench, memory."""

import json
import os
import random
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cocotb
from cocotb.triggers import Timer
from cocotb.types import Logic

from shiftcore.artifacts import build_folder, write_json
from shiftcore.hw.formal import block
from shiftcore.hw.netlist import implementation
from shiftcore.sim import cocotb_runner
from tests.checkout import ROOT

RTL = ROOT / "hw" / "rtl"
SEED = 4

Ports = list[tuple[str, str, int]]
"""Direction ("input" or "output"), name and bits of each port."""


@dataclass
class Mutant:
    """A fault put into a copy of our RTL: in `file`, `old` becomes `new`. A bench has to notice it."""

    name: str
    file: str
    old: str
    new: str

    def write(self, files: Sequence[str], folder: Path) -> list[Path]:
        """Copies of `files`, one of them with the fault, all modules renamed to `<module>_<name>`."""
        modules = [Path(file).stem for file in files]
        paths = []
        for file in files:
            text = (RTL / file).read_text()
            if file == self.file:
                text = block.Mutant(self.name, self.old, self.new).of(text)
            for module in modules:
                text = re.sub(rf"\b{module}\b", f"{module}_{self.name}", text)
            paths.append(folder / f"{Path(file).stem}_{self.name}.sv")
            paths[-1].write_text(text)
        return paths


@dataclass
class Instance:
    """One module under test: `name` is the prefix of its ports, `parameters` its own."""

    name: str
    module: str
    parameters: dict[str, int] = field(default_factory=dict)


def write_top(path: Path, instances: Sequence[Instance], ports: Callable[[dict[str, int]], Ports]) -> None:
    """A top named as `path` with every port of every instance, so that each can be clocked alone."""
    outer, inner = [], []
    for one in instances:
        listed = ports(one.parameters)
        outer += [f"{way} wire [{bits - 1}:0] {one.name}_{name}" for way, name, bits in listed]
        values = ", ".join(f".{key}({value})" for key, value in one.parameters.items())
        pins = ", ".join(f".{name}({one.name}_{name})" for _, name, _ in listed)
        inner.append(f"    {one.module} #({values}) {one.name} ({pins});")
    path.write_text(
        f"module {path.stem} (\n    " + ",\n    ".join(outer) + "\n);\n" + "\n".join(inner) + "\nendmodule\n"
    )


def simulate(
    module: str,
    files: Sequence[str],
    instances: Sequence[Instance],
    mutants: Sequence[tuple[dict[str, int], Mutant]],
    ports: Callable[[dict[str, int]], Ports],
    netlist: bool = False,
) -> int:
    """Build one simulator of `instances` and `mutants` (each with its parameters) of `module`, whose RTL is `files`, or
    of what is synthesized of them; run the tests of tests.hw.<module>_cocotb there and return how many ran. Raises
    sim.cocotb_runner.BenchError.
    """
    folder = build_folder() / "tests" / (f"{module}_netlist" if netlist else module)
    folder.mkdir(parents=True, exist_ok=True)
    faulty = [Instance(f"m{k}", f"{module}_{one.name}", values) for k, (values, one) in enumerate(mutants)]
    plan = {"seed": SEED, "instances": list(map(asdict, instances)), "mutants": list(map(asdict, faulty))}
    write_json(folder / "plan.json", plan)
    top = folder / f"{module}_bench.sv"
    write_top(top, [*instances, *faulty], ports)
    sources = [RTL / file for file in files]
    sources += [path for _, one in mutants for path in one.write(files, folder)]
    sources.append(top)
    if netlist:
        sources = [implementation(folder / "synthesis")(sources, top.stem)]
    cocotb_runner.build(top.stem, sources, folder, ["-Wno-lint"])
    print(f"seed {SEED}")
    variables = {"AXI_PLAN": str(folder / "plan.json")}
    return cocotb_runner.run(top.stem, f"tests.hw.{module}_cocotb", folder, variables, SEED)


TABLE = random.Random(4).randbytes(65521)


def content(address: int, count: int) -> bytes:
    """What memory holds in `count` bytes from `address` on, before anything was written: no two pages are alike."""
    start = address % len(TABLE)
    return (TABLE[start : start + count] + TABLE * (count // len(TABLE) + 1))[:count]


class Bench:
    """The pins of one instance and its clock. A subclass says in `drive` what the bench puts on the inputs after an
    edge, and in `sample` what it makes of the settled signals before the next one.
    """

    def __init__(self, dut: Any, instance: Instance, ports: Ports, rng: random.Random) -> None:
        self.about = f"{instance.module} {instance.parameters}"
        self.parameters, self.rng, self.cycle = instance.parameters, rng, 0
        self.pins = SimpleNamespace(**{name: getattr(dut, f"{instance.name}_{name}") for _, name, _ in ports})
        self._driven: dict[str, int] = {}
        for way, name, _ in ports:
            if way == "input":
                self.set(name, 0)

    def set(self, name: str, value: int) -> None:
        """Put `value` on an input."""
        if self._driven.get(name) != value:
            self._driven[name] = value
            getattr(self.pins, name).value = value

    def get(self, name: str) -> int:
        """The settled value of an output."""
        value = getattr(self.pins, name).value
        return int(value) if isinstance(value, Logic) else int(value.to_unsigned())  # a netlist's port of one bit

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def drive(self) -> None:
        """Set the inputs of this cycle."""
        raise NotImplementedError

    def sample(self) -> None:
        """Look at the settled signals."""
        raise NotImplementedError

    async def edge(self) -> None:
        """One clock cycle in which nobody looks."""
        await Timer(1, "ns")
        self.pins.clk.value = 1
        await Timer(1, "ns")
        self.pins.clk.value = 0

    async def reset(self) -> None:
        """Three cycles of reset."""
        self.set("rst_n", 0)
        for _ in range(3):
            await self.edge()
        self.set("rst_n", 1)

    async def step(self) -> None:
        """One clock cycle."""
        self.drive()
        await Timer(1, "ns")
        self.sample()
        self.pins.clk.value = 1
        await Timer(1, "ns")
        self.pins.clk.value = 0
        self.cycle += 1

    async def until(self, condition: Callable[[], bool], limit: int, what: str) -> None:
        """Step until `condition` holds. Raises AssertionError after `limit` cycles."""
        for _ in range(limit):
            if condition():
                return
            await self.step()
        raise AssertionError(f"{self.about}: not {what} within {limit} cycles")

    def check(self, condition: bool, what: str) -> None:
        """Raise AssertionError with the place in simulation unless `condition` holds."""
        assert condition, f"{self.about}, cycle {self.cycle}: {what}"


class Stable:
    """AXI's rule for one channel: once valid, it stays and does not change until it was ready."""

    def __init__(self, bench: Bench, prefix: str, valid: str, ready: str, signals: Sequence[str]) -> None:
        self._bench, self._prefix, self._valid, self._ready, self._signals = bench, prefix, valid, ready, signals
        self._held: tuple[int, ...] | None = None

    def sample(self) -> tuple[bool, bool, tuple[int, ...]]:
        """Whether something new is offered, whether it is transferred, and the signals (empty when not valid)."""
        if not self._bench.get(self._valid):
            self._bench.check(self._held is None, f"{self._prefix}: valid fell before ready")
            return False, False, ()
        values = tuple(self._bench.get(name) for name in self._signals)
        new = self._held is None
        self._bench.check(new or self._held == values, f"{self._prefix}: changed before ready")
        ready = bool(int(getattr(self._bench.pins, self._ready).value))
        self._held = None if ready else values
        return new, ready, values

    def forget(self) -> None:
        """What was offered need not stay: the stream is being stopped."""
        self._held = None


def any_address(rng: random.Random, bytes_needed: int, low: int, high: int) -> int:
    """An address in [low, high - bytes_needed]: any alignment, often close to 4 KB, or at one of the two ends."""
    last = high - bytes_needed
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(
            (low, last, low + rng.randint(0, min(8, last - low)), last - rng.randint(0, min(8, last - low)))
        )
    address = rng.randint(low, last)
    if kind == 1:
        address = (address & ~0xFFF) + rng.randint(-16, 16) - rng.choice((0, bytes_needed))
    return min(max(address, low), last)


Scenario = Callable[[Any], Coroutine[Any, Any, None]]
"""What happens to an instance, given its bench."""

PLAN = json.loads(Path(os.environ.get("AXI_PLAN", os.devnull)).read_text() or "{}")
INSTANCES = [Instance(**one) for one in PLAN.get("instances", [])]
MUTANTS = [Instance(**one) for one in PLAN.get("mutants", [])]


async def play(dut: Any, make: Callable[..., Bench], instance: Instance, scenario: Scenario) -> None:
    """One scenario on one instance, from reset."""
    bench = make(dut, instance, random.Random(f"{PLAN['seed']} {instance.name} {scenario.__name__}"))
    await bench.reset()
    await scenario(bench)


async def play_all(dut: Any, make: Callable[..., Bench], scenario: Scenario) -> None:
    """One scenario on all instances, one after the other."""
    for instance in INSTANCES:
        await play(dut, make, instance, scenario)


async def catch_mutants(dut: Any, make: Callable[..., Bench], scenarios: Sequence[Scenario]) -> None:
    """All scenarios on each mutant until one notices it. Raises AssertionError for a mutant that passes them all."""
    for mutant in MUTANTS:
        for scenario in scenarios:
            try:
                await play(dut, make, mutant, scenario)
            except AssertionError as caught:
                cocotb.log.info(f"{mutant.module}: {scenario.__name__}: {caught}")
                break
        else:
            raise AssertionError(f"{mutant.module} passes every scenario")
