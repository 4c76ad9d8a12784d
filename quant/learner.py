"""Training: a float warm-up, then quantization-aware training of the same network from its weights.

Everything is under `build/<preset>/qat`: `float/` and `quantized/` with the last and the best state of each phase,
from which an interrupted run goes on, and at the end `best.pt`, `metrics.json` and `curves.png`.
"""

import contextlib
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import callbacks
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from common.artifacts import atomic_file, digest, lock, write_json
from common.preset import Preset, Training, check_alarm
from quant import checkpoint, compare
from quant.data import Clips, load_clips
from quant.network import ReducedTSM

HELD_OUT_CLIPS = 1000


class Learner(lightning.LightningModule):
    """Teaches a network the class of a clip: the mean of its frames' logits (TSN's segmental consensus)."""

    def __init__(self, network: ReducedTSM, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.train_accuracy = MulticlassAccuracy(len(network.classes), average="micro")
        self.val_accuracy = MulticlassAccuracy(len(network.classes), average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        clips, labels = batch
        mirrored = torch.rand(len(clips), 1, 1, 1, 1, device=clips.device) < 0.5
        loss = self._step(torch.where(mirrored, clips.flip(-1), clips), labels, "train")
        self.log("loss", loss, prog_bar=True, on_epoch=False)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        self._step(*batch, "val")

    def _step(self, clips: Tensor, labels: Tensor, phase: str) -> Tensor:
        consensus = self.network(clips.float()).mean(1)
        loss = nn.functional.cross_entropy(consensus, labels)
        metric = self.train_accuracy if phase == "train" else self.val_accuracy
        metric(consensus, labels)
        for name, value in ((f"{phase}_loss", loss), (f"{phase}_accuracy", metric)):
            self.log(name, value, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(clips))
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW, one cycle; scales and biases of batch norm are not decayed."""
        flat = [p for p in self.network.parameters() if p.ndim == 1]
        deep = [p for p in self.network.parameters() if p.ndim > 1]
        groups = [{"params": deep, "weight_decay": self.weight_decay}, {"params": flat, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate)
        steps = max(6, int(self.trainer.estimated_stepping_batches))  # the schedule divides by zero at 5
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, total_steps=steps, pct_start=0.2)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class History(callbacks.Callback):
    """Loss and accuracy of every epoch; survives an interruption with the checkpoint."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.epochs.append(
            {name: round(float(value), 4) for name, value in trainer.callback_metrics.items() if name != "loss"}
        )

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = state_dict["epochs"]


def train(preset: Preset, videos: Path | None = None) -> dict[str, Any]:
    """Train `preset`, or go on where an interrupted run of the same preset and data stopped; returns what
    `metrics.json` holds. `videos`: the folder of its clips, None for synthetic scenes. Raises UserError for data that
    cannot be used."""
    folder = preset.build / "qat"
    with lock(folder):
        _begin(folder, digest(preset.model_dump_json(), str(videos and videos.resolve())))
        if (folder / "metrics.json").is_file():
            print(f"{folder}: this preset is trained; remove that folder to train it anew")
            return json.loads((folder / "metrics.json").read_text())
        lightning.seed_everything(preset.training.seed, verbose=False)
        data = load_clips(preset, videos)
        check_alarm(preset, data.classes)  # now, not after hours
        return _two_phases(preset, data, folder, synthetic=videos is None)


def _begin(folder: Path, stamp: str) -> None:
    """Keep what an earlier run of the same stamp left in `folder`; clear it away if it was another's."""
    path = folder / "stamp.json"
    if path.is_file() and json.loads(path.read_text())["inputs"] != stamp:
        print(f"{folder}: the preset or the data changed since; training starts anew")
        for phase in ("float", "quantized"):
            shutil.rmtree(folder / phase, ignore_errors=True)
        (folder / "metrics.json").unlink(missing_ok=True)
    write_json(path, {"inputs": stamp})


def _two_phases(preset: Preset, data: Clips, folder: Path, synthetic: bool) -> dict[str, Any]:
    recipe = preset.training
    warm = ReducedTSM(preset, data.classes, quantized=False)
    epochs = {}
    epochs["float"] = _phase(warm, data, recipe, folder / "float")
    network = ReducedTSM(preset, data.classes)
    network.load_state_dict(warm.state_dict())
    epochs["quantized"] = _phase(network, data, recipe, folder / "quantized")

    checkpoint.save(network.snap(), preset, checkpoint.trained_path(preset))
    best = max(epochs["quantized"], key=lambda epoch: epoch["val_accuracy"])
    metrics: dict[str, Any] = {"preset": preset.name, "classes": data.classes, **best}
    if synthetic:
        metrics |= {"held_out_accuracy": compare.accuracy(network, preset, HELD_OUT_CLIPS)}
    _draw(epochs, folder / "curves.png")
    write_json(folder / "metrics.json", {**metrics, "epochs": epochs})
    return metrics


def _phase(network: ReducedTSM, data: Clips, recipe: Training, folder: Path) -> list[dict[str, float]]:
    """The phase called as `folder`: train `network`, from the last state in `folder` if there is one, and leave it
    with the weights of its best epoch. Returns loss and accuracy of each epoch.

    Only the second phase may stop early: the warm-up spends its first epochs at chance, until it finds the motion.
    """
    warm_up = folder.name == "float"
    epochs, rate = (recipe.float_epochs, recipe.float_lr) if warm_up else (recipe.qat_epochs, recipe.qat_lr)
    if epochs == 0:
        return []
    print("float warm-up" if warm_up else "quantization-aware training")
    patience = epochs if warm_up else recipe.patience
    history = History()
    best = callbacks.ModelCheckpoint(folder, "best", monitor="val_accuracy", mode="max", save_last=True)
    best.CHECKPOINT_NAME_LAST = "last"
    stop = callbacks.EarlyStopping("val_accuracy", mode="max", patience=patience)
    learner = Learner(network, rate, recipe.weight_decay)
    last = folder / "last.ckpt"
    with _quiet():
        trainer = lightning.Trainer(
            max_epochs=epochs,
            callbacks=[history, best, stop, callbacks.RichProgressBar(leave=True)],
            logger=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            deterministic="warn",  # the pool has no deterministic CUDA kernel
        )
        trainer.fit(learner, data, ckpt_path=last if last.is_file() else None)
    if trainer.interrupted:
        raise KeyboardInterrupt
    learner.load_state_dict(torch.load(folder / "best.ckpt", weights_only=True)["state_dict"])
    return history.epochs


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


def _draw(epochs: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Loss and accuracy over both phases, as a picture."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    rows = [row for phase in epochs.values() for row in phase]
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for phase in ("train", "val"):
            panel.plot(range(1, len(rows) + 1), [row[f"{phase}_{quantity}"] for row in rows], label=phase)
        panel.axvline(len(epochs["float"]) + 0.5, color="gray", linestyle=":", label="quantization begins")
        panel.set(xlabel="epoch", ylabel=quantity)
        panel.legend()
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=100)
    plt.close(figure)
