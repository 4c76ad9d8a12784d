# SPDX-License-Identifier: BSD-3-Clause
"""Recorded movements: tables and originals give the same arrays."""

from pathlib import Path

import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.quant import mocap, mocap_formats
from shiftcore.quant.mocap import BONES, J
from tests.quant import recorded

PARENTS = {"pelvis": None, "spine": "pelvis", "chest": "spine", "neck": "chest", "head": "neck", "head_top": "head"} | {
    f"{side}_{name}": above if above in ("chest", "pelvis") else f"{side}_{above}"
    for side in "lr"
    for name, above in (
        *[("shoulder", "chest"), ("elbow", "shoulder"), ("wrist", "elbow"), ("hand", "wrist")],
        *[("hip", "pelvis"), ("knee", "hip"), ("ankle", "knee"), ("toe", "ankle")],
    )
}
CHILDREN = {name: [child for child, above in PARENTS.items() if above == name] for name in PARENTS}


def bvh(frames: list[tuple[float, ...]]) -> str:
    """A BVH file of the body of tests.quant.recorded, in cm; a frame is the pelvis' place and the turn of the left
    shoulder about x, in degrees."""
    body = 100 * recorded.body()

    def joint(name: str) -> list[str]:
        above = PARENTS[name]
        offset = body[J[name]] - (body[J[above]] if above else 0)
        words = "OFFSET " + " ".join(f"{value:.6f}" for value in offset)
        channels = "6 Xposition Yposition Zposition " if above is None else "3 "
        kind = "ROOT" if above is None else "JOINT"
        lines = [f"{kind} {BONES[name][1]}", "{", words]
        if BONES[name][1].endswith("End"):
            return ["End Site", "{", words, "}"]
        lines.append(f"CHANNELS {channels}Zrotation Xrotation Yrotation")
        return lines + [line for child in CHILDREN[name] for line in joint(child)] + ["}"]

    moved = [name for name in PARENTS if not BONES[name][1].endswith("End")]
    rows = []
    for *place, turn in frames:
        order = [name for name in _depth_first("pelvis") if name in moved]
        turns = [[0.0, turn if name == "l_shoulder" else 0.0, 0.0] for name in order]
        rows.append(" ".join(str(value) for value in [*place, *np.ravel(turns)]))
    head = ["HIERARCHY", *joint("pelvis"), "MOTION", f"Frames: {len(frames)}", "Frame Time: 0.0166667"]
    return "\n".join(head + rows) + "\n"


def _depth_first(name: str) -> list[str]:
    return [name, *[below for child in CHILDREN[name] for below in _depth_first(child)]]


def asf() -> str:
    """The same body as an ASF, in its unit; every bone's axes are turned a little, which must not matter."""
    body = recorded.body() / mocap_formats.ASF_METRES
    lines = [":units", "  length 0.45", ":root", "  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0"]
    lines += ["  orientation 0 0 0", ":bonedata"]
    for name, above in PARENTS.items():
        if above:
            way = body[J[name]] - body[J[above]]
            long = np.linalg.norm(way)
            direction = " ".join(f"{value:.9f}" for value in way / long)
            lines += ["  begin", f"    name {BONES[name][0]}", f"    direction {direction}", f"    length {long:.9f}"]
            lines += ["    axis 20 -30 10 XYZ" if name != "l_elbow" else "    axis 0 0 0 XYZ"]
            lines += ["    dof rx ry rz" if name == "l_elbow" else "    dof rx", "  end"]
    lines += [":hierarchy", "  begin"]
    lines += [
        f"    {BONES[name][0]} {' '.join(BONES[c][0] for c in CHILDREN[name])}" for name in PARENTS if CHILDREN[name]
    ]
    return "\n".join([*lines, "  end"]) + "\n"


def amc(frames: list[tuple[float, ...]]) -> str:
    """The frames of `bvh`; what turns there at the shoulder is here the bone from there to the elbow."""
    lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, (*place, turn) in enumerate(frames):
        root = " ".join(str(value / 100 / mocap_formats.ASF_METRES) for value in place)
        lines += [str(number + 1), f"root {root} 0 0 0"]
        lines += [
            f"{BONES[name][0]} {f'{turn} 0 0' if name == 'l_elbow' else 0}" for name, above in PARENTS.items() if above
        ]
    return "\n".join(lines) + "\n"


def frames() -> list[tuple[float, ...]]:
    """Sixty a second: the body walks along z and lifts its left arm forward, by half a turn in a second."""
    return [(5.0, 100.0, 30 + 2.0 * frame, -3.0 * frame) for frame in range(61)]


def expected() -> tuple[np.ndarray, np.ndarray]:
    """The same at 30 a second, worked out by hand."""
    pos = np.tile(recorded.body(), (31, 1, 1))
    shoulder = pos[:, J["l_shoulder"]].copy()
    angle = np.radians(-6.0 * np.arange(31))
    for name in ("l_elbow", "l_wrist", "l_hand"):
        y, z = (pos[:, J[name]] - shoulder)[:, 1:].T
        pos[:, J[name], 1] = shoulder[:, 1] + y * np.cos(angle) - z * np.sin(angle)
        pos[:, J[name], 2] = shoulder[:, 2] + y * np.sin(angle) + z * np.cos(angle)
    root = np.stack([np.zeros(31), np.full(31, recorded.HEIGHT), 0.04 * np.arange(31)], 1)
    return pos, root


def test_bvh_and_amc_give_what_the_tables_hold(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "WalkAndWave.bvh").write_text(bvh(frames()))
    (tmp_path / "walk" / "07_01.amc").write_text(amc([frame for frame in frames() for _ in range(2)][:121]))
    (tmp_path / "07.asf").write_text(asf())
    (tmp_path / "index.csv").write_text("name,description\n07_01,walk and wave\n")
    walk, wave = mocap.load(tmp_path)
    assert (wave.category, wave.description, walk.description) == ("walk", "Walk And Wave", "walk and wave")
    pos, root = expected()
    for sequence in (wave, walk):
        assert np.abs(sequence.pos - pos).max() < 1e-4 and np.abs(sequence.root - root).max() < 1e-4, sequence.key


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    sequences = mocap.load(recorded.write(tmp_path / "mocap"))
    assert len(sequences) == sum(map(len, recorded.SEQUENCES.values()))
    run = next(one for one in sequences if one.category == "run")
    assert np.abs(run.root[:, 2] - 3.5 * np.arange(recorded.COUNT) / 30).max() < 1e-5


@pytest.mark.parametrize("angle", [-2.0, 0.3, 1.5])
def test_a_turned_body_faces_as_far_around(angle: float) -> None:
    pos = recorded.body()[None].astype(np.float32)
    assert mocap.facing(pos)[0] == pytest.approx(0)
    assert mocap.facing(mocap.turned(pos, np.float32(angle)))[0] == pytest.approx(angle, abs=1e-5)


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no recorded movements"):
        mocap.load(tmp_path)
    (tmp_path / "walk").mkdir()
    broken = tmp_path / "walk" / "a.bvh"
    broken.write_text("HIERARCHY\nROOT Hips\n")
    with pytest.raises(UserError, match=r"a\.bvh: not a BVH file \(no MOTION\)"):
        mocap_formats.bvh(broken)
    broken.rename(tmp_path / "walk" / "09_01.amc")
    with pytest.raises(UserError, match=r"09_01\.amc: its skeleton, 09\.asf, is not in "):
        mocap.load(tmp_path)
    (tmp_path / "09.asf").write_text("nothing")
    with pytest.raises(UserError, match=r"09\.asf: not an ASF file"):
        mocap_formats.amc(tmp_path / "walk" / "09_01.amc", tmp_path / "09.asf")
    (tmp_path / "npz").mkdir()
    (tmp_path / "npz" / "walk.npz").write_bytes(b"no table")
    with pytest.raises(UserError, match=r"walk\.npz: not a table of recorded movements"):
        mocap.load(tmp_path / "." / "walk" / "..")
