"""Corpora of recorded speech: layouts of published ones, filters, the human speech pack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xtts_lab.audio import save
from xtts_lab.cli import run_app
from xtts_lab.training.corpora import folder as layout
from xtts_lab.training.corpora.layouts import LAYOUTS, recordings
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.corpora.recordings import Filters, cleaned
from xtts_lab.types import Audio

RATE = layout.SAMPLE_RATE


def _tone(seconds: float = 2.0, level: float = 0.1) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)).astype("f4")


def _write(path: Path, seconds: float = 2.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path.with_suffix(".wav"), Audio(torch.from_numpy(_tone(seconds)), RATE))
    path.with_suffix(".wav").rename(path)


def _ljspeech(root: Path) -> None:
    _write(root / "wavs" / "LJ001-0001.wav")
    _write(root / "wavs" / "LJ001-0002.wav")
    (root / "metadata.csv").write_text(
        'LJ001-0001|Mr. "A"|Mister "A"\nLJ001-0002|plain|plain\n', encoding="utf-8"
    )


def _libritts(root: Path) -> None:
    for subset, speaker in (("train-clean-100", "19"), ("dev-clean", "84"), ("test-other", "7")):
        name = f"{speaker}_1_000001_000000"
        _write(root / subset / speaker / "1" / f"{name}.wav")
        text = root / subset / speaker / "1" / f"{name}.normalized.txt"
        text.write_text(f"hello from {speaker}\n", encoding="utf-8")


def _mls(root: Path) -> None:
    for split in ("train", "dev", "test"):
        _write(root / split / "audio" / f"1{split}" / "2" / f"1{split}_2_000003.flac")
        (root / split / "transcripts.txt").write_text(
            f"1{split}_2_000003\thallo {split}\n", encoding="utf-8"
        )


def _common_voice(root: Path) -> None:
    for split in ("train", "dev", "test"):
        _write(root / "clips" / f"{split}.wav")
        (root / f"{split}.tsv").write_text(
            f'client_id\tpath\tsentence\tup_votes\nme-{split}\t{split}.wav\tSag "{split}\t2\n',
            encoding="utf-8",
        )


def _manifest(root: Path) -> None:
    for split in ("train", "eval"):
        _write(root / "audio" / f"{split}.wav")
    (root / "manifest.csv").write_text(
        "path,language,speaker,transcript,split\n"
        'audio/train.wav,de,a,"Eins, zwei",train\naudio/eval.wav,en,b,,eval\n',
        encoding="utf-8",
    )


MAKERS = {
    "ljspeech": _ljspeech,
    "libritts": _libritts,
    "mls": _mls,
    "common_voice": _common_voice,
    "manifest": _manifest,
}
EXPECTED = {
    "ljspeech": [("corpus", 'Mister "A"', None), ("corpus", "plain", None)],
    "libritts": [
        (s, f"hello from {s}", t) for s, t in (("19", "train"), ("7", "test"), ("84", "validation"))
    ],
    "mls": [(f"1{s}", f"hallo {s}", t) for s, t in zip(
        ("dev", "test", "train"), ("validation", "test", "train"), strict=True)],
    "common_voice": [(f"me-{s}", f'Sag "{s}', t) for s, t in zip(
        ("dev", "test", "train"), ("validation", "test", "train"), strict=True)],
    "manifest": [("a", "Eins, zwei", "train"), ("b", "", "test")],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_each_layout_is_read_and_becomes_a_corpus(name: str, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    root.mkdir()
    MAKERS[name](root)
    found = recordings(name, root, "de")
    assert [(r.speaker, r.text, r.split) for r in found] == EXPECTED[name]
    assert all(r.path.is_file() for r in found)
    out = tmp_path / "out"
    flags = [] if name == "manifest" else ["--languages", "de"]
    command = ["corpus", "recordings", "--from", str(root), "--layout", name, "--out", str(out)]
    assert run_app([*command, *flags]) == 0
    corpus = Corpus.open(out)
    assert tuple(corpus.items.columns) == layout.COLUMNS
    assert len(corpus.items) == len(found)
    spoken = corpus.items[corpus.items["text"] != ""]
    assert (spoken["phonemes"] != "").all()
    level = np.sqrt(np.mean((corpus.samples(0) / 32768.0) ** 2))
    assert 20 * np.log10(level) == pytest.approx(Filters().level_db, abs=0.2)


@pytest.mark.parametrize(
    ("samples", "kept"),
    [
        (_tone(2.0), True),
        (_tone(0.4), False),  # too short
        (_tone(30.0), False),  # too long
        (np.zeros(2 * RATE, "f4"), False),  # silent
        (np.zeros(0, "f4"), False),
        (_tone(2.0, 5e-4), False),  # too quiet
        (np.clip(_tone(2.0, 3.0), -1, 1), False),  # clipped
        (np.concatenate([_tone(0.5), np.zeros(2 * RATE, "f4"), _tone(0.5)]), False),  # mostly still
        (np.concatenate([np.zeros(RATE, "f4"), _tone(1.5), np.zeros(RATE, "f4")]), True),
    ],
)
def test_filters_of_each_kind(samples: np.ndarray, kept: bool) -> None:
    assert (len(cleaned(samples, Filters())) > 0) is kept


def test_silence_at_the_ends_is_cut_to_a_margin() -> None:
    samples = np.concatenate([np.zeros(RATE, "f4"), _tone(1.5), np.zeros(RATE, "f4")])
    assert len(cleaned(samples, Filters())) == pytest.approx(1.7 * RATE, abs=0.05 * RATE)


def test_refused_and_unreadable_clips_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "corpus", tmp_path / "out"
    _manifest(root)
    (root / "audio" / "train.wav").write_bytes(b"no audio")
    command = ["corpus", "recordings", "--from", str(root), "--layout", "manifest"]
    assert run_app([*command, "--out", str(out)]) == 0
    assert "1 clips refused" in capsys.readouterr().out
    assert layout.read_card(out)["refused"] == 1
    assert len(Corpus.open(out).items) == 1


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--layout", "librits", "--from", "X", "--languages", "en"], "did you mean 'libritts'?"),
        (["--layout", "mls", "--languages", "en"], "--from"),
        (["--layout", "ljspeech", "--from", "X", "--languages", "en"], "metadata.csv"),
        (["--layout", "ljspeech", "--from", "X"], "--languages"),
        (["--layout", "libritts", "--from", "X", "--languages", "en"], "holds no recordings"),
        (["--layout", "mls", "--from", "X", "--languages", "en,de"], "one language"),
        (["--layout", "mls", "--from", "X", "--languages", "xx"], "language"),
        (["--layout", "mls", "--from", "X", "--hours", "1"], "--hours"),
    ],
)
def test_mistakes_are_one_line(
    flags: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [str(tmp_path) if flag == "X" else flag for flag in flags]
    out = tmp_path / "out"
    assert run_app(["corpus", "recordings", "--out", str(out), *flags]) == 2
    message = capsys.readouterr().err.strip()
    assert told in message
    assert "\n" not in message
    assert not out.exists()


def test_few_speakers_without_splits_are_split_by_text_and_no_text_is_in_two(
    tmp_path: Path,
) -> None:
    root, out = tmp_path / "lj", tmp_path / "out"
    lines = [f"LJ-{n:03d}|x|the clip of number {n % 130}" for n in range(150)]
    _write(root / "wavs" / "LJ-000.wav", 1.2)
    for n in range(1, 150):
        (root / "wavs" / f"LJ-{n:03d}.wav").symlink_to(root / "wavs" / "LJ-000.wav")
    (root / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    command = ["corpus", "recordings", "--from", str(root), "--layout", "ljspeech"]
    assert run_app([*command, "--languages", "en", "--out", str(out)]) == 0
    by_split = Corpus.open(out).items.groupby("split")["text"].agg(set)
    assert set(by_split.index) == {"train", "validation", "test"}
    assert not (by_split["train"] & by_split["test"]) | (by_split["validation"] & by_split["test"])


def test_what_a_held_out_speaker_says_is_not_trained_on(tmp_path: Path) -> None:
    root, out = tmp_path / "corpus", tmp_path / "out"
    _manifest(root)
    (root / "manifest.csv").write_text(
        "path,language,speaker,text,split\naudio/train.wav,en,a,Say it!,train\n"
        "audio/eval.wav,en,b,say it,eval\naudio/train.wav,en,a,Something else.,train\n",
        encoding="utf-8",
    )
    command = ["corpus", "recordings", "--from", str(root), "--layout", "manifest"]
    assert run_app([*command, "--out", str(out)]) == 0
    assert set(Corpus.open(out).items["text"]) == {"say it", "Something else."}
    assert layout.read_card(out)["texts_left_out"] == 1


def test_held_out_speakers_of_the_pack_have_no_clip_in_training(
    speech_pack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pack"
    command = ["corpus", "recordings", "--from", str(speech_pack), "--layout", "manifest"]
    assert run_app([*command, "--out", str(out), "--languages", "cs", "--workers", "1"]) == 0
    corpus = Corpus.open(out)
    by_split = corpus.items.groupby("split")["speaker"].agg(set)
    assert not by_split["train"] & by_split["test"]
    assert corpus.card["rendered_items"] + corpus.card["refused"] == corpus.card["items"]
    assert corpus.card["rendered_items"] > 0.8 * corpus.card["items"]
