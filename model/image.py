# SPDX-License-Identifier: BSD-3-Clause
"""A model as a core's memories take it: all weights and thresholds, word by word of the core's load stream.

The stream's words are 32 bits. Memories come in the manifest's order (`CoreManifest.memories`), one behind the other:

- `weights`, a matrix `[rows, columns]` of outputs and inputs: a memory word holds PE x SIMD weights, that of row
  `f PE + p` and column `g SIMD + s` in word `f columns / SIMD + g` at bit `(p SIMD + s) bits`. Each memory word fills
  as many words of the stream as it needs, the lowest bits first; what is left over in the last one is 0.
- `thresholds`, `[rows, columns]` of channels and their ascending thresholds: row by row, a word each.

All are two's complement of the memory's `bits`. A convolution's columns are in the order row, column, channel of its
window; where all channels have the same thresholds, the memory has them once a lane.

A model image in memory, at any byte address, is little-endian words of 32 bits: MAGIC, the shape's hash (of the chip's
manifest), the model's hash (not 0), the number of words of the load stream, these words, and the CRC-32 (as zlib
computes it) of all before it.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from shiftcore.model.manifest import LoadedMemory

WORD_BITS = 32
MAGIC = int.from_bytes(b"SFM1", "little")


def words(memory: LoadedMemory) -> int:
    """Words of the load stream that fill `memory`."""
    if memory.kind == "thresholds":
        return memory.rows * memory.columns
    depth = (memory.rows // memory.pe) * (memory.columns // memory.simd)
    return depth * -(-memory.pe * memory.simd * memory.bits // WORD_BITS)


def key(memory: LoadedMemory) -> str:
    """What an integer model calls the array that `memory` holds."""
    return f"{memory.layer}.{'weight' if memory.kind == 'weights' else 'thresholds'}"


def matrix(memory: LoadedMemory, of: Mapping[str, np.ndarray]) -> np.ndarray:
    """What `memory` holds of an integer model's arrays (docs/integer-model.md): int64 `[rows, columns]`. Raises
    ValueError, which says what differs, where the model has another shape."""
    name = key(memory)
    if name not in of:
        raise ValueError(f"it has no {name}")
    values = np.asarray(of[name], np.int64)
    shape = list(values.shape)
    if memory.kind == "weights":
        values = values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
        values = values.reshape(len(values), -1)
        most = 2 ** (memory.bits - 1) - 1
        if values.size and np.abs(values).max() > most:
            raise ValueError(f"{name} reaches {np.abs(values).max()}, the chip takes {most}")
    elif len(values) == 1:
        values = np.broadcast_to(values, (memory.rows, values.shape[1]))
    if values.shape != (memory.rows, memory.columns):
        raise ValueError(f"{name} is {shape}, the chip takes {memory.rows} rows of {memory.columns}")
    return values


def packed(memory: LoadedMemory, values: np.ndarray) -> np.ndarray:
    """The words of the load stream for `values` `[rows, columns]`: uint32. Thresholds beyond the memory's range,
    which no value crosses, become its ends."""
    if memory.kind == "thresholds":
        low, high = (
            (-(1 << memory.bits - 1), (1 << memory.bits - 1) - 1) if memory.signed else (0, (1 << memory.bits) - 1)
        )
        return (np.clip(values, low, high).reshape(-1) & ((1 << memory.bits) - 1)).astype("<u4")
    pe, simd, bits = memory.pe, memory.simd, memory.bits
    lanes = values.reshape(memory.rows // pe, pe, memory.columns // simd, simd).transpose(0, 2, 1, 3)
    spread = (lanes.reshape(-1, pe * simd, 1).astype(np.int64) >> np.arange(bits)) & 1
    spread = spread.reshape(len(spread), -1).astype(np.uint8)
    whole = np.zeros((len(spread), -(-spread.shape[1] // WORD_BITS) * WORD_BITS), np.uint8)
    whole[:, : spread.shape[1]] = spread
    return np.packbits(whole, axis=1, bitorder="little").view("<u4").reshape(-1)


def unpacked(memory: LoadedMemory, stream: np.ndarray) -> np.ndarray:
    """The integers of a memory's words in the load stream: int64 `[rows, columns]`; the inverse of `packed`."""
    if memory.kind == "thresholds":
        spread = (stream.astype(np.int64)[:, None] >> np.arange(memory.bits)) & 1
    else:
        depth = (memory.rows // memory.pe) * (memory.columns // memory.simd)
        whole = np.unpackbits(
            np.ascontiguousarray(stream, "<u4").view(np.uint8).reshape(depth, -1), axis=1, bitorder="little"
        )
        spread = whole[:, : memory.pe * memory.simd * memory.bits].reshape(-1, memory.bits).astype(np.int64)
    places = np.left_shift(1, np.arange(memory.bits, dtype=np.int64))
    if memory.signed:
        places[-1] = -places[-1]
    values: np.ndarray = spread @ places
    if memory.kind == "weights":
        lanes = values.reshape(memory.rows // memory.pe, memory.columns // memory.simd, memory.pe, memory.simd)
        values = lanes.transpose(0, 2, 1, 3)
    return values.reshape(memory.rows, memory.columns)


def arrays(
    memories: Sequence[LoadedMemory], stream: np.ndarray, like: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The arrays of the integer model in a load stream, shaped as those of `like`, a model of the same shape."""
    found, at = dict(like), 0
    for memory in memories:
        values = unpacked(memory, stream[at : at + words(memory)])
        at += words(memory)
        name = key(memory)
        shape = like[name].shape
        if memory.kind == "thresholds":
            values = values[: shape[0]]
        elif len(shape) == 4:
            values = values.reshape(shape[0], shape[2], shape[3], shape[1]).transpose(0, 3, 1, 2)
        found[name] = values.reshape(shape)
    return found


def plain(layers: Iterable[str], of: Mapping[str, np.ndarray]) -> tuple[LoadedMemory, ...]:
    """Memories for a model that was compiled for no chip: a word each, in the order of its layers."""
    memories = []
    for layer in layers:
        weights, thresholds = of.get(f"{layer}.weight"), of.get(f"{layer}.thresholds")
        if weights is not None:
            memories.append(LoadedMemory(layer, "weights", len(weights), weights[0].size, 1, 1, 32, signed=True))
        elif thresholds is not None:
            rows, columns = thresholds.shape
            memories.append(LoadedMemory(layer, "thresholds", rows, columns, 1, 1, 32, signed=True))
    return tuple(memories)


def payload(memories: Sequence[LoadedMemory], of: Mapping[str, np.ndarray]) -> np.ndarray:
    """The whole load stream of an integer model's arrays: uint32 `[words]`. Raises ValueError (see `matrix`)."""
    return np.concatenate([packed(memory, matrix(memory, of)) for memory in memories] or [np.zeros(0, "<u4")])


def model_hash(stream: np.ndarray) -> str:
    """What stands for the model of a load stream in its image: eight hexadecimal digits, never all 0, which is none."""
    digits = hashlib.sha256(np.ascontiguousarray(stream, "<u4").tobytes()).hexdigest()[:8]
    return "00000001" if int(digits, 16) == 0 else digits


def size(load_words: int) -> int:
    """Bytes of the image of a load stream of so many words."""
    return (load_words + 5) * WORD_BITS // 8


def image(shape: str, stream: np.ndarray) -> np.ndarray:
    """The model image of a load stream for a chip of `shape`, its manifest's: uint8 `[bytes]`."""
    head = np.array([MAGIC, int(shape, 16), int(model_hash(stream), 16), len(stream)], "<u4")
    body = np.concatenate([head, np.ascontiguousarray(stream, "<u4")]).tobytes()
    return np.frombuffer(body + zlib.crc32(body).to_bytes(4, "little"), np.uint8)


def fault(content: np.ndarray, shape: str, load_words: int) -> str | None:
    """What a chip finds wrong with an image of the right size: "shape" (and so where it is none at all, or names no
    model), "crc", or None."""
    head = np.ascontiguousarray(content[:16]).view("<u4")
    if (int(head[0]), int(head[1]), int(head[3])) != (MAGIC, int(shape, 16), load_words) or head[2] == 0:
        return "shape"
    body = content.tobytes()
    return None if zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "little") else "crc"
