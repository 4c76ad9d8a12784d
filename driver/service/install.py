# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore install-service site.toml`: a unit that lets systemd run a site."""

from pathlib import Path
from typing import Annotated

import typer

from shiftcore.artifacts import atomic_file
from shiftcore.driver.service.site import read_site
from shiftcore.driver.service.systemd import unit
from shiftcore.errors import UserError

UNITS = Path("/etc/systemd/system")
NAME = "shiftcore.service"


def main(
    site: Annotated[Path, typer.Argument(help="the site file, which is checked first")],
    user: Annotated[str, typer.Option(help="who runs it; default: root, whom a board's chip needs")] = "",
    folder: Annotated[Path, typer.Option(help="where systemd looks for units")] = UNITS,
) -> None:
    """Write a systemd unit that runs a site from the start of the machine on."""
    read_site(site)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; this machine may have no systemd (--folder names another)")
    path = folder / NAME
    with atomic_file(path) as temporary:
        temporary.write_text(unit(site, user))
        temporary.chmod(0o644)
    print(f"{path}: written; now `systemctl daemon-reload && systemctl enable --now {path.stem}`")
