"""A corpus in the real format whose "speech" can be learned in seconds: a tone for each symbol."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xtts_lab.training.corpora import folder as layout

SYMBOLS = "aeioust"
RATE = layout.SAMPLE_RATE
TONE_S, GAP_S = 0.12, 0.04


def tones(symbols: str, pitch: float, random: np.random.Generator) -> NDArray[np.int16]:
    """Each symbol as a tone of its own, with a gap behind it and a little noise."""
    time = np.arange(int(TONE_S * RATE)) / RATE
    hush = np.zeros(int(GAP_S * RATE))
    parts = [hush]
    for symbol in symbols:
        hertz = pitch * 300 * 1.45 ** SYMBOLS.index(symbol)
        fade = np.minimum(1, 20 * np.minimum(time / TONE_S, 1 - time / TONE_S))
        parts += [0.3 * fade * np.sin(2 * np.pi * hertz * time), hush]
    samples = np.concatenate(parts)
    samples = samples + 0.002 * random.standard_normal(len(samples))
    return (samples * 32767).astype(np.int16)


def write(folder: Path, utterances: int = 48, seed: int = 0) -> Path:
    """Write utterances of 4 to 9 symbols by six speakers in two languages; three in four train."""
    random = np.random.default_rng(seed)
    rows, clips, start = [], [], 0
    for number in range(utterances):
        symbols = "".join(random.choice(list(SYMBOLS), int(random.integers(4, 10))))
        speaker = number % 6
        clip = tones(symbols, 1.0 + 0.03 * speaker, random)
        split = ("train", "train", "train", "validation", "train", "test")[number // 8 % 6]
        rows.append({
            "id": f"t{number:03d}", "language": ("en", "es")[number % 2], "speaker": f"s{speaker}",
            "split": split, "text": symbols, "phonemes": f"ˈ{symbols}.", "shard": 0,
            "start": start, "samples": len(clip),
            "role": "enrolment" if number % 16 > 13 else "utterance",
        })  # fmt: skip
        clips.append(clip)
        start += len(clip)
    layout.write_shard(folder, 0, clips)
    layout.write_table(layout.items_path(folder), pd.DataFrame(rows, columns=layout.COLUMNS))
    card = {
        "name": "tones",
        "version": layout.VERSION,
        "sample_rate": RATE,
        "content_sha256": f"tones{seed}",
    }
    layout.card_path(folder).write_text(json.dumps(card), encoding="utf-8")
    return folder
