"""What nothing reads is left out and reported; a text of nothing else is refused in one line."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.text_support import second_vocabulary
from tests.xtts_fixtures import write_voice
from xtts_lab import XTTS
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.text.tokenizer import XttsTokenizer
from xtts_lab.types import Reference, Request

NOTHING = [
    "😀", "* * *", "---", "\u200b", "…", "&nbsp;", "<br/>", "?!", "🎉🎉 ✨", "###", "=====",
    "_ _", "（）", " \t\n",
]  # fmt: skip
LEFT_OUT = [
    ("en", "Hi 😀 there ©", "😀©", "hi there"),
    ("en", "你好 hello", "你好", "hello"),
    ("de", "Ein ☃ im Schnee", "☃", "ein im schnee"),
    ("fr", "un 🚗, deux", "🚗", "un , deux"),
    ("ja", "한국の本", "한국", "no hon"),
    ("ko", "大 한국", "大", "hangug"),
    ("zh-cn", "你好 ¤ 😀", "😀¤", "ni3hao3"),
    ("ru", "да ₷ нет", "₷", "да нет"),
    ("en", "Nguyễn ǎ", "", "nguyen a"),
    ("en", "a • b † c ※ d", "", "a • b c d"),
]


@pytest.fixture(scope="module")
def loaded() -> XTTS:
    return XTTS.from_pretrained("random-tiny", device="cpu")


@pytest.mark.parametrize(("language", "text", "unspoken", "spoken"), LEFT_OUT)
def test_what_no_vocabulary_spells_is_left_out_and_named(
    language: str, text: str, unspoken: str, spoken: str
) -> None:
    tokenizer = XttsTokenizer.from_file(second_vocabulary())
    assert tokenizer.unspoken(text, language) == unspoken
    assert tokenizer.decode(tokenizer.encode(text, language)) == f"[{language}]{spoken}"


@pytest.mark.parametrize("text", NOTHING)
@pytest.mark.parametrize("language", ["en", "zh-cn", "ja", "ar"])
def test_nothing_to_say_is_refused(loaded: XTTS, language: str, text: str) -> None:
    with pytest.raises(UsageError, match=r"^text: nothing to say; write at least one word$"):
        loaded.synthesise(text, language=language, voice="one", max_codes=2)
    with pytest.raises(UsageError, match="nothing to say"):
        loaded.stream(text, language=language, voice="one", max_codes=2)


def test_a_piece_with_nothing_to_say_is_passed_over(loaded: XTTS) -> None:
    plain = loaded.synthesise("One. Two.", language="en", voice="one", max_codes=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        marked = loaded.synthesise("One. 😀 Two.", language="en", voice="one", max_codes=2)
    assert [str(warning.message) for warning in caught] == ["text: nothing reads these: 😀"]
    assert marked.samples.equal(plain.samples)


def test_a_batch_says_what_each_text_left_out(loaded: XTTS, tmp_path: Path) -> None:
    clip = (Reference(write_voice(tmp_path / "v.wav", 2.0)),)
    texts = ["Fine.", "A ☃ here.", "你 and 好."]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = loaded.synthesise_batch(
            [Request(text, "en", clip, 0) for text in texts], max_codes=2
        )
    assert [one.details.get("unspoken") for one in made] == [None, "☃", "你好"]


def test_the_command_prints_it_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.wav"
    base = ["--checkpoint", "random-tiny", "--language", "en", "--max-codes", "2"]
    voiced = [*base, "--voice", "one", "--out", str(out)]
    assert run_app(["synthesise", "Hello ☃ 你.", *voiced]) == 0
    shown = capfd.readouterr().err
    assert shown.count("nothing reads these: ☃ 你") == 1
    assert "Traceback" not in shown
    out.unlink()
    assert run_app(["synthesise", "😀 * * *", *voiced]) == 2
    assert capfd.readouterr().err.strip().count("\n") <= 1
    assert not out.exists()


def test_a_trial_records_it_and_nothing_to_say_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    write_voice(tmp_path / "v.wav", 2.0)
    rows = "id,text,language,speaker,audio\n" + "".join(
        f'{i},"{text}",en,s,v.wav\n' for i, text in enumerate(["Hello.", "A ☃ here.", "* * *"])
    )
    Path("texts.csv").write_text(rows, encoding="utf-8")
    experiment = {
        "name": "x",
        "systems": {"xtts": {"name": "xtts", "checkpoint": "random-tiny", "max_codes": 4}},
        "texts": {"name": "manifest", "path": "texts.csv"},
        "speakers": {"name": "synthetic", "count": 1, "references": 1},
        "pairing": "rotate",
        "metrics": [{"name": "duration"}],
    }
    Path("x.yaml").write_text(yaml.safe_dump(experiment), encoding="utf-8")
    assert run_app(["run", "x.yaml", "--out", "out", "--device", "cpu"]) == 1
    trials = pd.read_parquet("out/trials.parquet").set_index("text")
    assert list(trials["status"]) == ["ok", "ok", "failed"]
    assert trials["unspoken"].fillna("").to_dict() == {"Hello.": "", "A ☃ here.": "☃", "* * *": ""}
    assert "nothing to say" in trials.loc["* * *", "error"]
