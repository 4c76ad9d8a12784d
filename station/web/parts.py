# SPDX-License-Identifier: BSD-3-Clause
"""What the station is made of, for whatever answers a request."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shiftcore import __version__
from shiftcore.station.accounts import Accounts
from shiftcore.station.database import Database
from shiftcore.station.files import Incoming, Store
from shiftcore.station.intake import Intake
from shiftcore.station.jobs import Jobs
from shiftcore.station.rollout import Rollouts
from shiftcore.station.task import Task

HERE = Path(__file__).parent


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["version"] = __version__
    made.filters["time"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S}" if at else ""
    made.filters["percent"] = lambda score: f"{100 * score:.0f} %"
    return made


@dataclass
class Parts:
    """The station's parts, in the folder `state`, in the process `number` of those that it has. `closing`: it is about
    to end, and what would answer for ever is not to."""

    database: Database
    store: Store
    accounts: Accounts
    intake: Intake
    state: Path
    task: Task
    jobs: Jobs
    rollouts: Rollouts
    number: int = 0
    closing: bool = False
    templates: Environment = field(default_factory=_environment)

    def page(self, template: str, status: int = 200, /, **values: object) -> HTMLResponse:
        """A page of the template TEMPLATE.html."""
        return HTMLResponse(self.templates.get_template(f"{template}.html").render(values), status)

    def keep_picture(self, board: int, camera: str, incoming: Incoming) -> None:
        """A camera's last picture has come; the one before goes. Raises WrongFileError, RefusedError and OSError."""
        if left := self.intake.picture(board, camera, incoming.keep()):
            self.store.remove(left)


def parts(request: Request) -> Parts:
    """Those of the station that a request came to."""
    return cast(Parts, request.app.state.parts)
