"""From a plan to audio: any number of processes, shard by shard, resumable in any order."""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import files
from xtts_lab.training.corpora import folder as layout
from xtts_lab.training.corpora import nuisance
from xtts_lab.training.corpora.worlds import Renderer, Track, silent, source

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

INDEX_EVERY_S = 20.0
POLL_S = 2.0


def render(
    folder: Path,
    *,
    devices: Sequence[str] = ("cpu",),
    workers: int = 1,
    minutes: float | None = None,
    track: Track = silent,
) -> bool:
    """Render the shards that are missing and write items.parquet; return whether all are there.

    `workers` processes take turns over `devices`. After `minutes`, no further shard is begun.
    """
    import pandas as pd

    files.remove_partials(folder)
    plan = pd.read_parquet(layout.plan_path(folder))
    shards = sorted(set(plan["shard"].tolist()))
    missing = [shard for shard in shards if layout.shard_lengths(folder, shard) is None]
    if missing:
        source(layout.read_card(folder)["name"]).ready()
    deadline = time.time() + 60 * minutes if minutes else float("inf")
    indexed = time.monotonic()
    work = _rendered(folder, missing, devices, workers, deadline)
    for _ in track(work, "rendering, shards", len(missing)):
        if time.monotonic() - indexed > INDEX_EVERY_S:
            index(folder, plan)
            indexed = time.monotonic()
    index(folder, plan)
    return all(layout.shard_lengths(folder, shard) is not None for shard in missing)


def index(folder: Path, plan: pd.DataFrame) -> None:
    """Write items.parquet from the shards that are finished, and the card's totals."""
    import pandas as pd

    finished = []
    for shard in sorted(set(plan["shard"].tolist())):
        lengths = layout.shard_lengths(folder, shard)
        if lengths is None:
            continue
        starts = [0]
        for length in lengths[:-1]:
            starts.append(starts[-1] + length)
        rows = plan[plan["shard"] == shard]
        finished.append(rows.assign(start=starts, samples=lengths))
    if not finished:
        return
    spoken = pd.concat(finished, ignore_index=True)[list(layout.COLUMNS)]
    items = spoken[spoken["samples"] > 0].reset_index(drop=True)
    layout.write_table(layout.items_path(folder), items)
    card = layout.read_card(folder)
    hours = items.groupby("split")["samples"].sum() / (3600 * layout.SAMPLE_RATE)
    card["hours"] = {str(split): round(float(value), 4) for split, value in hours.items()}
    card["rendered_items"] = len(items)
    card["refused"] = len(spoken) - len(items)
    card["content_sha256"] = _content(folder, plan) if len(spoken) == len(plan) else None
    files.write_json(layout.card_path(folder), card)


def _content(folder: Path, plan: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for shard in sorted(set(plan["shard"].tolist())):
        digest.update(layout.shard_path(folder, shard).read_bytes())
    return digest.hexdigest()


def _rendered(
    folder: Path,
    shards: Sequence[int],
    devices: Sequence[str],
    workers: int,
    deadline: float,
) -> Iterator[int]:
    """Render the shards; yield once for each that is finished, with some delay."""
    if workers == 1:
        yield from _work(folder, devices[0], shards, deadline)
        return
    # Spawned, not forked: CUDA does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running = [
            pool.submit(_work_through, folder, device, shards[first::workers], deadline)
            for first, device in zip(range(workers), itertools.cycle(devices), strict=False)
        ]
        unseen = set(shards)
        while not all(future.done() for future in running):
            wait(running, timeout=POLL_S, return_when=FIRST_EXCEPTION)
            finished = {x for x in unseen if layout.shard_lengths(folder, x) is not None}
            unseen -= finished
            yield from finished
            failed = [future for future in running if future.done() and future.exception()]
            if failed:
                pool.shutdown(wait=False, cancel_futures=True)
                failed[0].result()


def _work_through(folder: Path, device: str, shards: Sequence[int], deadline: float) -> int:
    """Render shards one after the other in a process of its own; return how many."""
    return sum(1 for _ in _work(folder, device, shards, deadline))


def _work(folder: Path, device: str, shards: Sequence[int], deadline: float) -> Iterator[int]:
    import pandas as pd

    plan = pd.read_parquet(layout.plan_path(folder))
    parts = dict(iter(plan.groupby("shard", sort=False)))
    speakers = json.loads(layout.speakers_path(folder).read_text(encoding="utf-8"))
    card = layout.read_card(folder)
    renderer = source(card["name"]).renderer(device, card["recipe"])
    for done, shard in enumerate(shards, 1):
        if time.time() > deadline:
            return
        rows: list[dict[str, Any]] = parts[shard].to_dict("records")  # type: ignore[assignment]
        layout.write_shard(folder, shard, [_clip(renderer, row, speakers) for row in rows])
        yield done


def _clip(
    renderer: Renderer, row: Mapping[str, Any], speakers: Mapping[str, Any]
) -> NDArray[np.int16]:
    speech = renderer.render(row, speakers[row["speaker"]])
    if nuisance.COLUMNS[0] not in row:  # recorded speech has circumstances enough
        return nuisance.pcm16(speech)
    circumstances = nuisance.Nuisance(**{name: row[name] for name in nuisance.COLUMNS})
    return nuisance.apply(speech, circumstances, row["id"])
