"""Losses on disk: a CSV, and TensorBoard where it is asked for."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xtts_lab import files
from xtts_lab.errors import UsageError


class Table:
    """A CSV that grows by rows, `step` first; a resumed run cuts off what it will write again."""

    def __init__(self, path: Path, before: int) -> None:
        self.path = path
        self.columns: list[str] = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            kept = [row for row in rows if int(row["step"]) <= before]
            self.columns = list(kept[0]) if kept else []
            lines = [self.columns, *([row[c] for c in self.columns] for row in kept)]
            files.write_text(path, _lines(lines) if kept else "")

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row; the first decides the columns."""
        lines: list[list[str]] = []
        if not self.columns:
            self.columns = list(row)
            lines.append(self.columns)
        lines.append([_shown(row.get(column)) for column in self.columns])
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_lines(lines))


def _lines(rows: list[list[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


class Sums:
    """Means of the losses since the last log line, summed where they are."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}
        self.count = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        for name, loss in losses.items():
            value = loss.detach().float()
            self.totals[name] = value + self.totals[name] if name in self.totals else value
        self.count += 1

    def take(self) -> dict[str, float]:
        """Return the means and begin anew; this waits for the device."""
        means = {name: float(total) / self.count for name, total in self.totals.items()}
        self.totals, self.count = {}, 0
        return means

    def state(self) -> dict[str, Any]:
        return {"totals": self.totals, "count": self.count}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        self.totals = {name: total.to(device) for name, total in state["totals"].items()}
        self.count = int(state["count"])


class Board:
    """TensorBoard's event files of a run, or nothing."""

    def __init__(self, folder: Path, wanted: bool) -> None:
        self.writer: Any = None
        if wanted:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise UsageError(
                    "training.tensorboard: TensorBoard is absent; remedy: pip install tensorboard"
                ) from None
            self.writer = SummaryWriter(str(folder / "tensorboard"))

    def add(self, split: str, values: Mapping[str, float], step: int) -> None:
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(f"{name}/{split}", value, step)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
