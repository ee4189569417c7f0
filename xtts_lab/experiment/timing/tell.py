"""What was seen by the clock, as tables of measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from xtts_lab.experiment.timing.probe import Asked, Probed
from xtts_lab.runs.measurements import Measured, Measurements, Value
from xtts_lab.statistics.rules import ENOUGH_FOR_PERCENTILE

FIRST = {
    "first_audio_ms.p50": "first audio p50, ms",
    "first_audio_ms.p95": "p95",
    "first_audio_ms.p99": "p99",
    "first_sound_ms.p50": "first sound p50, ms",
    "first_sound_ms.p95": "p95",
    "cold_first_audio_ms.p50": "first audio, cold voice p50, ms",
    "first_chunk_ms.mean": "first chunk plays, ms",
    "longest_gap_ms.p50": "longest gap p50, ms",
    "rtf.mean": "real-time factor",
    "underruns_per_utterance": "underruns an utterance",
    "stream_equals_offline": "equals offline, share",
}
LOAD = {
    "first_sound_ms.p50": "first sound p50, ms",
    "first_sound_ms.p95": "p95",
    "first_sound_ms.p99": "p99",
    "first_audio_ms.p50": "first audio p50, ms",
    "first_audio_ms.p95": "p95",
    "underruns_per_utterance": "underruns an utterance",
    "failed": "failed, share",
    "equals_alone": "equals alone, share",
}
STAGES = {
    "condition_ms": "conditioning (the voice from its references)",
    "front_end_ms": "text to tokens",
    "prefill_ms": "prefill, until the first code",
    "code_ms": "a further code",
    "vocoder_ms": "vocoder, a piece",
    "transfer_ms": "transfer to the host, a piece",
}


def measurements(
    found: Sequence[Probed], asked: Asked, command: str, machine: Mapping[str, str], made: str
) -> Measurements:
    """Return the tables of `xtts-lab latency`."""
    tables = [_first(found), _stages(found)]
    if asked.rates:
        tables.append(_load(found))
    return Measurements(
        "Latency", command, dict(machine), tables, list(_notes(found, asked)), made=made
    )


def _first(found: Sequence[Probed]) -> Measured:
    rows: list[list[Value]] = [
        [one.name, one.trials, len(one.failures), *(one.latency.get(q) for q in FIRST)]
        for one in found
    ]
    return Measured(
        "First audio",
        ["system", "trials", "failed", *FIRST.values()],
        rows,
        remark="From when the text was submitted, the voice ready, until samples lie in the memory "
        "of the host; first sound: until the first sample that is not silent is played.",
    )


def _stages(found: Sequence[Probed]) -> Measured:
    rows: list[list[Value]] = []
    for one in found:
        for key, said in STAGES.items():
            values = one.stages.get(key)
            if values:
                rows.append([one.name, said, *_spread(values), len(values)])
    return Measured(
        "Stages, ms",
        ["system", "stage", "p50", "p95", "p99", "n"],
        rows,
        labels=2,
        remark="The device is waited for between stages, which a stream never does: they are "
        "slower so than together.",
    )


def _load(found: Sequence[Probed]) -> Measured:
    rows: list[list[Value]] = [
        [one.name, f"{rate:g}", *(values.get(q) for q in LOAD)]
        for one in found
        for rate, values in one.load.items()
    ]
    return Measured(
        "Load",
        ["system", "requests a second", *LOAD.values()],
        rows,
        labels=2,
        remark="Poisson arrivals, open loop: a request's clock starts when it is due.",
    )


def _spread(values: Sequence[float]) -> list[Value]:
    return [
        float(np.percentile(values, percent)) if len(values) >= least else None
        for percent, least in ENOUGH_FOR_PERCENTILE.items()
    ]


def _notes(found: Sequence[Probed], asked: Asked) -> Iterator[str]:
    yield f"{asked.warmups} streams of each system beforehand, untimed."
    enough = ", ".join(f"p{p} from {n:,}" for p, n in ENOUGH_FOR_PERCENTILE.items() if n > 1)
    yield f"A percentile is printed from enough trials only: {enough}."
    if asked.rates:
        yield (
            f"Load: {asked.load_trials} requests a rate, at most {asked.streams} streams at once."
        )
    for one in found:
        if one.weights_random:
            yield f"{one.name}: its weights are random: what it says means nothing."
        yield from (f"{one.name}: {failure}" for failure in one.failures)
