# SPDX-License-Identifier: BSD-3-Clause
"""What can go wrong with an accelerator: one exception a cause. docs/errors.md says what to do about each."""

from shiftcore.errors import DeviceError, ShiftcoreError, UserError


class AcceleratorError(ShiftcoreError):
    """Any of the errors below: catch this one to catch them all. The message is one line. Each is either a `UserError`,
    which is yours to put right, or a `DeviceError`, which is the chip's."""


class BuildError(AcceleratorError, UserError):
    """The build folder is missing, incomplete or damaged, or its files contradict one another."""


class BackendError(AcceleratorError, UserError):
    """The back end cannot be used here; the message says what is missing."""


class IdentityError(AcceleratorError, UserError):
    """The chip is not the one that the build folder describes; the message gives both values."""


class FrameError(AcceleratorError, UserError):
    """A frame has the wrong size or type, or a stream or bank is named that is not there. Nothing was sent."""


class ShapeError(AcceleratorError, UserError):
    """A model is of another shape than the one that the chip was built for; the message says what differs. Nothing was
    sent, and the model in use stays."""


class StreamBusyError(AcceleratorError, UserError):
    """Two users of one stream: its frames would mix."""


class ResultsWaitingError(AcceleratorError, UserError):
    """Too many results wait to be taken; none is lost."""


class ClosedError(AcceleratorError, UserError):
    """The accelerator was closed, or is used from another thread than the one that opened it."""


class ChipError(AcceleratorError, DeviceError):
    """The chip stopped or broke a rule. It was reset: frames under way are lost, and the next frame of every stream
    begins a clip."""


class MemoryReadError(ChipError):
    """Memory refused to hand out a frame (AXI SLVERR or DECERR)."""


class MemoryWriteError(ChipError):
    """Memory refused to take a result (AXI SLVERR or DECERR)."""


class WindowError(ChipError):
    """A frame or a result would lie outside the memory that the chip was granted; nothing was transferred."""


class DescriptorError(ChipError):
    """The chip refused a descriptor: its length, its stream, or its queue was full."""


class ModelError(ChipError):
    """The chip refused a model image, or a frame because it has no model."""


class StuckError(ChipError):
    """Frames were inside the core and nothing moved: the chip's watchdog stopped it."""


class RegisterError(ChipError):
    """The chip and the driver disagree about its registers."""


class LostFrameError(ChipError):
    """A result record was lost, doubled, out of order, or of another frame."""


class ResponseTimeoutError(ChipError):
    """No result came within the time in which one had to come."""


class ResetError(AcceleratorError, DeviceError):
    """A soft reset did not end: the memory port never became quiet. Only a new bitstream helps."""


class DifferenceError(ChipError):
    """A logit differs from the reference's; the message names frame, logit, both values and the saved reproduction."""
