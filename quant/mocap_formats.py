# SPDX-License-Identifier: BSD-3-Clause
"""The originals of recorded movement: BVH, and Acclaim's ASF with AMC, as the public collections give them.

`bvh` and `amc` return where every bone ends; `sequence` makes the joints of quant.mocap of that.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from shiftcore.errors import UserError

# Of the ASF's own unit, as the collection's FAQ says: inches of a skeleton that is scaled by 0.45.
ASF_METRES = 2.54 / 100 / 0.45
ASF_RATE = 120.0  # frames a second of most AMC files, which do not say


@dataclass
class Bone:
    """A bone of a skeleton. `offset`: from its parent's end to its own, in its parent's axes for BVH, in the world's
    for ASF; `channels`: what a frame says of it, in order; `axes`: the rotation of its own axes (ASF)."""

    name: str
    parent: int
    offset: np.ndarray
    channels: list[str] = field(default_factory=list)
    axes: np.ndarray = field(default_factory=lambda: np.eye(3))


@dataclass(frozen=True)
class Ends:
    """Where bones end: `names`, positions in metres, y up, `[N, bones, 3]`, at `rate` a second."""

    names: list[str]
    positions: np.ndarray
    rate: float


def _turns(letters: str, degrees: np.ndarray) -> np.ndarray:
    """Rotation matrices `[N, 3, 3]` about the axes `letters`, multiplied in this order, by `degrees` `[N, letters]`."""
    total = np.tile(np.eye(3), (len(degrees), 1, 1))
    for letter, angle in zip(letters, np.radians(degrees).T, strict=True):
        first, second = [(1, 2), (2, 0), (0, 1)]["xyz".index(letter)]
        turn = np.tile(np.eye(3), (len(angle), 1, 1))
        turn[:, first, first] = turn[:, second, second] = np.cos(angle)
        turn[:, second, first] = np.sin(angle)
        turn[:, first, second] = -np.sin(angle)
        total = total @ turn
    return total


def bvh(path: Path, metres: float = 0.01) -> Ends:
    """A BVH file whose lengths are so many `metres`. Raises UserError for what is no BVH."""
    text = path.read_text(errors="replace")
    head, mark, rest = text.partition("MOTION")
    lines = rest.split("\n", 3)
    try:
        if not mark:
            raise ValueError("no MOTION")
        count, seconds = int(lines[1].split(":")[1]), float(lines[2].split(":")[1])
        bones = _hierarchy(head)
        table = np.array(lines[3].split(), np.float64).reshape(count, sum(len(bone.channels) for bone in bones))
    except (ValueError, IndexError) as error:
        raise UserError(f"{path}: not a BVH file ({error})") from None
    return Ends([bone.name for bone in bones], metres * _placed(bones, table), 1 / seconds)


def _hierarchy(head: str) -> list[Bone]:
    bones: list[Bone] = []
    open_: list[int] = []
    words = iter(head.split())
    for word in words:
        if word in ("ROOT", "JOINT", "End"):
            name = next(words)
            ended = word == "End"
            parent = open_[-1] if open_ else -1
            bones.append(Bone(bones[parent].name + "End" if ended else name, parent, np.zeros(3)))
        elif word == "{":
            open_.append(len(bones) - 1)
        elif word == "}":
            open_.pop()
        elif word == "OFFSET":
            bones[-1].offset = np.array([float(next(words)) for _ in range(3)])
        elif word == "CHANNELS":
            bones[-1].channels = [next(words) for _ in range(int(next(words)))]
    if not bones:
        raise ValueError("no bones")
    return bones


def _placed(bones: list[Bone], table: np.ndarray) -> np.ndarray:
    """Where the joints of a BVH are, in its unit."""
    places = np.zeros((len(table), len(bones), 3))
    turns = np.tile(np.eye(3), (len(bones), len(table), 1, 1))
    at = 0
    for number, bone in enumerate(bones):
        values = table[:, at : at + len(bone.channels)]
        at += len(bone.channels)
        moved = [index for index, name in enumerate(bone.channels) if name.endswith("position")]
        turned = [index for index, name in enumerate(bone.channels) if name.endswith("rotation")]
        own = _turns("".join(bone.channels[index][0].lower() for index in turned), values[:, turned])
        if bone.parent < 0:
            places[:, number] = values[:, moved] if moved else bone.offset
            turns[number] = own
        else:
            above = turns[bone.parent]
            places[:, number] = places[:, bone.parent] + above @ bone.offset
            turns[number] = above @ own
    return places


def amc(path: Path, skeleton: Path, rate: float = ASF_RATE) -> Ends:
    """An AMC file of a `skeleton`, an ASF file. Raises UserError for what is neither."""
    bones = _asf(skeleton)
    frames: list[dict[str, list[float]]] = []
    try:
        for line in path.read_text(errors="replace").splitlines():
            words = line.split()
            if not words or words[0][0] in "#:":
                continue
            if len(words) == 1 and words[0].isdigit():
                frames.append({})
            else:
                frames[-1][words[0]] = [float(word) for word in words[1:]]
        if not frames:
            raise ValueError("no frames")
        places = _posed(bones, frames)
    except (ValueError, IndexError, KeyError) as error:
        raise UserError(f"{path}: not an AMC file of {skeleton.name} ({error})") from None
    return Ends([bone.name for bone in bones], ASF_METRES * places, rate)


def _asf(path: Path) -> list[Bone]:
    text = re.sub(r"#.*", "", path.read_text(errors="replace"))
    sections = dict(re.findall(r"(?m)^:(\w+)\s*([^:]*)", text))
    try:
        root = sections["root"]
        order = _words(root, "order")
        axes = _axes(_words(root, "orientation"), _words(root, "axis")[0])
        bones = [Bone("root", -1, np.zeros(3), order, axes)]
        for block in re.findall(r"begin(.*?)end", sections["bonedata"], re.DOTALL):
            axis = _words(block, "axis")
            offset = np.array(_words(block, "direction"), np.float64) * float(_words(block, "length")[0])
            channels = _words(block, "dof") if re.search(r"(?m)^\s*dof", block) else []
            bones.append(Bone(_words(block, "name")[0], 0, offset, channels, _axes(axis[:3], axis[3])))
        numbers = {bone.name: number for number, bone in enumerate(bones)}
        for line in sections["hierarchy"].splitlines():
            names = line.split()
            for name in names[1:]:
                bones[numbers[name]].parent = numbers[names[0]]
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not an ASF file ({error})") from None
    return bones


def _words(block: str, name: str) -> list[str]:
    """What follows `name` in its line."""
    found = re.search(rf"(?m)^\s*{name}\s+(.*)$", block)
    if not found:
        raise ValueError(f"no {name}")
    return found[1].split()


def _axes(degrees: list[str], order: str) -> np.ndarray:
    letters = order.lower()
    return _turns(letters[::-1], np.array([[float(value) for value in degrees]])[:, ::-1])[0]


def _posed(bones: list[Bone], frames: list[dict[str, list[float]]]) -> np.ndarray:
    """Where the bones of an ASF end in each frame, in its unit."""
    places = np.zeros((len(frames), len(bones), 3))
    turns = np.tile(np.eye(3), (len(bones), len(frames), 1, 1))
    for number in _downward(bones):
        bone = bones[number]
        own = np.tile(np.eye(3), (len(frames), 1, 1))
        if bone.channels:
            values = np.array([frame[bone.name] for frame in frames])
            turned = [index for index, name in enumerate(bone.channels) if name.lower().startswith("r")]
            letters = "".join(bone.channels[index][1].lower() for index in turned)
            own = bone.axes @ _turns(letters[::-1], values[:, turned][:, ::-1]) @ bone.axes.T
        if bone.parent < 0:
            moved = [[name.lower() for name in bone.channels].index(f"t{letter}") for letter in "xyz"]
            places[:, number], turns[number] = values[:, moved], own
        else:
            turns[number] = turns[bone.parent] @ own
            places[:, number] = places[:, bone.parent] + turns[number] @ bone.offset
    return places


def _downward(bones: list[Bone]) -> list[int]:
    """The bones in an order in which none comes before its parent."""
    order, waiting = [0], set(range(1, len(bones)))
    for number in order:
        following = sorted(other for other in waiting if bones[other].parent == number)
        order += following
        waiting -= set(following)
    return order
