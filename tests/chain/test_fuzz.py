"""The fuzzer itself, and the networks that once went wrong."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shiftcore import cli
from shiftcore.errors import UserError
from shiftcore.flow import fuzz
from shiftcore.quant.preset import parse_preset

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_once_went_wrong(path: Path, tmp_path: Path) -> None:
    result = fuzz.attempt(json.loads(path.read_text()), tmp_path / "log")
    assert result["outcome"] != "failed", (tmp_path / "log").read_text()


def test_every_seed_draws_a_network_that_a_preset_can_say() -> None:
    shapes = {json.dumps(parse_preset(fuzz.draw(seed)["preset"], "case").network.model_dump()) for seed in range(300)}
    assert len(shapes) > 290


def test_a_seed_always_draws_the_same() -> None:
    assert fuzz.draw(7) == fuzz.draw(7)


def refuse(_case: dict[str, Any], _console: object) -> dict[str, Any]:
    raise UserError("too wide")


def differ(_case: dict[str, Any], _console: object) -> dict[str, Any]:
    raise AssertionError("frame 3: reference [1], RTL [2]")


def die(_case: dict[str, Any], _console: object) -> dict[str, Any]:
    os._exit(11)


def hang(_case: dict[str, Any], _console: object) -> dict[str, Any]:
    time.sleep(600)
    return {}


@pytest.mark.parametrize(
    ("check", "outcome", "detail"),
    [
        (lambda _case, _console: {"latency": 5}, "equal", None),
        (refuse, "refused", "too wide"),
        (differ, "failed", "AssertionError: frame 3: reference [1], RTL [2]"),
        (die, "failed", "the process died, exit code 11"),
        (hang, "failed", "no end after 1 s"),
    ],
)
def test_what_is_kept_of_a_case(
    check: Any, outcome: str, detail: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "work_folder", lambda: tmp_path)
    monkeypatch.setattr(fuzz, "check", check)
    monkeypatch.setattr(fuzz, "CASE_LIMIT_S", 1)
    app = fuzz.typer.Typer()
    app.command()(cli.command(fuzz.main))
    done = CliRunner().invoke(app, ["--networks", "1", "--seed", "5"])
    assert done.exit_code == (outcome == "failed")
    history = json.loads((tmp_path / "history.jsonl").read_text())
    assert (history["seed"], history["outcome"], history.get("detail")) == (5, outcome, detail)
    kept = tmp_path / "fuzz-5.json"
    assert kept.is_file() == (outcome == "failed")
    if kept.is_file():
        assert json.loads(kept.read_text())["preset"] == fuzz.draw(5)["preset"]
