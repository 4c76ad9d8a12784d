# SPDX-License-Identifier: BSD-3-Clause
"""What somebody else's machine showed, in one form: sections of JSON, sealed in a chain of digests.

`shiftcore certify` writes one on a board, `make bitstream` one of what Vivado reports. The seal shows that nothing was
changed since; who wrote it shows a signature beside it, by an SSH key (`sign`).
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shiftcore import __version__, process
from shiftcore.artifacts import without_nan, write_json
from shiftcore.errors import UserError

FORMAT, VERSION = "shiftcore-certificate", 1
NAMESPACE = "shiftcore-certificate"
"""What a signature is for, as `ssh-keygen -Y` names it."""


def write(path: Path, kind: str, sections: Mapping[str, object]) -> None:
    """Write the sections, in their order, with their seal. `kind`: what they are of, `board`, `rehearsal`
    (the same without a board) or `vivado`."""
    plain: dict[str, Any] = without_nan(dict(sections))
    head = {"format": FORMAT, "version": VERSION, "kind": kind, "shiftcore": __version__}
    write_json(path, {**head, "sections": plain, "seal": _seal(head, plain)})


def read(path: Path) -> dict[str, Any]:
    """The certificate in a file. Raises UserError for what is none, and for one that was changed: where."""
    try:
        found = json.loads(path.read_text())
        head = {key: found[key] for key in ("format", "version", "kind", "shiftcore")}
        sections, seal = dict(found["sections"]), dict(found["seal"])
        right = (head["format"], head["version"]) == (FORMAT, VERSION)
    except (OSError, ValueError, KeyError, TypeError):
        right = False
    if not right:
        raise UserError(f"{path}: no certificate of this version; `shiftcore certify` writes one")
    fresh = _seal(head, sections)
    if changed := [name for name in {**fresh, **seal} if fresh.get(name) != seal.get(name)]:
        raise UserError(f"{path}: changed since it was sealed: from section {changed[0]!r} on")
    return dict(found)


def _seal(head: Mapping[str, object], sections: Mapping[str, object]) -> dict[str, str]:
    """SHA-256 by section, each over the one before, its name and its content."""
    link, chain = hashlib.sha256(_bytes(head)).hexdigest(), {}
    for name, content in sections.items():
        link = hashlib.sha256(link.encode() + _bytes([name, content])).hexdigest()
        chain[name] = link
    return chain


def _bytes(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def sign(path: Path, key: Path) -> Path:
    """Sign the file by an SSH private key; returns the signature's file, PATH.sig, for `ssh-keygen -Y verify`. Raises
    UserError where there is no ssh-keygen, or it refuses."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UserError("ssh-keygen: not found; install OpenSSH, or leave --key out")
    signature = path.with_name(f"{path.name}.sig")
    signature.unlink(missing_ok=True)  # else it asks whether to overwrite
    done = process.run([program, "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(path)], timeout=60)
    if done.returncode or not signature.is_file():
        raise UserError(f"ssh-keygen does not sign with {key}: {' '.join(done.stderr.split())}")
    return signature
