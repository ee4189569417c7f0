"""Test sets that people use, read from two-row imitations of their published formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from xtts_lab.cli import run_app
from xtts_lab.data.manifest import ManifestTexts
from xtts_lab.errors import UsageError
from xtts_lab.runs.published import names, published
from xtts_lab.yaml_file import read

PRESETS = Path(__file__).parents[1] / "experiments" / "presets"


def clip(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).normal(0, 0.1, 24_000)
    form = path.suffix.lstrip(".").upper()
    soundfile.write(path, noise, 24_000, format=form)


def seed_tts_eval(root: Path) -> dict[str, str]:
    for language, text in (("en", "Good morning."), ("zh", "早上好。")):
        folder = root / language
        rows = [f"utt{i}|What I say.|prompt-wavs/p{i}.wav|{text}" for i in range(2)]
        for i in range(2):
            clip(folder / "prompt-wavs" / f"p{i}.wav")
            clip(folder / "wavs" / f"utt{i}.wav")
        (folder / "meta.lst").write_text("\n".join(rows), encoding="utf-8")
    hard = [row.replace("utt", "hard") for row in rows]
    (root / "zh" / "hardcase.lst").write_text("\n".join(hard), encoding="utf-8")
    return {"XTTS_LAB_SEED_TTS": str(root)}


def librispeech_pc(root: Path) -> dict[str, str]:
    rows = []
    for i in range(2):
        prompt, said = f"10{i}-7-000{i}", f"10{i}-8-000{i}"
        for name in (prompt, said):
            speaker, chapter, _ = name.split("-")
            clip(root / "test-clean" / speaker / chapter / f"{name}.flac")
        rows.append(f"{prompt}\t4.1\tWhat I say.\t{said}\t5.0\tGood morning, sir.")
    name = "librispeech_pc_test_clean_cross_sentence.lst"
    (root / name).write_text("\n".join(rows), encoding="utf-8")
    return {"XTTS_LAB_LIBRISPEECH": str(root)}


def minimax(root: Path) -> dict[str, str]:
    (root / "text").mkdir(parents=True)
    prompts = []
    for name, text in (("english", "Good morning."), ("chinese", "早上好。"), ("thai", "สวัสดี")):
        speakers = [f"{name}_female", f"{name}_male"]
        for speaker in speakers:
            clip(root / "speaker" / name / speaker / f"{speaker}_clip.mp3")
            prompts.append(f"{speaker}_clip.mp3|What {speaker} says.")
        rows = [f"{speaker}|{text}" for speaker in speakers]
        (root / "text" / f"{name}.txt").write_text("\n".join(rows), encoding="utf-8")
    (root / "speaker" / "prompt_text.txt").write_text("\n".join(prompts), encoding="utf-8")
    return {"XTTS_LAB_MINIMAX": str(root)}


def x_voice(root: Path) -> dict[str, str]:
    for language, text in (("en", "Good morning."), ("zh", "早上好。"), ("bg", "Добро утро.")):
        place = root / "zero_shot" / language
        for i in range(2):
            clip(place / "prompts" / f"{i}.wav")
            clip(place / "ground_truth" / f"gt_{i}.wav")
        lines = {
            "text": f"{language}_{{i}} {text}",
            "prompt_text": f"{language}_{{i}} What I say.",
            "prompt_wav.scp": f"{language}_{{i}} data/zero_shot/{language}/prompts/{{i}}.wav",
        }
        for name, line in lines.items():
            said = "\n".join(line.format(i=i) for i in range(2))
            (place / name).write_text(said, encoding="utf-8")
    return {"XTTS_LAB_XVOICE": str(root)}


IMITATIONS = {
    "seed-tts-eval-en": (seed_tts_eval, ["en"]),
    "seed-tts-eval-zh": (seed_tts_eval, ["zh-cn"]),
    "seed-tts-eval-hard": (seed_tts_eval, ["zh-cn"]),
    "librispeech-pc": (librispeech_pc, ["en"]),
    "minimax-multilingual": (minimax, ["en", "zh-cn"]),
    "x-voice": (x_voice, ["en", "zh-cn"]),
}


def preset(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    imitate, _ = IMITATIONS[name]
    for variable, value in imitate(folder / "set").items():
        monkeypatch.setenv(variable, value)
    return dict(read(PRESETS / f"{name}.yaml").data)


def test_every_preset_is_tried() -> None:
    assert {path.stem for path in PRESETS.glob("*.yaml")} == set(IMITATIONS)


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_preset_reads_two_rows_of_its_format(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = preset(name, tmp_path, monkeypatch)["texts"]
    settings = {key: value for key, value in spec.items() if key not in ("name", "path")}
    texts = ManifestTexts(path=Path(spec["path"]), **settings)
    found = texts.sentences()
    languages = IMITATIONS[name][1]
    assert [s.language for s in found] == [code for code in languages for _ in range(2)]
    assert texts.own_references
    for sentence in found:
        assert sentence.text in ("Good morning.", "Good morning, sir.", "早上好。")
        (reference,) = sentence.voice.references
        assert reference.audio.is_file()
        assert reference.text.startswith("What ")
        recorded = name not in ("minimax-multilingual", "seed-tts-eval-hard")
        assert (sentence.target is not None) == recorded
    assert len({s.id for s in found}) == len(found)


@pytest.mark.parametrize("name", ["librispeech-pc", "minimax-multilingual", "x-voice"])
def test_a_preset_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    data = preset(name, tmp_path, monkeypatch)
    data["systems"]["xtts"] = {"name": "null"}  # weights and judges are other tests'
    data |= {"metrics": [{"name": "duration"}], "instruments": {}, "sanity": False}
    file = tmp_path / f"{name}.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    assert run_app(["run", str(file), "--out", str(tmp_path / "run")]) == 0
    assert run_app(["plan", str(file), "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "2 speakers a language: nothing can be concluded about other speakers" in said


@pytest.mark.parametrize(
    ("form", "make", "says"),
    [
        ("librispeech-pc", "a-b-c\t1\tx\ty\t2\tz", "is no utterance of LibriSpeech"),
        ("librispeech-pc", "1-2-3\t1\tx", "3 fields between tabs"),
        ("minimax", "x", "holds no folder text/"),
        ("cv3-eval", "x", "is no folder"),
    ],
)
def test_what_is_not_the_format_is_a_mistake(
    form: Any, make: str, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.lst"
    file.write_text(make, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        ManifestTexts(path=file, format=form)


def test_a_speaker_cannot_lead_out_of_the_test_set(tmp_path: Path) -> None:
    minimax(tmp_path / "set")
    (tmp_path / "set" / "text" / "english.txt").write_text("../../elsewhere|Good morning.")
    with pytest.raises(UsageError, match=r"english.txt:1: speaker '../../elsewhere' has no folder"):
        ManifestTexts(path=tmp_path / "set", format="minimax")


def test_every_published_table_has_a_source_and_all_its_columns() -> None:
    for name in names():
        work = published(name)
        assert "arXiv" in work.source
        for metric in work.metrics:
            assert metric.figures
            assert metric.others
            if len(metric.figures) == 1:
                assert [metric.mean] == list(metric.figures.values())
    english = published("seed-tts-eval-en")
    rates = {metric.key: metric.figures["en"] for metric in english.metrics}
    assert rates == {"sim": 0.463, "wer": pytest.approx(0.03248)}
