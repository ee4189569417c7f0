"""The audio side by side: a few utterances embedded, the rest linked."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import pandas as pd

from xtts_lab.languages import language_name
from xtts_lab.report.numbers import figure
from xtts_lab.report.sections.listed import is_here, sampled
from xtts_lab.runs.reading import Run

Row: TypeAlias = dict[Any, Any]

MOST_PLAYERS = 60
_AT_ONCE = 4
"""Players whose audio is compressed at a time."""
# MP3 and not Ogg: libsndfile numbers Ogg streams at random, so that equal audio would give unequal
# reports; and every browser plays MP3. FLAC serves sample rates that MP3 lacks.
_POOLED = re.compile(r"\.(micro|macro|p\d+)$")
_MP3_RATES = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))


@dataclass(frozen=True)
class Take:
    """One trial for a listener: `source` is a data URI where it is embedded, `link` a file.

    Both are empty where the file is not there.
    """

    arm: int
    name: str
    repeat: int
    link: str
    source: str
    heard: str
    scores: list[tuple[str, str]]
    error: str


@dataclass(frozen=True)
class _Evidence:
    """What was heard and scored, by trial id, and the audio of those that are embedded."""

    heard: dict[str, str]
    scores: dict[str, list[tuple[str, str]]]
    sources: dict[str, str]


@dataclass(frozen=True)
class Item:
    """One utterance and what each arm made of it."""

    utterance: str
    language: str
    language_name: str
    speaker: str
    text: str
    takes: list[Take]


def items(run: Run) -> tuple[list[Item], list[Item]]:
    """Return the utterances with embedded audio, and those with links only.

    Utterances are taken in turn from every language, with all arms side by side (the first
    repeat), until another would take more than `MOST_PLAYERS` players; both lists follow the plan.
    Of many trials at most `MOST_LINKED` are there (see `sampled`). An utterance of which no audio
    is there is in neither (see `listed`).
    """
    trials = sampled(run.trials)
    groups = {
        utterance: rows
        for utterance, rows in _by_utterance(trials).items()
        if any(row["status"] != "ok" or is_here(run, row) for row in rows)
    }
    chosen = _chosen(groups)
    shown_ids = set(trials["trial_id"]) if len(trials) < len(run.trials) else None
    played = {key: _first_repeat(rows)[: chosen.get(key, 0)] for key, rows in groups.items()}
    sources = _sources(run, [row for rows in played.values() for row in rows])
    evidence = _Evidence(_heard(run, shown_ids), _scores(run, shown_ids), sources)
    embedded, linked = [], []
    for key, rows in groups.items():
        rest = [row for row in rows if str(row["trial_id"]) not in sources]
        if played[key]:
            embedded.append(_item(run, played[key], evidence))
        if rest:
            linked.append(_item(run, rest, evidence))
    return embedded, linked


def _by_utterance(trials: pd.DataFrame) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in trials.to_dict("records"):
        groups.setdefault(str(row["utterance_id"]), []).append(row)
    return groups


def _first_repeat(rows: list[Row]) -> list[Row]:
    first = min(row["repeat"] for row in rows)
    return [row for row in rows if row["repeat"] == first]


def _chosen(groups: dict[str, list[Row]]) -> dict[str, int]:
    """Return which utterances are embedded, and how many trials of each."""
    queues: dict[str, list[tuple[str, int]]] = {}
    for key, rows in groups.items():
        size = len(_first_repeat(rows))
        queues.setdefault(str(rows[0]["language"]), []).append((key, size))
    chosen: dict[str, int] = {}
    left = MOST_PLAYERS
    for turn in itertools.zip_longest(*queues.values()):
        for key, size in filter(None, turn):
            if size > left and chosen:
                return chosen
            chosen[key] = min(size, left)
            left -= chosen[key]
    return chosen


def _item(run: Run, rows: list[Row], evidence: _Evidence) -> Item:
    language = str(rows[0]["language"])
    return Item(
        utterance=str(rows[0]["utterance_id"]),
        language=language,
        language_name=language_name(language),
        speaker=str(rows[0]["speaker"]),
        text=str(rows[0]["text"]),
        takes=[_take(run, row, evidence) for row in rows],
    )


def _take(run: Run, row: Row, evidence: _Evidence) -> Take:
    ok = row["status"] == "ok"
    path, trial = str(row["audio_path"]) if ok else "", str(row["trial_id"])
    return Take(
        arm=run.arms.index(str(row["arm"])),
        name=str(row["arm"]),
        repeat=int(row["repeat"]),
        link=quote(path) if ok and is_here(run, row) else "",
        source=evidence.sources.get(trial, ""),
        heard=evidence.heard.get(trial, ""),
        scores=evidence.scores.get(trial, []),
        error="" if ok else str(row["error"]),
    )


def _sources(run: Run, rows: list[Row]) -> dict[str, str]:
    """Return the audio of trials as data URIs, by trial id; empty where there is none."""
    paths = [run.path / str(r["audio_path"]) if r["status"] == "ok" else None for r in rows]
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # compressing leaves Python's lock to others
        made = pool.map(lambda path: "" if path is None else _data_uri(path), paths)
        return {str(row["trial_id"]): uri for row, uri in zip(rows, made, strict=True)}


def _data_uri(path: Path) -> str:
    """Return compressed audio as a data URI; empty where the file is gone or unreadable."""
    import soundfile

    try:
        samples, rate = soundfile.read(os.fsencode(path), dtype="float32")
    except (OSError, RuntimeError):
        return ""
    return data_uri(samples, rate)


def data_uri(samples: Any, sample_rate: int) -> str:
    """Samples [T], or [T, channels], -> a data URI of compressed audio that browsers play."""
    import soundfile

    kind, mime = ("MP3", "audio/mpeg") if sample_rate in _MP3_RATES else ("FLAC", "audio/flac")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format=kind)
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _heard(run: Run, wanted: Collection[str] | None) -> dict[str, str]:
    """Return what a recogniser heard, trial by trial: the first output that has a text."""
    own = run.evidence[(run.evidence["role"] == "audio") & run.evidence["output"].notna()]
    own = own if wanted is None else own[own["trial_id"].isin(wanted)]
    texts: dict[str, str] = {}
    for trial, output in zip(own["trial_id"], own["output"], strict=True):
        content = json.loads(str(output))
        if isinstance(content, dict) and "text" in content:
            texts.setdefault(str(trial), str(content["text"]).strip())
    return texts


def _scores(run: Run, wanted: Collection[str] | None) -> dict[str, list[tuple[str, str]]]:
    """Return figures trial by trial; means, rates and percentiles of one trial are one figure."""
    found: dict[str, list[tuple[str, str]]] = {}
    for trial, metric, value in _score_rows(run, wanted):
        name = _POOLED.sub("", metric)
        unit = run.described.get(metric, ("", ""))[0]
        line = (name, figure(value, unit))
        if line not in found.setdefault(trial, []):
            found[trial].append(line)
    return found


def _score_rows(run: Run, wanted: Collection[str] | None) -> Iterator[tuple[str, str, float]]:
    known = run.scores[run.scores["value"].notna()]
    known = known if wanted is None else known[known["trial_id"].isin(wanted)]
    order = {metric: i for i, metric in enumerate(run.metrics)}
    ranked = known.assign(_rank=known["metric"].map(order)).sort_values("_rank", kind="stable")
    for trial, metric, value in zip(
        ranked["trial_id"], ranked["metric"], ranked["value"], strict=True
    ):
        yield str(trial), str(metric), float(value)
