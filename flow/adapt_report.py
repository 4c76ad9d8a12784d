# SPDX-License-Identifier: BSD-3-Clause
"""What `make adapt` says: on the terminal, and in the report that each version keeps."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from shiftcore.flow.versions import ORIGINAL, PROMOTED, Version


def warn(sources_known: bool, classes: Sequence[str], found: set[str]) -> None:
    """Say on stderr what weakens the comparison, though it does not stop it."""
    if not sources_known:
        print(
            "warning: nothing says which clips share a scene, so each counts as a source of its own; if some do, the "
            "comparison is surer than it should be: name the sources in index.csv (docs/data.md)",
            file=sys.stderr,
        )
    if missing := [name for name in classes if name not in found]:
        print(
            f"warning: no clips of {', '.join(missing)}: the network may unlearn that, and nothing here would show it",
            file=sys.stderr,
        )


def lines(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The comparison as a table: what, of the old network, of the new one."""
    clips, right = figures["clips"], figures["right"]
    old, new = right["old"] / clips, right["new"] / clips
    table = [
        ("log loss", f"{figures['log_loss']['old']:.3f}", f"{figures['log_loss']['new']:.3f}"),
        (f"right, of {clips} clips", f"{right['old']} ({old:.0%})", f"{right['new']} ({new:.0%})"),
        ("right where the other is wrong", str(figures["only_old_right"]), str(figures["only_new_right"])),
    ]
    if auc := figures["auc"]:
        table.append(("AUC of the alarm", f"{auc['old']:.3f}", f"{auc['new']:.3f}"))
    return table


def notes(figures: dict[str, Any]) -> list[str]:
    """The test, and what stands beside it, a sentence each."""
    said = [
        f"Paired permutation test of the log loss, {figures['sources']} sources swapped whole, one-sided: "
        f"p = {figures['p']:.2g} (the least that so many sources can give: {figures['smallest_p']:.2g}).",
        f"McNemar's test on single clips, for comparison: p = {figures['mcnemar_p']:.2g}.",
    ]
    if auc := figures["auc"]:
        low, high = auc["difference_ci95"]
        said.append(
            f"AUC, new minus old: {auc['difference']:+.3f}, 95 % interval over sources {low:+.3f} to {high:+.3f}."
        )
    return said


def verdict(report: dict[str, Any]) -> str:
    """The outcome in a line."""
    figures = report["figures"]
    sure = f"{100 * figures['confidence']:.4g} % confidence (p = {figures['p']:.2g})"
    if report["outcome"] == PROMOTED:
        return (
            f"promoted: the new network is better with {sure}; `make export`, `compile` and `evaluate` use it now, and "
            "`make rollback` goes back"
        )
    if figures["p"] > 1 - figures["confidence"]:
        return f"kept the old one: the new one is not better with {sure}"
    return f"kept the old one: the new one costs less log loss with {sure}, but has no more clips right"


def table(report: dict[str, Any]) -> Table:
    """The comparison for a terminal."""
    figures = report["figures"]
    view = Table("held out, integer model", "old", "new", title=f"{report['preset']}: {report['strategy']}")
    for line in lines(figures):
        view.add_row(*line)
    view.caption, view.caption_justify = "\n".join(notes(figures)), "left"
    return view


def markdown(report: dict[str, Any]) -> str:
    """The report of one version."""
    figures, data = report["figures"], report["data"]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines(figures))
    said = "\n".join(f"- {note}" for note in notes(figures))
    taught = (
        f" {report['only_teaching']} more clips, of sources it knew, only taught." if report["only_teaching"] else ""
    )
    chosen = report["threshold"]
    threshold = "" if chosen is None else f"\nThe alarm's threshold chosen on the same scores: {chosen:.3f}.\n"
    return (
        f"# {report['preset']} on `{data['folder']}`: {report['strategy']} from version {report['parent']}\n\n"
        f"**{verdict(report)}**\n\n"
        f"{figures['clips']} clips of {figures['sources']} sources, {data['folds']} folds by source: each clip is "
        f"scored by networks that never saw its source, as the chip computes.{taught}\n\n"
        f"| held out | old | new |\n|---|---|---|\n{rows}\n\n{said}\n"
        f"{threshold}\n"
        f"Fingerprint of the data: `{data['fingerprint'][:16]}`; every clip is in `report.json`.\n"
    )


def history(found: Sequence[Version], used: Version | None) -> list[str]:
    """All versions for a terminal, a line each."""
    said = []
    for version in found:
        report = version.report
        line = f"{version.number:>4}  {report['date']}  {report['outcome']:<8}"
        if report["outcome"] != ORIGINAL:
            figures = report["figures"]
            right = f"{figures['right']['old']} -> {figures['right']['new']} of {figures['clips']} right"
            line += f"  {report['strategy']} from {report['parent']}, {right}, p = {figures['p']:.2g}"
        said.append(line + ("  <- in use" if used and version.number == used.number else ""))
    return said
