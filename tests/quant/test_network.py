# SPDX-License-Identifier: BSD-3-Clause
"""The network itself: its two forms agree, the shift shifts, and the canonical form changes nothing but rounding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shiftcore.quant import integer
from shiftcore.quant.layers import TemporalShift
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import Preset
from tests.quant import topologies

CLASSES = ("one", "two", "three")


def clips(preset: Preset, count: int, frames: int, seed: int = 0) -> Tensor:
    shape = (count, frames, preset.input.made_of.channels, preset.input.height, preset.input.width)
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape)).float()


@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
def test_training_form_and_streaming_form_are_bitwise_equal(preset: Preset) -> None:
    network, images = random_network(preset, seed=3), clips(preset, 2, 5)
    with torch.inference_mode():
        together = network(images)
        state, alone = network.empty_state(2), []
        for t in range(5):
            logits, state = network.step(images[:, t], state)
            alone.append(logits)
    assert together.shape == (2, 5, 3)
    integers = [torch.round(x / (together.abs().max() / 2**20)) for x in (together, torch.stack(alone, 1))]
    assert torch.equal(*integers)
    if preset in (topologies.TINY, topologies.NARROW):  # the pool divides by a power of two: floats are exact
        assert torch.equal(together, torch.stack(alone, 1))


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 3))
def test_shift_takes_the_first_channels_of_the_frame_before(n: int, t: int, shifted: int, kept: int) -> None:
    x = torch.arange(n * t * (shifted + kept) * 6).float().reshape(n * t, shifted + kept, 2, 3)
    before = -torch.ones(n, shifted, 2, 3)
    result, last = TemporalShift(shifted)(x, before)
    expected = x.clone().unflatten(0, (n, t))
    frames = x.unflatten(0, (n, t))
    for i in range(t):
        expected[:, i, :shifted] = frames[:, i - 1, :shifted] if i else before
    assert torch.equal(result.unflatten(0, (n, t)), expected)
    assert torch.equal(last, frames[:, -1, :shifted])


def test_time_matters_with_the_shift_and_only_with_it() -> None:
    for preset in (topologies.NARROW, topologies.TIMELESS):
        network, images = random_network(preset, seed=0), clips(preset, 1, 4)
        with torch.inference_mode():
            forward, backward = network(images)[0], network(images.flip(1))[0].flip(0)
        assert torch.allclose(forward, backward, atol=1e-6) != preset.network.shift


@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
def test_every_layer_of_a_random_network_is_busy(preset: Preset) -> None:
    network = random_network(preset, seed=1)
    outputs: list[Tensor] = []
    for layer, _, _ in network.convolutions():
        layer.register_forward_hook(lambda _module, _input, output: outputs.append(output))
    with torch.inference_mode():
        network(clips(preset, 1, 2))
    for output in outputs:
        assert len(output.unique()) > 0.7 * 2**preset.quantization.act_bits
        assert output.std(dim=(0, 2, 3)).gt(0).float().mean() > 0.9


@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
def test_snapping_twice_is_snapping_once(preset: Preset) -> None:
    network = random_network(preset, seed=2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.snap()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_snapping_keeps_the_function() -> None:
    """Random factors of both signs: outputs move by the half accumulator step that thresholds may move, no more."""
    preset = topologies.TINY
    torch.manual_seed(0)
    network = ReducedTSM(preset, CLASSES)
    network.train()(clips(preset, 4, 4))
    with torch.no_grad():
        for layer, _, _ in network.convolutions():
            layer.norm.weight.uniform_(-1.5, 1.5)
    images = clips(preset, 8, 4, seed=1)
    with torch.inference_mode():
        before = network.eval()(images)
        after = network.snap()(images)
    assert all((layer.norm.weight > 0).all() for layer, _, _ in network.convolutions())
    assert (before - after).abs().mean() < 0.05 * before.std()


@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
def test_thresholds_are_where_batch_norm_crosses_them(preset: Preset) -> None:
    """The layer in floating point, at accumulator values just below and at each threshold."""
    for layer, scale, largest in random_network(preset, seed=5).convolutions():
        thresholds = integer.integer_thresholds(layer, scale, largest)
        weights, weight_scale = integer.integer_weights(layer.conv)
        low, high = integer.accumulator_range(weights, largest)
        inside = (thresholds > low[:, None]) & (thresholds <= high[:, None])
        offset = -(2 ** (layer.act_bits - 1)) if layer.signed else 0
        for values in (thresholds - 1, thresholds):
            real = torch.from_numpy(values * (weight_scale * scale)[:, None]).float()
            with torch.inference_mode():
                output = layer.activation(layer.norm(real[None, :, :, None]))[0, :, :, 0]
            steps = torch.round(output / integer.act_scale(layer.act_bits)).numpy()
            expected = offset + (thresholds[:, None, :] <= values[:, :, None]).sum(2)
            assert np.array_equal(steps[inside], expected[inside])


def test_unsnapped_thresholds_on_an_integer_are_refused() -> None:
    network = random_network(topologies.TINY, seed=0)
    layer, scale, largest = next(network.convolutions())
    real = integer.real_thresholds(layer, scale)
    _, weight_scale = integer.integer_weights(layer.conv)
    slope = layer.norm.weight / torch.sqrt(layer.norm.get_buffer("running_var") + layer.norm.eps)
    with torch.no_grad():
        layer.norm.bias[0] -= slope[0] * float((np.ceil(real[0, 7]) - real[0, 7]) * weight_scale[0] * scale)
    with pytest.raises(ValueError, match="the network is not in canonical form"):
        integer.integer_thresholds(layer, scale, largest)
