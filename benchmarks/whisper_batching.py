"""Whisper base on 64 short clips: openai-whisper one by one, and the instrument in batches.

    python benchmarks/whisper_batching.py [--threads 2] [--clips 64]

The texts must be the same, and batches at least 1.5 times as fast on two cores. Both sides take
turns in parts of 16 clips of one language, as they stand in a run's batches, so that another load
on the machine meets them alike; the ratio is that of the sums, the parts' ratios its spread. The
gain comes from `xtts_lab/instruments/packed_linear.py`, `whisper_decoding.py` (steps that a batch
shares) and `whisper_loop.py` (the last layer, and rows that leave); the encoder, the larger part of
short clips' work, gains from the first alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from xtts_lab import audio
from xtts_lab.data.sentences import builtin
from xtts_lab.instruments.whisper.recogniser import Whisper
from xtts_lab.instruments.whisper.weights import locate
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.types import Clip, Request, Synthesis

LANGUAGES = ("en", "es", "it", "pt")  # those in which Whisper base understands espeak-ng best
PART = 16


def short_clips(folder: Path, count: int) -> list[Clip]:
    """Speak the shortest sentences of a few languages, one language after another."""
    texts = {code: sorted((s.text for s in builtin(code)), key=len) for code in LANGUAGES}
    turns = [divmod(i, PART) for i in range(count)]
    languages = [LANGUAGES[part % len(LANGUAGES)] for part, _ in turns]
    requests = [
        Request(texts[code][turn], code, (), 0)
        for code, (_, turn) in zip(languages, turns, strict=True)
    ]
    clips = []
    for i, made in enumerate(EspeakSystem().synthesise(requests)):
        assert isinstance(made, Synthesis)
        audio.save(folder / f"{i}.wav", made.audio)
        clips.append(Clip(folder / f"{i}.wav", requests[i].language))
    return clips


def one_by_one(network: Any, clips: list[Clip]) -> list[str]:
    """What openai-whisper's own `transcribe` hears."""
    return [
        network.transcribe(
            audio.load(clip.path, 16_000).samples,
            language=clip.language,
            temperature=0.0,
            no_speech_threshold=None,
            condition_on_previous_text=False,
            without_timestamps=True,
            fp16=False,
        )["text"].strip()
        for clip in clips
    ]


def in_batches(judge: Whisper, clips: list[Clip]) -> list[str]:
    return [str(output["text"]) for output in judge.measure(clips) if isinstance(output, dict)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clips", type=int, default=64)
    arguments = parser.parse_args()

    import torch
    import whisper

    torch.set_num_threads(arguments.threads)
    network = whisper.load_model(str(locate("base").path), device="cpu").eval()
    judge = Whisper(device="cpu")
    with tempfile.TemporaryDirectory() as temporary:
        clips = short_clips(Path(temporary), arguments.clips)
        parts = [clips[i : i + PART] for i in range(0, len(clips), PART)]
        one_by_one(network, clips[:1]), in_batches(judge, clips[:1])  # loads and warms up
        times, same = [], 0
        for part in parts:
            start = time.perf_counter()
            alone = one_by_one(network, part)
            between = time.perf_counter()
            together = in_batches(judge, part)
            times.append((between - start, time.perf_counter() - between))
            print(
                f"{len(part)} clips:    {times[-1][0]:6.1f} s and {times[-1][1]:6.1f} s", flush=True
            )
            same += sum(a == b for a, b in zip(alone, together, strict=True))
    alone_s, together_s = (sum(column) for column in zip(*times, strict=True))
    print(f"one by one:  {alone_s:6.1f} s  ({alone_s / len(clips):.2f} s a clip)")
    print(f"in batches:  {together_s:6.1f} s  ({together_s / len(clips):.2f} s a clip)")
    spread = ", ".join(f"{a / b:.2f}" for a, b in times)
    print(f"ratio:       {alone_s / together_s:6.2f}    (parts: {spread})")
    print(f"same texts:  {same} of {len(clips)}")


if __name__ == "__main__":
    main()
