# SPDX-License-Identifier: BSD-3-Clause
"""Secrets of a site: where they come from, and how they are kept out of what is said."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from shiftcore.driver.address import HIDDEN

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
SHORTEST = 4  # shorter ones stand in many a word


@dataclass
class Secrets:
    """Values that stand for ${NAME} in a site file, by their names: of the environment, and of the file at `source`.
    `used`: those that were."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    source: str = ""
    used: set[str] = field(default_factory=set, repr=False)

    def read(self, path: Path, mistakes: list[str]) -> None:
        """Take those of a file of lines NAME=VALUE in; a value may stand in quotes, and `#` begins a comment. What is
        wrong with it is a line in `mistakes`: one that others than its owner may read, too."""
        self.source = str(path)
        try:
            if path.stat().st_mode & 0o077:
                mistakes.append(f"secrets: {path} may be read by others; chmod 600 {path}")
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(f"secrets: {path} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}")
            return
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                mistakes.append(f"secrets: {path}, line {number}: not NAME=VALUE")
                continue
            value = found[2]
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            self.values[found[1]] = value[1:-1] if quoted else value

    def fill(self, text: str, key: str, mistakes: list[str]) -> str:
        """`text`, which stands at `key`, with the values of its ${NAME}; in an address they are %-escaped. One that is
        not known is a line in `mistakes`."""

        def value(found: re.Match[str]) -> str:
            name = found[1]
            known = os.environ.get(name, self.values.get(name))
            if known is None:
                where = f"in the environment nor in {self.source}" if self.source else "in the environment"
                mistakes.append(f"{key}: ${{{name}}} is {'neither' if self.source else 'not'} {where}")
                return ""
            self.used.add(known)
            return quote(known, safe="") if "://" in text else known

        return _NAME.sub(value, text)

    def hide(self, text: str) -> str:
        """`text` without any of those that are used."""
        return hidden(text, self.used)


def hidden(text: str, secrets: Iterable[str]) -> str:
    """`text` without any of `secrets`, as they are or %-escaped."""
    shown = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
    for form in sorted((form for form in shown if len(form) >= SHORTEST), key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text
