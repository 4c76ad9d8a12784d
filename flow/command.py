# SPDX-License-Identifier: BSD-3-Clause
"""The `shiftcore` command: one sub-command for each thing a user does, each imported when it is asked for.

A board has NumPy and no torch, and `shiftcore --help` must answer at once; so the table below says where each
sub-command is and what it does, and nothing else is imported before one is chosen.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from shiftcore import __version__, cli


@dataclass(frozen=True)
class Entry:
    """A sub-command: the `module:function` below `shiftcore` that it runs, and its line in the help."""

    target: str
    help: str


PANELS: dict[str, dict[str, Entry]] = {
    "Watch": {
        "run": Entry("driver.commands:run", "Run videos or cameras through the accelerator, with alarms."),
        "serve": Entry("driver.commands:serve", "Take cameras that other machines decode, shrink and send."),
        "feed": Entry("driver.feeding.commands:feed", "Decode cameras here and send what a board's network takes."),
        "station": Entry("station.command:main", "Take events and clips of many boards, and show them for review."),
        "install-service": Entry("driver.service.install:main", "Write a systemd unit that runs a site file."),
        "calibrate": Entry("driver.calibrate:main", "Set a camera's threshold by what it shows, unlabelled."),
        "load": Entry("driver.load:main", "Give a build and its runs another model; no frame is lost."),
        "selftest": Entry("driver.commands:selftest", "Check a chip: identity, registers, known frames, errors."),
        "certify": Entry("driver.certify.command:main", "Show all that a board can show, in one sealed file."),
        "replay": Entry("driver.replay:main", "Run frames again on which chip and reference differed."),
    },
    "Learn": {
        "synthesize": Entry("flow.synthesize:main", "Write drawn videos of fights and calm scenes, to learn from."),
        "data-report": Entry("flow.data_report:main", "Say what is in a folder of videos, and what gives it away."),
        "qat": Entry("quant.train:main", "Train a preset: float first, then quantization-aware."),
        "crossval": Entry("flow.crossval:main", "Score a recipe on unseen sources; then train it on everything."),
        "search": Entry("flow.search:main", "Search a better recipe on the folds of a data set."),
        "evaluate": Entry("flow.evaluate:main", "Say how good a preset is on videos: figures and a report."),
        "alarms": Entry("flow.alarms:main", "Count false alarms an hour and events found on whole videos."),
        "why": Entry("flow.why:main", "Say whether an alarm's evidence lies where drawn fighters are."),
        "compare": Entry("flow.compare:main", "Train TSN, bi-directional TSM and SlowFast beside a preset."),
        "temporal": Entry("flow.temporal:main", "Measure what the shift is worth where the order of time decides."),
        "adapt": Entry("flow.adapt:run", "Fine-tune a preset on your videos; keep the result if it is better."),
        "rollback": Entry("flow.adapt:rollback", "Put the weights before the last adaptation back."),
        "versions": Entry("flow.adapt:list_versions", "List the versions of a preset's weights."),
    },
    "Build": {
        "export": Entry("quant.export:main", "Write a preset's QONNX and its integer model."),
        "compile": Entry("flow.build:main", "Compile a network to RTL, each step verified against the one before."),
        "estimate": Entry("flow.estimate:main", "Say what a compiled network costs on a board, layer by layer."),
        "timing": Entry("flow.timing:main", "Say how fast a compiled network can be clocked: its slowest paths."),
        "bitstream": Entry("flow.bitstream:main", "Build a bitstream with Vivado, or with open tools."),
        "deploy": Entry("flow.deploy:main", "Pack one archive for a board: driver, model, packages, bitstream."),
        "registers": Entry("hw.contract:main", "Write what is made from chip and driver's contract, hw/chip.toml."),
        "dry-run": Entry("hw.toolchains.vivado.dryrun:main", "Run Vivado's scripts without Vivado, in tclsh."),
    },
    "Verify": {
        "demo": Entry("flow.demo:main", "A video through driver and simulated chip, every logit compared."),
        "trace": Entry("flow.trace:main", "Compare every layer of the RTL with the reference."),
        "soak": Entry("flow.soak:main", "Thousands of frames through the whole simulated chip, with resets."),
        "fuzz": Entry("flow.fuzz.__main__:main", "Random networks through compile, reference and RTL."),
        "formal": Entry(
            "hw.formal.__main__:main", "Prove the properties of the RTL blocks; show that proofs find faults."
        ),
        "bench": Entry("flow.bench:main", "Measure everything; writes build/bench/report.json."),
        "zoo": Entry("flow.zoo:main", "Networks that others wrote: compile, simulate, synthesize each."),
        "lint-rtl": Entry("hw.lint:main", "Lint the RTL with Verilator."),
    },
}


class Deferred(TyperCommand):
    """A sub-command that is imported when it is run, or when its own help is asked for."""

    def __init__(self, name: str, entry: Entry, panel: str) -> None:
        super().__init__(name, help=entry.help, rich_help_panel=panel)
        self._entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command, which then runs in this one's place."""
        return self.load().make_context(info_name, args, parent, **extra)

    def load(self) -> Any:
        """The command itself, with its options."""
        module, function = self._entry.target.split(":")
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(self.name)(cli.command(getattr(import_module(f"shiftcore.{module}"), function)))
        return typer.main.get_command(app)


class Commands(TyperGroup):
    """The sub-commands of `PANELS`, in that order."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Their names."""
        return [name for entries in PANELS.values() for name in entries]

    def get_command(self, _ctx: Any, cmd_name: str) -> Deferred | None:
        """The one called `cmd_name`, not yet imported; None where there is none."""
        for panel, entries in PANELS.items():
            if cmd_name in entries:
                return Deferred(cmd_name, entries[cmd_name], panel)
        return None


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"shiftcore {__version__}")
        raise typer.Exit


@app.callback(help="From videos to a bit-exact action recogniser in RTL, and from cameras to alarms.")
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Say the version."),
) -> None:
    del version


def main() -> None:
    """Run the command line. A reader of its output that goes away ends it quietly."""
    try:
        app(prog_name="shiftcore")
    except BrokenPipeError:
        sys.stderr.close()
