# SPDX-License-Identifier: BSD-3-Clause
"""Training: a float warm-up, then quantization-aware training of the same network from its weights.

Each run has a folder: `float/` and `quantized/` with the last (and the best) state of each phase, from which an
interrupted run goes on, and at the end `best.pt`, `metrics.json` and `curves.png`.
"""

import contextlib
import json
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning
import torch
from lightning.pytorch import callbacks
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy

from shiftcore.artifacts import atomic_file, digest, lock, write_json
from shiftcore.errors import UserError
from shiftcore.model.video_files import printable
from shiftcore.quant import accuracy, checkpoint, identity, layouts, splits, tuning
from shiftcore.quant.data import Clips, load_clips
from shiftcore.quant.layouts import Dataset
from shiftcore.quant.network import ReducedTSM
from shiftcore.quant.preset import Preset, Training, check_alarm
from shiftcore.quant.strategies import SCRATCH, Strategy
from shiftcore.sources import code

HELD_OUT_CLIPS = 1000
TEMPERATURE = 2.0  # of distillation
PACKAGES = ("torch", "lightning", "brevitas", "numpy")
"""Whose versions may change what training gives."""

History = list[dict[str, float]]  # loss and accuracy of each epoch


class Phase(Enum):
    """Of training; its value names the folder of its states."""

    FLOAT = "float"
    QUANTIZED = "quantized"

    @property
    def title(self) -> str:
        """What it is to a person."""
        return {Phase.FLOAT: "float warm-up", Phase.QUANTIZED: "quantization-aware training"}[self]


class DivergedError(UserError):
    """The loss is no longer a number."""


class Learner(lightning.LightningModule):
    """Teaches a network the class of a clip: the mean of its frames' logits (TSN's segmental consensus).

    `network` maps clips `[N, T, 3, H, W]`, floats of whole numbers 0 to 255, to logits `[N, T', classes]`. With
    `teachers`, networks of the same kind, the share `recipe.distillation` of the loss is the distance to their mean
    logits (Hinton et al. 2015). Raises DivergedError when the loss is no longer a number.
    """

    def __init__(
        self,
        network: nn.Module,
        classes: int,
        recipe: Training,
        learning_rate: float,
        mirror: bool = True,
        teachers: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self._recipe, self._learning_rate, self._mirror = recipe, learning_rate, mirror
        self._teachers = [teacher.eval() for teacher in teachers]  # in a list: not saved with this one's state
        self.train_accuracy = MulticlassAccuracy(classes, average="micro")
        self.val_accuracy = MulticlassAccuracy(classes, average="micro")

    def on_train_epoch_start(self) -> None:
        if isinstance(self.network, ReducedTSM):
            tuning.keep_statistics(self.network)
        for teacher in self._teachers:
            teacher.to(self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        clips, labels = batch
        clips = clips.float()
        if self._mirror:
            mirrored = torch.rand(len(clips), 1, 1, 1, 1, device=clips.device) < 0.5
            clips = torch.where(mirrored, clips.flip(-1), clips)
        consensus = self.network(clips).mean(1)
        loss = functional.cross_entropy(consensus, labels, label_smoothing=self._recipe.label_smoothing)
        if self._teachers:
            share = self._recipe.distillation
            loss = (1 - share) * loss + share * self._distance(consensus, clips)
        if not torch.isfinite(loss):
            raise DivergedError(
                f"training diverged in epoch {self.current_epoch + 1}: the loss is {float(loss)}; lower the learning "
                f"rate (it was {self._learning_rate:g}), or look for broken clips with `make data-report`"
            )
        self._note("train", consensus, labels, loss)
        self.log("loss", loss, prog_bar=True, on_epoch=False)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        clips, labels = batch
        consensus = self.network(clips.float()).mean(1)
        self._note("val", consensus, labels, functional.cross_entropy(consensus, labels))

    def _distance(self, consensus: Tensor, clips: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = torch.stack([teacher(clips).mean(1) for teacher in self._teachers]).mean(0)
        ours, theirs = consensus / TEMPERATURE, wanted / TEMPERATURE
        divergence = functional.kl_div(ours.log_softmax(1), theirs.softmax(1), reduction="batchmean")
        return TEMPERATURE**2 * divergence

    def _note(self, phase: str, consensus: Tensor, labels: Tensor, loss: Tensor) -> None:
        metric = self.train_accuracy if phase == "train" else self.val_accuracy
        metric(consensus, labels)
        for name, value in ((f"{phase}_loss", loss), (f"{phase}_accuracy", metric)):
            self.log(name, value, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(labels))

    def configure_optimizers(self) -> Any:
        """AdamW, one cycle; scales and biases of batch norm are not decayed."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        flat, deep = [p for p in trained if p.ndim == 1], [p for p in trained if p.ndim > 1]
        groups = [{"params": deep, "weight_decay": self._recipe.weight_decay}, {"params": flat, "weight_decay": 0.0}]
        rate = self._learning_rate
        optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=rate)
        steps = max(6, int(self.trainer.estimated_stepping_batches))  # the schedule divides by zero at 5
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _Epochs(callbacks.Callback):
    """Loss and accuracy of every epoch; survives an interruption with the checkpoint."""

    def __init__(self) -> None:
        self.epochs: History = []

    @property
    def state_key(self) -> str:
        return "History"

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.epochs.append(
            {name: round(float(value), 4) for name, value in trainer.callback_metrics.items() if name != "loss"}
        )

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = state_dict["epochs"]


class Reached(NamedTuple):
    """Accuracies in [0, 1]: of validation, in the epoch that was kept, and on held-out scenes where they are
    synthetic."""

    validation: float
    held_out: float | None


def train(preset: Preset, videos: Path | None = None, strategy: Strategy = SCRATCH) -> Reached:
    """Train `preset`, or go on where an interrupted run of the same preset, data and strategy stopped; returns how good
    it became. `videos`: the folder of its clips, None for synthetic scenes. Raises UserError for data that
    cannot be used, and for what does not fit the strategy."""
    folder, dataset = preset.build / "qat", splits.arranged(layouts.read(videos), preset.data) if videos else None
    if dataset:
        dataset = dataset.with_rest(preset.data.rest, preset.alarm.classes)
    if not is_first():  # it learns along, and leaves nothing
        return _reached(_kept(preset, _learn(preset, dataset, folder, strategy).epochs))
    with lock(folder):
        learned = identity.known(dataset, videos) if dataset and videos else {}
        begin(folder, recipe_key(preset, strategy, "videos" if videos else "synthetic"), learned)
        if (folder / "metrics.json").is_file() and checkpoint.trained_path(preset).is_file():
            print(f"{folder}: this preset is trained; remove that folder to train it anew")
            return _reached(json.loads((folder / "metrics.json").read_text()))
        network, _, epochs = _learn(preset, dataset, folder, strategy)
        checkpoint.save(network, preset, checkpoint.trained_path(preset))
        about = {"preset": preset.name, "classes": network.classes, "strategy": strategy.name}
        metrics: dict[str, Any] = {**about, **_kept(preset, epochs)}
        if videos is None:
            metrics["held_out_accuracy"] = accuracy.accuracy(network, preset, HELD_OUT_CLIPS)
        draw_curves(epochs, folder / "curves.png")
        write_json(folder / "metrics.json", {**metrics, "epochs": epochs})
        return _reached(metrics)


def _learn(preset: Preset, dataset: Dataset | None, folder: Path, strategy: Strategy) -> "Trained":
    data = load_clips(preset, dataset)
    check_alarm(preset, data.classes)  # now, not after hours
    return two_phases(preset, data, folder, strategy)


def _reached(metrics: Mapping[str, Any]) -> Reached:
    return Reached(metrics["val_accuracy"], metrics.get("held_out_accuracy"))


def is_first() -> bool:
    """Whether this process holds the folder, writes and speaks: with several GPUs Lightning starts the program once
    more for each, and numbers them."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


class Trained(NamedTuple):
    """What training gives: the network in canonical form; the float one that it began as; the phases' histories."""

    network: ReducedTSM
    warm: ReducedTSM
    epochs: dict[str, History]


def two_phases(preset: Preset, data: Clips, folder: Path, strategy: Strategy = SCRATCH) -> Trained:
    """Train the network of `preset` on `data` as `strategy` says, keeping its states in `folder`."""
    lightning.seed_everything(preset.training.seed, verbose=False)
    recipe, teachers = preset.training, strategy.teachers(preset, data.classes)
    warm = strategy.begin(preset, data.classes)
    network = ReducedTSM(preset, data.classes)

    def train_phase(
        model: ReducedTSM, phase: Phase, length: int, rate: float, teachers: Sequence[nn.Module]
    ) -> History:
        if length == 0:
            return []
        tuning.restrict(model, strategy.tune)
        learner = Learner(model, len(data.classes), recipe, rate, preset.augmentation.mirror, teachers)
        history = fit(learner, data, recipe, length, folder, phase)
        tuning.merge(model)
        return history

    epochs = {"float": train_phase(warm, Phase.FLOAT, recipe.float_epochs, recipe.float_lr, teachers)}
    checkpoint.fill(network, warm.state_dict(), folder / Phase.FLOAT.value)
    # What it was before quantization teaches it, where nobody else does: few clips alone would lead it astray.
    teachers = teachers or ([warm] if recipe.float_epochs else [])
    epochs["quantized"] = train_phase(network, Phase.QUANTIZED, recipe.qat_epochs, recipe.qat_lr, teachers)
    return Trained(network.cpu().snap(), warm.cpu().eval(), epochs)  # a teacher has followed its pupil to the GPU


def fit(learner: Learner, data: Clips, recipe: Training, epochs: int, folder: Path, phase: Phase) -> History:
    """Train `phase` for `epochs`, from the last state in its folder below `folder` if there is one, and leave the
    learner with the weights of the epoch that `recipe.keep` names. Returns loss and accuracy of each epoch.

    Only the quantized phase may stop early: the warm-up's first epochs are at chance, until it finds the motion.
    """
    print(phase.title)
    folder, history = folder / phase.value, _Epochs()
    choose = recipe.keep == "best" and len(data.validation) > 0  # type: ignore[arg-type]  # ours have a length
    best: dict[str, Any] = {"monitor": "val_accuracy", "mode": "max"} if choose else {}
    states = callbacks.ModelCheckpoint(folder, "best", save_last=True, enable_version_counter=False, **best)
    states.CHECKPOINT_NAME_LAST = "last"
    used: list[callbacks.Callback] = [history, states, callbacks.RichProgressBar(leave=True)]
    if choose and phase is Phase.QUANTIZED:
        used.append(callbacks.EarlyStopping("val_accuracy", mode="max", patience=recipe.patience))
    last = folder / "last.ckpt"
    if last.is_file():
        _state(last)  # now, and in one line
    with _quiet():
        trainer = lightning.Trainer(
            max_epochs=epochs,
            callbacks=used,
            logger=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=None if len(data.validation) else 0,  # type: ignore[arg-type]
            precision=_precision(phase, learner.network),
            deterministic="warn",  # the pool has no deterministic CUDA kernel
        )
        trainer.fit(learner, data, ckpt_path=last if last.is_file() else None)
    if trainer.interrupted:
        raise KeyboardInterrupt
    checkpoint.fill(learner, _state(folder / "best.ckpt")["state_dict"], folder / "best.ckpt")
    return history.epochs


def _state(path: Path) -> dict[str, Any]:
    """What Lightning left in `path`. Raises UserError where a crash or a full disk left only part of it."""
    try:
        content = checkpoint.read(path)
    except UserError:
        content = None
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UserError(
            f"{path}: damaged or missing, training cannot go on from it; remove {path.parent} to train anew"
        )
    return content


def _precision(phase: Phase, network: nn.Module) -> Literal["bf16-mixed", "32-true"]:
    """Half the time in bfloat16 where the machine multiplies it; quantizers need exact scales. Not for convolutions
    over time on a CPU: of torch 2.13 their bfloat16 weight gradient is at times memory that nobody wrote (up to 1e29
    seen in SlowFast's last stage, in one step of eight)."""
    if phase is not Phase.FLOAT:
        return "32-true"
    volume = any(isinstance(module, nn.Conv3d) for module in network.modules())
    fast = torch.cuda.is_available() or (torch.cpu._is_avx512_bf16_supported() and not volume)
    return "bf16-mixed" if fast else "32-true"


def _kept(preset: Preset, epochs: dict[str, History]) -> dict[str, float]:
    """The figures of the epoch whose weights were kept."""
    if preset.training.keep == "last":
        return epochs["quantized"][-1]
    return max(epochs["quantized"], key=lambda epoch: epoch["val_accuracy"])


def recipe_key(preset: Preset, strategy: Strategy, data: str) -> str:
    """The digest of all that decides what training gives: `preset`, `strategy`, our code and what it runs on, and
    `data`: the digest of the clips, or their kind where `begin` is told what is known of them."""
    return digest(preset.model_dump_json(), strategy.stamp(), data, code("shiftcore.quant.learner", packages=PACKAGES))


def begin(folder: Path, stamp: str, data: identity.Known | None = None) -> None:
    """Keep what an earlier run of the same `stamp` and `data` left in `folder`; clear its states away if it was
    another's, and say what changed since."""
    path, now = folder / "stamp.json", {"inputs": stamp, "data": data or {}}
    before = json.loads(path.read_text()) if path.is_file() else now
    if before != now:
        changed = identity.changes(before.get("data", {}), now["data"])  # type: ignore[arg-type]
        what = (
            f"the data changed since: {changed}"
            if changed
            else "the preset, the way it learns or the code changed since"
        )
        kept = "; until it ends, best.pt is the earlier one" * (folder / "best.pt").is_file()
        print(printable(f"{folder}: {what}; training starts anew{kept}"))
        for phase in Phase:
            shutil.rmtree(folder / phase.value, ignore_errors=True)
        (folder / "metrics.json").unlink(missing_ok=True)
    write_json(path, now)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning without its advice; its exit at Ctrl-C becomes the KeyboardInterrupt that it was."""
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except SystemExit:
            raise KeyboardInterrupt from None


def draw_curves(epochs: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Loss and accuracy over both phases, as a picture."""
    from matplotlib.figure import Figure  # not by way of pyplot, which keeps every figure until it is told to close it

    figure = Figure((10, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    rows = [row for phase in epochs.values() for row in phase]
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for phase in ("train", "val"):
            if f"{phase}_{quantity}" in rows[0]:
                panel.plot(range(1, len(rows) + 1), [row[f"{phase}_{quantity}"] for row in rows], label=phase)
        panel.axvline(len(epochs["float"]) + 0.5, color="gray", linestyle=":", label="quantization begins")
        panel.set(xlabel="epoch", ylabel=quantity)
        panel.legend()
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=100)
