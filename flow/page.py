# SPDX-License-Identifier: BSD-3-Clause
"""The pages and cards that commands leave: one of the templates beside this module, filled in."""

from pathlib import Path

import jinja2

from shiftcore.artifacts import atomic_file


def write(path: Path, template: str, **values: object) -> None:
    """Fill in the file called `template` and write it to `path`, atomically. What goes into HTML is escaped. Raises
    jinja2.UndefinedError for a name of the template's that has no value."""
    text = Path(__file__).with_name(template).read_text()
    html = template.endswith(".html")
    page = jinja2.Template(text, autoescape=html, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    with atomic_file(path) as temporary:
        temporary.write_text(page.render(**values))
