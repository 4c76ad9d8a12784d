# SPDX-License-Identifier: BSD-3-Clause
"""The register map: byte offsets, and the fields of each register (made by `make registers` from
hw/chip.toml; docs/registers.md tells what they mean).

`if word & Status.HALTED`, `Status.IN_FLIGHT.of(word)`, `DescriptorContext.STREAM.word(3)`.
"""


class Field(int):
    """A field's bits in its register's word: a mask, and a number in both directions."""

    __slots__ = ()

    def of(self, word: int) -> int:
        """The field's number in a register's word."""
        return (word & self) // (self & -self)

    def word(self, number: int) -> int:
        """`number` at the field's place. Raises ValueError when it does not fit."""
        if not 0 <= number <= self.of(self):
            raise ValueError(f"{number} is not in 0..{self.of(self)}")
        return number * (self & -self)


SIZE = 0x1000
ID = 0x000
VERSION = 0x004
BUILD_HASH = 0x008
INPUT_SHAPE = 0x00C
INPUT_BYTES = 0x010
OUTPUT_LOGITS = 0x014
RECORD_BYTES = 0x018
STREAMS = 0x01C
FRAME_INTERVAL = 0x020
SHAPE_HASH = 0x024
IMAGE_BYTES = 0x028
MODELS = 0x02C
CONTROL = 0x040
STATUS = 0x044
IRQ_ENABLE = 0x048
IRQ_STATUS = 0x04C
ERROR = 0x050
WATCHDOG = 0x054
READ_BASE_LO = 0x060
READ_BASE_HI = 0x064
READ_LIMIT_LO = 0x068
READ_LIMIT_HI = 0x06C
WRITE_BASE_LO = 0x070
WRITE_BASE_HI = 0x074
WRITE_LIMIT_LO = 0x078
WRITE_LIMIT_HI = 0x07C
RESULT_SLOTS = 0x080
RESULT_LEVEL = 0x084
RESULT_TAKE = 0x088
DESCRIPTOR_LEVEL = 0x090
DESCRIPTOR_ADDRESS_LO = 0x094
DESCRIPTOR_ADDRESS_HI = 0x098
DESCRIPTOR_BYTES = 0x09C
DESCRIPTOR_FRAME_ID = 0x0A0
DESCRIPTOR_CONTEXT = 0x0A4
DESCRIPTOR_MODEL = 0x0A8
CYCLES_LO = 0x0C0
CYCLES_HI = 0x0C4
FRAMES_DONE = 0x0C8
LATENCY_LAST = 0x0CC
LATENCY_MIN = 0x0D0
LATENCY_MAX = 0x0D4
INPUT_STALLS_LO = 0x0D8
INPUT_STALLS_HI = 0x0DC
OUTPUT_STALLS_LO = 0x0E0
OUTPUT_STALLS_HI = 0x0E4
MODEL_HASH = 0x0E8
LOAD_CYCLES = 0x0EC
MODEL_HASH_1 = 0x0F0
MODEL_HASH_2 = 0x0F4
MODEL_HASH_3 = 0x0F8
HISTORY_BYTES = 0x100
HISTORY_BASE_LO = 0x104
HISTORY_BASE_HI = 0x108
HISTORY_LIMIT_LO = 0x10C
HISTORY_LIMIT_HI = 0x110
DESCRIPTOR_PLANE_SIZE = 0x114
DESCRIPTOR_PLANE_USE = 0x118
DESCRIPTOR_PLANE = 0x11C
PLANES_DONE = 0x120
PLANE_CYCLES_LAST = 0x124
PLANE_CYCLES_MAX = 0x128
PLANE_BUSY_LO = 0x12C
PLANE_BUSY_HI = 0x130


class InputShape:
    """The frame the network takes, uint8 NHWC."""

    CHANNELS = Field(0xFF)  # channels
    WIDTH = Field(0xFFF00)  # columns
    HEIGHT = Field(0xFFF00000)  # rows


class Control:
    """What the chip is to do."""

    RUN = Field(0x1)  # 1: take descriptors; 0: take no more, frames under way are finished
    SOFT_RESET = Field(0x2)  # everything to its state after power-on, once the memory port is quiet
    CLEAR_COUNTERS = Field(0x4)  # the counters to their values after reset


class Status:
    """What the chip is doing."""

    BUSY = Field(0x1)  # frames are queued or under way, or records are being written
    RESETTING = Field(0x2)  # a soft reset waits for the memory port, or holds the core in reset
    HALTED = Field(0x4)  # a memory error or the watchdog stopped the chip; a soft reset goes on
    LOADING = Field(0x8)  # a model is being loaded
    IN_FLIGHT = Field(0xFF00)  # frames inside the core


class IrqEnable:
    """Which causes raise the interrupt, bit by bit as in IRQ_STATUS."""

    RESULT = Field(0x1)  # a result record is in memory
    ERROR = Field(0x2)  # an error flag is set
    IDLE = Field(0x4)  # the last queued frame's record has been written


class IrqStatus:
    """What has happened since it was last cleared; the interrupt is high while an enabled bit is."""

    RESULT = Field(0x1)  # a result record was written
    ERROR = Field(0x2)  # an error flag was set
    IDLE = Field(0x4)  # the chip became idle


class Error:
    """Sticky error flags."""

    READ_RESPONSE = Field(0x1)  # memory answered a read with SLVERR or DECERR; the chip halts
    WRITE_RESPONSE = Field(0x2)  # memory answered a write with SLVERR or DECERR; the chip halts
    READ_WINDOW = Field(0x4)  # what a descriptor names does not lie inside READ_BASE to READ_LIMIT; it was dropped
    WRITE_WINDOW = Field(0x8)  # a record's slot does not lie inside WRITE_BASE to WRITE_LIMIT; the chip halts
    FRAME_SIZE = Field(0x10)  # a descriptor's length is not INPUT_BYTES; it was dropped
    STREAM = Field(0x20)  # a descriptor's stream is not below STREAMS; it was dropped
    DESCRIPTOR_OVERFLOW = Field(0x40)  # a descriptor was pushed into a full queue; it was dropped
    RESULT_FULL = Field(0x80)  # a record found all slots taken and waits for RESULT_TAKE
    WATCHDOG = Field(0x100)  # the core holds frames, and no beat moved at its ports for WATCHDOG cycles; the chip halts
    CONFIG = Field(0x200)  # a register that may only change while RUN and BUSY are 0 was written at another time
    RESULT_UNDERFLOW = Field(0x400)  # RESULT_TAKE took more records than there were; it was ignored
    MODEL_SIZE = Field(0x800)  # a model image's length is not IMAGE_BYTES; it was dropped
    MODEL_SHAPE = Field(0x1000)  # no image of this chip, or for no bank of it; not loaded, the model in use stays
    MODEL_CRC = Field(0x2000)  # a model image's check sum is wrong; there is no model until a good one is loaded
    MODEL_MISSING = Field(0x4000)  # no model in the bank of a frame whose turn came, or no such bank; it was dropped
    PLANE_SIZE = Field(0x8000)  # a plane is smaller than the input, or larger than PLANE; it was dropped
    PLANE_STRIDE = Field(0x10000)  # a plane's stride is below its width; it was dropped
    PLANE_HISTORY = Field(0x20000)  # a clip's first or second image was to make an input; it is kept, there is none
    HISTORY_WINDOW = Field(0x40000)  # the histories do not lie inside HISTORY_BASE to HISTORY_LIMIT; the chip halts


class DescriptorLevel:
    """The descriptor queue."""

    USED = Field(0xFFFF)  # descriptors waiting
    FREE = Field(0xFFFF0000)  # descriptors that can be pushed


class DescriptorContext:
    """The frame context; writing it pushes the descriptor."""

    STREAM = Field(0x7F)  # which camera
    CLEAR = Field(0x80)  # first frame of a clip: temporal state reads as zero
    BANK = Field(0x300)  # which model computes it; a stream's first frame of another one has to begin a clip


class DescriptorModel:
    """Writing it pushes a descriptor of a model image: frames of its bank that are pushed behind it are its own."""

    BANK = Field(0x300)  # where the model goes; nobody looks at the other bits


class DescriptorPlaneSize:
    """The plane's size; its address is DESCRIPTOR_ADDRESS."""

    WIDTH = Field(0xFFFF)  # columns, of a byte each
    HEIGHT = Field(0xFFFF0000)  # rows


class DescriptorPlaneUse:
    """How it lies in memory, and what is made of it."""

    STRIDE = Field(0xFFFF)  # from one row to the next
    RESTART = Field(0x10000)  # the first image of a clip: those before it are forgotten
    RUN = Field(0x20000)  # make an input of it and of the two before it; 0: it is kept, nothing more
    WHOLE = Field(0x40000)  # do not crop it


class DescriptorPlane:
    """The context of the frame that is made of it; writing it pushes the plane's descriptor."""

    STREAM = Field(0x7F)  # which camera
    CLEAR = Field(0x80)  # first frame of a clip: temporal state reads as zero
    BANK = Field(0x300)  # which model computes it, as in DESCRIPTOR_CONTEXT


ID_VALUE = 0x53464331
VERSION_VALUE = 0x1020000

RESETS = {
    ID: 0x53464331,
    VERSION: 0x1020000,
    CONTROL: 0x0,
    STATUS: 0x0,
    IRQ_ENABLE: 0x0,
    IRQ_STATUS: 0x0,
    ERROR: 0x0,
    WATCHDOG: 0x0,
    READ_BASE_LO: 0x0,
    READ_BASE_HI: 0x0,
    READ_LIMIT_LO: 0x0,
    READ_LIMIT_HI: 0x0,
    WRITE_BASE_LO: 0x0,
    WRITE_BASE_HI: 0x0,
    WRITE_LIMIT_LO: 0x0,
    WRITE_LIMIT_HI: 0x0,
    RESULT_SLOTS: 0x0,
    RESULT_LEVEL: 0x0,
    RESULT_TAKE: 0x0,
    DESCRIPTOR_ADDRESS_LO: 0x0,
    DESCRIPTOR_ADDRESS_HI: 0x0,
    DESCRIPTOR_BYTES: 0x0,
    DESCRIPTOR_FRAME_ID: 0x0,
    DESCRIPTOR_CONTEXT: 0x0,
    DESCRIPTOR_MODEL: 0x0,
    CYCLES_LO: 0x0,
    CYCLES_HI: 0x0,
    FRAMES_DONE: 0x0,
    LATENCY_LAST: 0x0,
    LATENCY_MIN: 0xFFFFFFFF,
    LATENCY_MAX: 0x0,
    INPUT_STALLS_LO: 0x0,
    INPUT_STALLS_HI: 0x0,
    OUTPUT_STALLS_LO: 0x0,
    OUTPUT_STALLS_HI: 0x0,
    LOAD_CYCLES: 0x0,
    HISTORY_BASE_LO: 0x0,
    HISTORY_BASE_HI: 0x0,
    HISTORY_LIMIT_LO: 0x0,
    HISTORY_LIMIT_HI: 0x0,
    DESCRIPTOR_PLANE_SIZE: 0x0,
    DESCRIPTOR_PLANE_USE: 0x0,
    DESCRIPTOR_PLANE: 0x0,
    PLANES_DONE: 0x0,
    PLANE_CYCLES_LAST: 0x0,
    PLANE_CYCLES_MAX: 0x0,
    PLANE_BUSY_LO: 0x0,
    PLANE_BUSY_HI: 0x0,
}
"""Words after reset, of all registers whose reset is no parameter of the chip."""

WHEN_IDLE = {
    WATCHDOG,
    READ_BASE_LO,
    READ_BASE_HI,
    READ_LIMIT_LO,
    READ_LIMIT_HI,
    WRITE_BASE_LO,
    WRITE_BASE_HI,
    WRITE_LIMIT_LO,
    WRITE_LIMIT_HI,
    RESULT_SLOTS,
    HISTORY_BASE_LO,
    HISTORY_BASE_HI,
    HISTORY_LIMIT_LO,
    HISTORY_LIMIT_HI,
}
"""Registers that only change while CONTROL.RUN and STATUS.BUSY are 0."""

OF_INGEST = {
    HISTORY_BYTES,
    HISTORY_BASE_LO,
    HISTORY_BASE_HI,
    HISTORY_LIMIT_LO,
    HISTORY_LIMIT_HI,
    DESCRIPTOR_PLANE_SIZE,
    DESCRIPTOR_PLANE_USE,
    DESCRIPTOR_PLANE,
    PLANES_DONE,
    PLANE_CYCLES_LAST,
    PLANE_CYCLES_MAX,
    PLANE_BUSY_LO,
    PLANE_BUSY_HI,
}
"""Registers that only a chip with ingest has; in another they read as 0."""
