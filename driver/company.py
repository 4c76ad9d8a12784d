# SPDX-License-Identifier: BSD-3-Clause
"""What accompanies a run: the ways by which it is given another model, and a candidate beside its own."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from shiftcore.driver.control import listening, runs_folder
from shiftcore.driver.mqtt_load import Inbox
from shiftcore.driver.run import Run
from shiftcore.driver.shadow import shadowed
from shiftcore.driver.sinks.mqtt import Broker
from shiftcore.driver.switch import Switch, on_hangup


@contextmanager
def accompanied(run: Run, build: Path, switch: Switch, broker: Broker | None, candidate: Path | None) -> Iterator[None]:
    """Meanwhile SIGHUP, `shiftcore load` and, with a `broker`, MQTT ask `switch` for another model of a run of `build`,
    a folder or an exported model. A `candidate` sees what the run sees, until MQTT gives another, and its report is
    left in the folder shadow/ there. Raises UserError as `Inbox` and `Shadow`."""
    accelerator, say = run.accelerator, run.say
    with ExitStack() as stack:
        candidates = stack.enter_context(shadowed(candidate, run, runs_folder(build).with_name("shadow")))
        if broker is not None:
            stack.enter_context(closing(Inbox(broker, accelerator.build, switch.ask, candidates, say)))
        stack.enter_context(listening(runs_folder(build), switch.ask, say))
        stack.enter_context(on_hangup(switch))
        yield
