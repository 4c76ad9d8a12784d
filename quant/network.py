# SPDX-License-Identifier: BSD-3-Clause
"""The reduced TSM: a small residual 2-D CNN whose branches see some of their channels a frame late."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from shiftcore.quant import integer
from shiftcore.quant.layers import ConvLayer, Precision, Stage
from shiftcore.quant.preset import Preset

State = list[Tensor]


class ReducedTSM(nn.Module):
    """The network of `preset` for the named `classes`. `quantized=False` gives it in floating point, with the same
    parameters.

    A call takes clips `[N, T, C, H, W]`, floats of the whole numbers 0 to 255, and gives the logits of every frame,
    `[N, T, classes]`. `step` does the same one frame at a time.
    """

    def __init__(self, preset: Preset, classes: Sequence[str], quantized: bool = True) -> None:
        super().__init__()
        self.classes = tuple(classes)
        network, bits = preset.network, preset.quantization
        make = Precision(bits, quantized)
        self.stem = ConvLayer(
            make, preset.input.made_of.channels, network.stem.width, network.stem.stride, bits.first_weight_bits
        )
        self.max_pool = nn.MaxPool2d(2) if network.stem.max_pool else None
        width = network.stem.width
        self.stride = network.stem.stride * (2 if network.stem.max_pool else 1)  # of the whole network
        stages = []
        for stage in network.stages:
            shift = stage.width // network.fold_div if network.shift else 0
            stages.append(Stage(make, width, stage.width, stage.stride, stage.blocks, shift))
            width = stage.width
            self.stride *= stage.stride
        self.stages: Sequence[Stage] = nn.ModuleList(stages)  # type: ignore[assignment]  # it hides its elements' type
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = make.linear(width, len(classes))

    def forward(self, clips: Tensor) -> Tensor:
        logits, _ = self.frames(clips.flatten(0, 1), self.empty_state(len(clips)))
        return logits.unflatten(0, clips.shape[:2])

    def step(self, frames: Tensor, state: State) -> tuple[Tensor, State]:
        """The next frame of each of N clips, `[N, C, H, W]`, after those that `state` has seen. Returns the logits
        `[N, classes]` and the state after this frame."""
        return self.frames(frames, state)

    def empty_state(self, clips: int) -> State:
        """The state before the first frame of each of `clips` clips: one tensor a shift, all zero."""
        shifts = sum(block.shift is not None for stage in self.stages for block in stage.blocks)
        return [self.classifier.weight.new_zeros(clips, 1, 1, 1) for _ in range(shifts)]

    def frames(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The next T frames of each of N clips, `[N*T, C, H, W]`. Returns logits `[N*T, classes]` and the state."""
        previous = iter(state)
        state = []
        x = self.stem(x.contiguous(memory_format=torch.channels_last))  # half the time of the other order, on CPUs
        x = x if self.max_pool is None else self.max_pool(x)
        for stage in self.stages:
            x = x if stage.transition is None else stage.transition(x)
            for block in stage.blocks:
                x, last = block(x, None if block.shift is None else next(previous))
                state += [] if last is None else [last]
        return self.classifier(self.pool(x).flatten(1)), state

    def convolutions(self) -> Iterator[tuple[ConvLayer, float, int]]:
        """Every convolution layer in order of execution, with its input's scale and largest integer."""
        scale, largest = 1.0, 255
        for layer in self.modules():
            if isinstance(layer, ConvLayer):
                yield layer, scale, largest
                scale, largest = integer.act_scale(layer.act_bits), 2**layer.act_bits - 1

    def snap(self) -> "ReducedTSM":
        """Bring the (quantized) network into canonical form, in place: see `integer.snap`. Evaluate and export it
        so; training may go on from it. Raises ValueError while adapters (quant.tuning) are not merged."""
        if any(parametrize.is_parametrized(module) for module in self.modules()):
            raise ValueError("merge the adapters first: a weight with adapters cannot be set")
        for layer, scale, _ in self.convolutions():
            integer.snap(layer, scale)
        integer.snap_linear(self.classifier)
        return self.eval()


def random_network(preset: Preset, seed: int, classes: Sequence[str] = ("first", "second", "third")) -> ReducedTSM:
    """An untrained network in canonical form whose every layer is busy: random weights, batch-norm factors of both
    signs, and statistics from random frames, half of them noise and half smooth."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = ReducedTSM(preset, classes).train()
        for layer, _, _ in network.convolutions():
            norm = layer.norm
            norm.weight.uniform_(0.5, 1.5).mul_(torch.where(torch.rand_like(norm.weight) < 0.25, -1.0, 1.0))
            norm.bias.uniform_(-0.3, 0.8)
            norm.momentum = None  # statistics are the plain mean over the batches
        size = (preset.input.height, preset.input.width)
        for _ in range(8):
            smooth = nn.functional.interpolate(
                torch.rand(4, preset.input.made_of.channels, 4, 4), size, mode="bilinear"
            )
            frames = torch.stack([smooth, torch.rand_like(smooth)])
            network((255 * frames).round())
    return network.snap()
