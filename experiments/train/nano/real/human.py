"""Recordings made fit for `real/`: two clips of each speaker, and words where nobody wrote any.

    python experiments/train/nano/real/human.py SPEECH OUT --languages en,es,pt --device cuda:0

SPEECH holds a `manifest.csv` (path, language, speaker, split, sample_rate, transcript,
speaker_basis). A training speaker's only clip is cut in two where it is quietest, for the reference
is another clip than the target. OUT/manifest.csv is for `xtts-lab corpus recordings --layout
manifest`. OUT/eval.jsonl is a test set of the evaluation speakers with two clips or more: the first
half of a clip is said again after another clip, and judged by the second half. Words that are
missing are Whisper's: of natural speech its error rate says nothing there. They are kept in
OUT/words.json, which may come from another machine.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from xtts_lab import config
from xtts_lab.audio import load, save
from xtts_lab.types import Audio, Clip, Failure
from xtts_lab.yaml_file import Document, Where

LEAST_S = 5.0
"""A clip that is shorter stays whole."""
FRAME_S = 0.1


@dataclass(frozen=True)
class Piece:
    """A clip, or a half of one."""

    path: Path
    language: str
    speaker: str
    text: str
    rate: int


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("speech", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--languages", default="en,es,pt")
    arguments.add_argument("--most", type=int, help="speakers of each split and language")
    arguments.add_argument("--model", default="base")
    arguments.add_argument("--device", default="auto")
    asked = arguments.parse_args()
    (asked.out / "audio").mkdir(parents=True, exist_ok=True)
    train: list[list[Piece]] = []
    held: list[list[Piece]] = []
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for (split, language), clips in _speakers(asked.speech, asked.languages.split(",")):
        counts[split, language] += 1
        if asked.most is not None and counts[split, language] > asked.most:
            continue
        if split == "eval" and len(clips) > 1:
            held += [_halves(clip, asked.out) for clip in clips]
        elif split == "train":
            train += [_halves(c, asked.out) if len(clips) == 1 else [c] for c in clips]
    pieces = [piece for clip in train + held for piece in clip]
    words = _words(pieces, asked.out / "words.json", asked.model, asked.device)
    _write_manifest(asked.out, [piece for clip in train for piece in clip], words)
    _write_test_set(asked.out, [clip for clip in held if len(clip) > 1], words)


def _speakers(speech: Path, languages: list[str]) -> list[tuple[tuple[str, str], list[Piece]]]:
    """The clips of each speaker who is known, with split and language."""
    found: dict[tuple[str, str, str], list[Piece]] = defaultdict(list)
    with (speech / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["language"] in languages and row["speaker_basis"] != "clip":
                path = (speech / row["path"]).resolve()
                text, rate = row["transcript"].strip(), int(row["sample_rate"])
                piece = Piece(path, row["language"], row["speaker"], text, rate)
                found[row["split"], row["language"], row["speaker"]].append(piece)
    return [((split, language), clips) for (split, language, _), clips in found.items()]


def _halves(clip: Piece, out: Path) -> list[Piece]:
    """The clip cut at the quietest place of its middle third; whole where it is short."""
    samples = load(clip.path, clip.rate).samples
    frame = int(FRAME_S * clip.rate)
    if len(samples) < LEAST_S * clip.rate:
        return [clip]
    first = len(samples) // 3
    middle = samples[first : 2 * first]
    levels = middle[: len(middle) // frame * frame].view(-1, frame).square().mean(dim=1)
    cut = first + int(levels.argmin()) * frame + frame // 2
    return [
        _written(clip, part, out / "audio" / f"{clip.path.stem}-{place}.wav")
        for place, part in enumerate((samples[:cut], samples[cut:]))
    ]


def _written(clip: Piece, samples: torch.Tensor, path: Path) -> Piece:
    if not path.is_file():
        save(path, Audio(samples.clone(), clip.rate))
    return replace(clip, path=path, text="")


def _words(pieces: Sequence[Piece], kept: Path, model: str, device: str) -> dict[Path, str]:
    """What each piece says: as written down, else as Whisper hears it."""
    known = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    silent = [piece for piece in pieces if not piece.text and piece.path.stem not in known]
    if silent:
        settings = {"name": "whisper", "model": model, "device": device}
        whisper: Any = config.build("instruments", settings, Where(Document("human")))
        heard = whisper.measure([Clip(piece.path, piece.language) for piece in silent])
        for piece, output in zip(silent, heard, strict=True):
            text = "" if isinstance(output, Failure) else str(output["text"]).strip()
            known[piece.path.stem] = text
        kept.write_text(json.dumps(known, ensure_ascii=False, indent=0), "utf-8")
    return {piece.path: piece.text or known[piece.path.stem] for piece in pieces}


def _write_manifest(out: Path, pieces: Sequence[Piece], words: dict[Path, str]) -> None:
    with (out / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "language", "speaker", "split", "sample_rate", "transcript"])
        writer.writerows(
            [p.path, p.language, p.speaker, "train", p.rate, words[p.path]] for p in pieces
        )
    print(f"{len(pieces)} pieces of {len({p.speaker for p in pieces})} speakers to train on")


def _write_test_set(out: Path, clips: Sequence[list[Piece]], words: dict[Path, str]) -> None:
    lines = []
    for place, (said, kept) in enumerate(clips):
        around = [*clips[place + 1 :], *clips[:place]]
        other = next((c for c in around if c[0].speaker == said.speaker), None)
        if other is None or not words[said.path]:
            continue
        row = {
            "id": said.path.stem,
            "text": words[said.path],
            "language": said.language,
            "speaker": said.speaker,
            "target": f"audio/{said.path.name}",
            "references": [
                {"audio": f"audio/{p.path.name}", "text": words[p.path], "language": p.language}
                for p in other
            ],
            "enrolment": [f"audio/{kept.path.name}"],
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    (out / "eval.jsonl").write_text("".join(lines), encoding="utf-8")
    print(f"{len(lines)} items to judge by")


if __name__ == "__main__":
    main()
