# SPDX-License-Identifier: BSD-3-Clause
"""What each scope trains, and that adapters leave no trace: neither in the parameters nor in a single result."""

import copy
from collections.abc import Callable
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils import parametrize
from torch.utils.data import DataLoader, TensorDataset

from shiftcore.errors import UserError
from shiftcore.quant import tuning
from shiftcore.quant.checkpoint import load, save
from shiftcore.quant.export import integer_reference
from shiftcore.quant.learner import Learner
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import Preset
from tests.quant import topologies

CLASSES = ("one", "two", "three")
FORMS = pytest.mark.parametrize("quantized", [True, False], ids=["quantized", "float"])
State = dict[str, Tensor]


def clips(preset: Preset, count: int, seed: int = 0) -> Tensor:
    shape = (count, 4, preset.input.made_of.channels, preset.input.height, preset.input.width)
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape)).float()


def network_of(preset: Preset, quantized: bool = True, seed: int = 0) -> ReducedTSM:
    """A network whose every layer is busy, in one of its two forms."""
    network = ReducedTSM(preset, CLASSES, quantized)
    network.load_state_dict(random_network(preset, seed, CLASSES).state_dict())
    return network


def state_of(network: ReducedTSM) -> State:
    return {name: value.clone() for name, value in network.state_dict().items()}


def train(network: ReducedTSM, preset: Preset, steps: int = 3) -> None:
    """Some steps as the trainer takes them; the first of several epochs ends in a validation, in eval mode."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, 0.02, weight_decay=0.1)
    for step in range(steps):
        network.eval()
        network.train()
        tuning.keep_statistics(network)
        images = clips(preset, 3, seed=step)
        loss = torch.nn.functional.cross_entropy(network(images).mean(1), torch.arange(3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def adapted(preset: Preset, quantized: bool = True, seed: int = 0) -> ReducedTSM:
    """A network whose adapters do something: trained, and still in place."""
    torch.manual_seed(seed)
    network = network_of(preset, quantized, seed)
    tuning.restrict(network, "adapters")
    train(network, preset)
    return network.eval()


def end(first_stage: int) -> Callable[[str], bool]:
    """Whether a name belongs to the stages (of two) from `first_stage` on, or to the classifier."""
    prefixes = ("classifier.", *(f"stages.{stage}." for stage in range(first_stage, 2)))
    return lambda name: name.startswith(prefixes)


MOVES: dict[str, Callable[[str], bool]] = {
    "all": lambda _name: True,
    "head": end(2),
    "last-1": end(1),
    "last-2": end(0),
    "adapters": lambda name: name.startswith("classifier") or ".norm." in name or name.endswith((".up", ".down")),
}


@FORMS
@pytest.mark.parametrize("tune", MOVES)
def test_a_scope_trains_what_it_says_and_nothing_else(tune: str, quantized: bool) -> None:
    """Frozen tensors, running statistics included, keep every bit; all others move."""
    preset, expected = topologies.POOLED, MOVES[tune]
    network = network_of(preset, quantized)
    tuning.restrict(network, tune)
    before = state_of(network)
    train(network, preset)
    after = network.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {name for name in before if expected(name)}
    assert any(name.endswith("running_var") for name in moved) == (tune != "head")


@pytest.mark.parametrize("tune", MOVES)
def test_trained_parameters_are_those_that_move(tune: str) -> None:
    network = network_of(topologies.POOLED)
    tuning.restrict(network, tune)
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    expected = sum(
        value.numel()
        for name, value in network.state_dict().items()
        if MOVES[tune](name) and not name.endswith(statistics)
    )
    assert tuning.trained_parameters(network) == expected > 0


def test_adapters_are_on_every_convolution_and_few() -> None:
    network = network_of(topologies.TINY)
    everything = tuning.trained_parameters(network)
    tuning.restrict(network, "adapters")
    assert all(parametrize.is_parametrized(layer.conv, "weight") for layer, _, _ in network.convolutions())
    assert tuning.trained_parameters(network) < everything / 4


def test_what_an_earlier_phase_left_is_not_followed() -> None:
    """Gradients of a phase that trained everything must not move what the next one freezes."""
    preset = topologies.NARROW
    network = network_of(preset)
    train(network, preset)
    optimizer = torch.optim.AdamW(network.parameters(), 0.02)
    tuning.restrict(network, "head")
    before = state_of(network)
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@FORMS
@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
def test_new_adapters_change_nothing(preset: Preset, quantized: bool) -> None:
    network, images = network_of(preset, quantized).eval(), clips(preset, 2)
    with torch.inference_mode():
        expected = network(images)
    tuning.restrict(network, "adapters")
    with torch.inference_mode():
        assert torch.equal(network(images), expected)


def test_the_quantizer_sees_the_sum_and_nothing_of_its_parts() -> None:
    """Brevitas takes a weight's scale from its largest value: of the sum, with a gradient to the adapter."""
    network = adapted(topologies.TINY)
    largest = {2: 1, 3: 3, 4: 7, 8: 127}
    for layer, _, _ in network.convolutions():
        conv = layer.conv
        original = conv.get_parameter("parametrizations.weight.original")
        peak = conv.weight.abs().amax((1, 2, 3))
        scale = conv.quant_weight().scale  # type: ignore[operator]
        assert torch.allclose(scale.flatten() * largest[layer.bits], peak, rtol=1e-5)
        assert not torch.allclose(peak, original.abs().amax((1, 2, 3)), rtol=1e-3)
        (gradient,) = torch.autograd.grad(scale.sum(), conv.get_parameter("parametrizations.weight.0.up"))
        assert gradient.abs().sum() > 0


@FORMS
@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_merging_changes_no_bit_and_leaves_no_trace(preset: Preset, quantized: bool, seed: int) -> None:
    network, images = adapted(preset, quantized, seed), clips(preset, 2, seed)
    plain = ReducedTSM(preset, CLASSES, quantized)
    with torch.inference_mode():
        expected = network(images)
    tuning.merge(network)
    with torch.inference_mode():
        assert torch.equal(network(images), expected)
        plain.load_state_dict(network.state_dict())
        assert torch.equal(plain.eval()(images), expected)
    assert list(network.state_dict()) == list(plain.state_dict())
    assert [type(module) for module in network.modules()] == [type(module) for module in plain.modules()]


@FORMS
def test_merging_without_adapters_is_nothing(quantized: bool) -> None:
    network = network_of(topologies.NARROW, quantized)
    tuning.restrict(network, "head")
    before = state_of(network)
    tuning.merge(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert tuning.trained_parameters(network) == network.classifier.weight.numel()


@pytest.mark.parametrize("tune", MOVES)
def test_restricting_anew_keeps_what_adapters_learned(tune: str) -> None:
    preset = topologies.POOLED
    network, images = adapted(preset), clips(preset, 2)
    with torch.inference_mode():
        expected = network(images)
    tuning.restrict(network, tune)
    with torch.inference_mode():
        assert torch.equal(network(images), expected)
    once = network_of(preset)
    tuning.restrict(once, tune)
    assert list(network.state_dict()) == list(once.state_dict())


def test_the_warm_up_hands_its_adapters_weights_on() -> None:
    """Float phase, merge, quantized phase from its weights, merge: as the trainer goes."""
    preset = topologies.NARROW
    warm = adapted(preset, quantized=False)
    tuning.merge(warm)
    network = ReducedTSM(preset, CLASSES)
    network.load_state_dict(warm.state_dict())
    tuning.restrict(network, "adapters")
    train(network, preset)
    tuning.merge(network)
    assert list(network.state_dict()) == list(warm.state_dict())


@pytest.mark.parametrize("preset", topologies.ALL, ids=lambda preset: preset.name)
def test_the_integers_predict_the_same(preset: Preset) -> None:
    """Merged and snapped: every integer logit is that of the snapped network."""
    network = adapted(preset)
    tuning.merge(network)
    reference = integer_reference(network, preset)
    scale = reference.description.logit_scale
    images = clips(preset, 4, seed=7)
    with torch.inference_mode():
        real = network(images).flatten(0, 1).double().numpy() / scale
    frames = images.permute(0, 1, 3, 4, 2).flatten(0, 1).numpy().astype(np.uint8)
    exact = [reference.infer(frame, stream=0, clear=index % 4 == 0) for index, frame in enumerate(frames)]
    assert np.array_equal(np.round(real), np.stack(exact))
    assert len(np.unique(exact, axis=0)) > 8


def test_a_checkpoint_holds_merged_weights_and_is_refused_adapters(tmp_path: Path) -> None:
    preset = topologies.NARROW
    network = adapted(preset)
    with pytest.raises(ValueError, match="merge"):
        network.snap()
    tuning.merge(network)
    save(network.snap(), preset, tmp_path / "best.pt")
    loaded, _ = load(tmp_path / "best.pt")
    assert torch.equal(loaded(clips(preset, 2)), network(clips(preset, 2)))


def test_a_copy_is_one_of_its_own() -> None:
    preset = topologies.NARROW
    network, images = adapted(preset), clips(preset, 2)
    twin = copy.deepcopy(network)
    with torch.inference_mode():
        expected = network(images)
        assert torch.equal(twin(images), expected)
    train(twin, preset)
    tuning.merge(twin)
    with torch.inference_mode():
        assert torch.equal(network(images), expected)
        assert not torch.equal(twin.eval()(images), expected)


def fit(preset: Preset, tune: str, folder: Path, epochs: int, resume: Path | None = None) -> State:
    """Train with Lightning, three batches an epoch, to the end of `epochs` of three; returns the parameters."""
    torch.manual_seed(1)
    network = network_of(preset)
    tuning.restrict(network, tune)
    data = DataLoader(TensorDataset(clips(preset, 9), torch.arange(9) % 3), 3)

    class Stop(lightning.Callback):
        def on_train_batch_start(self, trainer: lightning.Trainer, *_rest: object) -> None:
            torch.manual_seed(trainer.global_step)  # of the mirroring

        def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
            if trainer.current_epoch + 1 == epochs:
                trainer.save_checkpoint(folder / "last.ckpt")
                trainer.should_stop = True

    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        callbacks=[Stop()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    learner = Learner(network, len(network.classes), preset.training, learning_rate=0.01)
    trainer.fit(learner, data, ckpt_path=resume, weights_only=True)
    return state_of(network)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tune", ["adapters", "last-1"])
def test_training_resumes_where_it_stopped(tune: str, tmp_path: Path) -> None:
    """A run interrupted after its first epoch ends with the bits of one that was not."""
    whole = fit(topologies.NARROW, tune, tmp_path, 3)
    part = fit(topologies.NARROW, tune, tmp_path, 1)
    resumed = fit(topologies.NARROW, tune, tmp_path, 3, resume=tmp_path / "last.ckpt")
    assert all(torch.equal(value, whole[name]) for name, value in resumed.items())
    moved = {name for name, value in part.items() if not torch.equal(value, whole[name])}
    assert moved == {name for name in part if MOVES[tune](name)}


@pytest.mark.parametrize("tune", ["", "last", "last-", "last--1", "last-1.0", "last-²", "last-9999", "Head", "adapter"])
def test_an_unknown_scope_is_refused(tune: str) -> None:
    with pytest.raises(UserError, match=r"is none of all, head, last-N \(N from 1 to 2\) and adapters") as error:
        tuning.restrict(network_of(topologies.TINY), tune)
    assert "\n" not in str(error.value) and repr(tune) in str(error.value)


@given(st.integers(0, 999))
def test_the_last_stages_are_1_to_all(count: int) -> None:
    network = ReducedTSM(topologies.TINY, CLASSES, quantized=False)
    if 1 <= count <= 2:
        tuning.restrict(network, f"last-{count}")
        return
    with pytest.raises(UserError, match=rf"tune 'last-{count}': the network has 2 stages, so N of last-N is 1 to 2"):
        tuning.restrict(network, f"last-{count}")
    assert all(parameter.requires_grad for parameter in network.parameters())
