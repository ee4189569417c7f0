"""Manifests as other tools write them: usual names, other separators, what is left unread."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.test_manifests import clip, write
from xtts_lab.cli import run_app
from xtts_lab.data.formats.records import COLUMNS
from xtts_lab.data.manifest import ManifestSpeakers, ManifestTexts
from xtts_lab.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.wav", "d.wav"):
        clip(tmp_path / name)
    return tmp_path


VALUES = {
    "id": "u1", "text": "Hello there.", "spoken": "hello there", "language": "de", "speaker": "kim",
    "path": "a.wav", "audio": "made.wav", "references": "b.wav", "reference_text": "What b says.",
    "reference_language": "en", "enrolment": "c.wav", "split": "test", "source": "mine",
    "speaker_basis": "named",
}  # fmt: skip
ALIASES = [(meaning, name) for meaning, others in COLUMNS.items() for name in others]


def both(folder: Path, row: dict[str, str]) -> list[ManifestTexts]:
    table = pd.DataFrame([row]).to_csv(index=False)
    lines = json.dumps(row) + "\n"
    return [
        ManifestTexts(path=write(folder, "m.csv", table)),
        ManifestTexts(path=write(folder, "m.jsonl", lines)),
    ]


@pytest.mark.parametrize(("meaning", "name"), ALIASES)
@pytest.mark.parametrize("spelling", [str, str.upper, str.title, lambda n: n.replace("_", " ")])
def test_usual_names_are_read(folder: Path, meaning: str, name: str, spelling: Any) -> None:
    plain = both(folder, VALUES)[0].sentences()
    row = {(spelling(name) if key == meaning else key): value for key, value in VALUES.items()}
    for texts in both(folder, row):
        assert texts.sentences() == plain
        assert texts.unread == ()


@pytest.mark.parametrize(("meaning", "name"), ALIASES)
def test_two_names_of_one_thing_are_refused(folder: Path, meaning: str, name: str) -> None:
    if name == "locale":
        return
    value = {"language": "en", "path": "d.wav", "references": "d.wav", "enrolment": "d.wav"}
    row = {**VALUES, name: value.get(meaning, "other")}
    for form in ("csv", "jsonl"):
        table = pd.DataFrame([row]).to_csv(index=False)
        path = write(folder, f"m.{form}", table if form == "csv" else json.dumps(row))
        with pytest.raises(UsageError, match=rf":\d: '{meaning}' and '{name}' both give the"):
            ManifestTexts(path=path)


@pytest.mark.parametrize(
    ("locale", "code"),
    [("en-US", "en"), ("pt_BR", "pt"), ("DE", "de"), ("zh-CN", "zh-cn"), ("zh", "zh-cn"),
     ("zh-Hans", "zh-cn"), ("ja-JP", "ja"), ("ko_KR", "ko"), ("es-419", "es"), ("zh-cn", "zh-cn")],
)  # fmt: skip
def test_locales_are_languages(folder: Path, locale: str, code: str) -> None:
    row = {key: value for key, value in VALUES.items() if key != "language"}
    for column in ("language", "lang", "locale"):
        for texts in both(folder, {**row, column: locale}):
            assert texts.sentences()[0].language == code


@pytest.mark.parametrize(
    ("language", "locale", "fits"),
    [("zh-cn", "zh-TW", True), ("pt", "pt-BR", True), ("en", "de-DE", False), ("es", "pt", False)],
)
def test_a_locale_beside_a_language(folder: Path, language: str, locale: str, fits: bool) -> None:
    for first in (True, False):
        pairs = [("language", language), ("locale", locale)]
        row = {**dict(pairs if first else pairs[::-1]), **{k: VALUES[k] for k in ("id", "text")}}
        if fits:
            for texts in both(folder, row):
                assert texts.sentences()[0].language == language
        else:
            with pytest.raises(UsageError, match="both give the language"):
                both(folder, row)


@pytest.mark.parametrize(
    ("written", "code"),
    [("jp", "ja"), ("kr", "ko"), ("cn", "zh-cn"), ("zh-TW", "zh-cn"), ("english", "en"),
     ("deu", "de"), ("cz", "cs"), ("br", "pt"), ("Japanese", "ja"), ("jp-JP", "ja")],
)  # fmt: skip
def test_the_language_that_was_meant_is_named(folder: Path, written: str, code: str) -> None:
    with pytest.raises(UsageError, match=rf"unknown language '{written}'; did you mean '{code}'\?"):
        both(folder, {**VALUES, "language": written})


@pytest.mark.parametrize("written", ["hi", "xx", "sv", "vi", "q"])
def test_no_language_is_guessed_of_others(folder: Path, written: str) -> None:
    with pytest.raises(UsageError, match=rf"unknown language '{written}'; known: ar, cs"):
        both(folder, {**VALUES, "language": written})


def experiment(folder: Path, **changes: Any) -> str:
    data = {
        "name": "x",
        "systems": {"a": {"name": "null"}},
        "texts": {"name": "manifest", "path": str(folder / "m.csv")},
        "metrics": [{"name": "duration"}],
        "sanity": False,
        **changes,
    }
    return str(write(folder, "x.yaml", yaml.safe_dump(data)))


def test_columns_that_are_left_unread_are_named(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    row = {"id": "u", "sentence": "Hi.", "lang": "en", "up_votes": "2", "accents": "", "Notes": "x"}
    texts, lines = both(folder, row)
    assert texts.unread == lines.unread == ("up_votes", "Notes")
    assert run_app(["plan", experiment(folder)]) == 0
    out = capfd.readouterr().out
    assert "  texts: columns left unread: up_votes, Notes\n" in out
    assert "speakers: columns" not in out
    recorded = "path,text,lang,speaker,licence\na.wav,A.,en,s,CC0\nb.wav,B.,en,s,CC0\n"
    speakers = {"name": "manifest", "path": str(write(folder, "s.csv", recorded))}
    assert run_app(["plan", experiment(folder, speakers=speakers)]) == 0
    assert "  speakers: columns left unread: licence\n" in capfd.readouterr().out


SEPARATED = {
    "csv-semicolon": (";", "';'"), "csv-bar": ("|", "'|'"), "tsv": ("\t", "tabs"),
}  # fmt: skip


@pytest.mark.parametrize("form", SEPARATED)
def test_other_separators_are_named_and_read(folder: Path, form: str) -> None:
    separator, shown = SEPARATED[form]
    rows = [["id", "text", "lang", "speaker"], ["u", "One, two.", "en", "kim"]]
    path = write(folder, "m.csv", "".join(separator.join(row) + "\n" for row in rows))
    with pytest.raises(UsageError) as caught:
        ManifestTexts(path=path)
    assert f"columns are separated by commas, and these by {shown}" in str(caught.value)
    assert f"set format (--format) to {form}" in str(caught.value)
    (item,) = ManifestTexts(path=path, format=form).sentences()  # type: ignore[arg-type]
    assert (item.id, item.text, item.language) == ("u", "One, two.", "en")


def test_tabs_are_known_by_the_name_and_quotes_mean_nothing_there(folder: Path) -> None:
    path = write(folder, "m.tsv", 'client_id\tsentence\tlocale\tid\ns\t"Hi", she said\ten\tu\n')
    (item,) = ManifestTexts(path=path).sentences()
    assert (item.text, item.speaker) == ('"Hi", she said', "s")


COQUI = [
    "audio_file|text|transcription|speaker_name\na.wav|Dr. A|Doctor A|kim\nb.wav|B.|B.|lee\n",
    "a.wav|Dr. A|Doctor A|kim\nb.wav|B.|B.|lee\n",
    "audio_file|text|speaker_name\na.wav|Dr. A|kim\nb.wav|B.|lee\n",
    "audio_file|text|speaker_name|emotion_name\na.wav|Dr. A|kim|sad\nb.wav|B.|lee|glad\n",
    "speaker_name|text|audio_file\nkim|Dr. A|a.wav\nlee|B.|b.wav\n",
]


@pytest.mark.parametrize("content", COQUI)
def test_coquis_own_metadata(folder: Path, content: str) -> None:
    path = write(folder, "metadata_train.csv", content)
    settings: dict[str, Any] = {"path": path, "format": "coqui", "language": "en"}
    one, two = ManifestTexts(**settings).sentences()
    assert (one.text, one.speaker, one.target) == ("Dr. A", "kim", folder / "a.wav")
    assert one.spoken == ("Doctor A" if "Doctor" in content else None)
    assert (two.text, two.speaker, two.spoken) == ("B.", "lee", None)
    assert ManifestSpeakers(**settings, references=0).ids("en") == ("kim", "lee")
    if content.startswith("audio_file"):
        assert ManifestTexts(path=path, language="en").sentences() == (one, two)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("audio_file|text|speaker_name\na.wav|A\n", r":2: 2 fields; write audio_file\|text\|spea"),
        ("a.wav|A|kim\n", r":1: 3 fields; write audio_file\|text\|transcription\|speaker_name"),
        ("audio_file|speaker_name\na.wav|kim\n", r":1: the header lacks the column text"),
        ("audio_file|text|speaker_name\nno.wav|A|kim\n", r":2: path: 'no.wav' is no file"),
        ("audio_file|text|speaker_name\n", r"holds no clip"),
    ],
)
def test_coquis_mistakes(folder: Path, content: str, message: str) -> None:
    path = write(folder, "m.csv", content)
    with pytest.raises(UsageError, match=message):
        ManifestTexts(path=path, format="coqui", language="en")


SURROGATES = [
    {"id": "u", "text": "half \ud83d"}, {"id": "u\udc00", "text": "t"},
    {"id": "u", "text": "t", "speaker": "\ud800"}, {"id": "u", "text": "t", "note": "\udfff"},
    {"id": "u", "text": "t", "note": {"deep": ["\ud800"]}}, {"id": "u", "text": "t", "\ud800": 1},
    {"id": "u", "text": "t", "references": [{"audio": "a.wav", "text": "\udead"}]},
    {"id": "u", "text": "\ude00\ud83d"},
]  # fmt: skip


@pytest.mark.parametrize("row", SURROGATES)
def test_half_a_character_is_one_line(
    folder: Path, row: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    lines = json.dumps({"id": "ok", "text": "\U0001f600", "language": "en"}) + "\n"
    path = write(folder, "m.jsonl", lines + json.dumps({**row, "language": "en"}))
    texts = {"name": "manifest", "path": str(path)}
    for command in (["score", str(path)], ["run", experiment(folder, texts=texts)]):
        assert run_app([*command, "--out", str(folder / "out")]) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "m.jsonl:2: holds \\ud" in err or "m.jsonl:2: holds \\u" in err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("line", ['question: "\\ud800"', '"\\udc00": 1', 'question: "a \\uDFFF b"'])
def test_half_a_character_in_an_experiment(
    folder: Path, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(folder, "bad.yaml", f"name: x\n{line}\n")
    assert run_app(["run", str(path)]) == 2
    assert "bad.yaml:2: " in capfd.readouterr().err


OWN = {
    "m.lst": "u1|What a says.|a.wav|One, two.\nu2|What b says.|b.wav|Three.\n",
    "m.csv": "id,text,language,ref_audio,speaker\nu1,One.,en,a.wav,s\nu2,Two.,en,b.wav,t\n",
    "m.jsonl": '{"id":"u1","text":"One.","lang":"en","references":["a.wav"],"speaker":"s"}\n'
    '{"id":"u2","text":"Two.","lang":"en","prompt_wav":"b.wav","speaker":"t"}\n',
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("written", [None, "own", "rotate"])
def test_references_of_the_texts_are_used(
    folder: Path, name: str, written: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    write(folder, name, OWN[name])
    texts = {"name": "manifest", "path": str(folder / name)}
    if name == "m.lst":
        texts["language"] = "en"
    changes = {} if written is None else {"pairing": written}
    file = experiment(folder, texts=texts, **changes)
    assert run_app(["plan", file]) == 0
    pairing = written or "own"
    assert f"  pairing {pairing}: " in capfd.readouterr().out
    assert run_app(["run", file, "--out", str(folder / "out")]) == 0
    trials = pd.read_parquet(folder / "out" / "trials.parquet")
    heard = {Path(str(p)).name for paths in trials["references"] for p in json.loads(paths)}
    assert (heard == {"a.wav", "b.wav"}) == (pairing == "own")
    resolved = yaml.safe_load((folder / "out" / "experiment.yaml").read_text())
    assert resolved["pairing"] == pairing


@pytest.mark.parametrize(
    "texts",
    [{"name": "builtin", "languages": ["en"], "per_language": 1},
     {"name": "manifest", "path": "m.csv"}],
)  # fmt: skip
def test_speakers_take_turns_elsewhere(
    folder: Path, texts: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    write(folder, "m.csv", "id,text,language\nu1,One.,en\n")
    if "path" in texts:
        texts = {**texts, "path": str(folder / "m.csv")}
    assert run_app(["plan", experiment(folder, texts=texts)]) == 0
    assert "  pairing rotate: speakers take turns" in capfd.readouterr().out


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "long name", "absent"])
@pytest.mark.parametrize("command", ["run", "plan", "score", "texts"])
def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, kind: str, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    suffix = ".yaml" if command in ("run", "plan") else ".csv"
    path = tmp_path / f"x{suffix}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        (path / "inner").mkdir(parents=True)
    elif kind == "long name":
        path = tmp_path / f"{'n' * 300}{suffix}"
    if command == "texts":
        texts = {"name": "manifest", "path": str(path), "format": "csv"}
        arguments = ["run", experiment(tmp_path, texts=texts), "--out", str(tmp_path / "out")]
    else:
        arguments = [command, str(path)]
        if command == "score":
            arguments += ["--format", "csv", "--out", str(tmp_path / "out")]
    assert run_app(arguments) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert len(err) < 500
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["metadata.csv", "m.jsonl", "m.lst", "m.csv", "m.tsv"])
def test_a_pipe_of_any_format(tmp_path: Path, name: str) -> None:
    (tmp_path / "wavs").mkdir()
    os.mkfifo(tmp_path / name)
    with pytest.raises(UsageError, match="it is no regular file"):
        ManifestTexts(path=tmp_path / name, language="en", speaker="s")


@pytest.mark.parametrize("flag", ["report", "compare", "--out", "--audio", "--root"])
def test_names_over_the_limit_are_one_line(
    folder: Path, flag: str, capfd: pytest.CaptureFixture[str]
) -> None:
    long = str(folder / ("n" * 300))
    write(folder, "m.csv", "id,text,language\nu1,One.,en\n")
    arguments = {
        "report": ["report", long],
        "compare": ["compare", long, long],
        "--out": ["run", experiment(folder), "--out", long],
        "--audio": ["score", str(folder / "m.csv"), "--audio", long, "--metrics", "duration"],
        "--root": ["score", str(folder / "m.csv"), "--root", long],
    }[flag]
    assert run_app(arguments) in ((1, 2) if flag == "--audio" else (2,))
    assert capfd.readouterr().err.count("\n") <= 1


def test_two_experiments_of_one_name_are_refused_before_anything_runs(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "all").mkdir()
    content = Path(experiment(folder, texts={"name": "builtin", "languages": ["en"]})).read_text()
    for name in ("first", "second", "third"):
        write(folder / "all", f"{name}.yaml", content.replace("name: x", f"name: {name[0]}"))
    write(folder / "all", "third.yaml", content.replace("name: x", "name: f"))
    for command in (["run", "all"], ["run", "all", "--out", "there"], ["plan", "all"]):
        assert run_app(command) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "third.yaml: has the name of first.yaml, 'f'" in err
    assert not (folder / "runs").exists()
    assert not (folder / "there").exists()


def test_a_row_without_references_beside_others(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(folder, "m.csv", "id,text,lang,ref_audio\nu1,One.,en,a.wav\nu2,Two.,en,\n")
    texts = {"name": "manifest", "path": str(path)}
    assert run_app(["plan", experiment(folder, texts=texts)]) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "pairing own: 'u2' names no references" in err
    assert "set pairing to rotate or cross" in err
    assert run_app(["plan", experiment(folder, texts=texts, pairing="rotate")]) == 0
