"""Manifests: every format is read into the same rows, and what is wrong with one is one line."""

from __future__ import annotations

import csv
import io
import json
import re
import string
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xtts_lab.cli import run_app
from xtts_lab.data.formats import detect, read
from xtts_lab.data.formats.records import Source
from xtts_lab.data.manifest import ManifestSpeakers, ManifestTexts
from xtts_lab.errors import UsageError
from xtts_lab.types import Reference


def clip(path: Path, duration_s: float = 0.1, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(abs(hash(path.name)) % 2**32).uniform(-0.1, 0.1, 100_000)
    soundfile.write(path, noise[: int(duration_s * rate)], rate)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.wav", "wavs/u1.wav", "wavs/u2.wav"):
        clip(tmp_path / name)
    return tmp_path


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_every_format_names_the_same_items(folder: Path) -> None:
    meta = write(
        folder, "meta.lst", "u1|What a says.|a.wav|One, two.\nu2|What b says.|b.wav|Three.\n"
    )
    table = write(
        folder,
        "items.csv",
        "utt,prompt_text,prompt_wav,text,gt_wav,language,note\n"
        'u1,What a says.,a.wav,"One, two.",wavs/u1.wav,en,first\n'
        "u2,What b says.,b.wav,Three.,wavs/u2.wav,en,\n",
    )
    lines = write(
        folder,
        "items.jsonl",
        '{"id": "u1", "references": [{"audio": "a.wav", "text": "What a says."}],'
        ' "text": "One, two.", "target": "wavs/u1.wav", "language": "en"}\n\n'
        '{"utt": "u2", "reference": "b.wav", "reference_text": "What b says.", "text": "Three.",'
        ' "path": "wavs/u2.wav", "language": "en"}\n',
    )
    from_meta = ManifestTexts(path=meta, language="en").sentences()
    assert from_meta == ManifestTexts(path=table).sentences()
    assert from_meta == ManifestTexts(path=lines).sentences()
    first, second = from_meta
    assert (first.id, first.text, first.target) == ("u1", "One, two.", folder / "wavs/u1.wav")
    assert first.voice.references == (Reference(folder / "a.wav", "What a says.", "en"),)
    assert first.voice.impostor_group is None  # nobody knows who says a.wav
    assert second.speaker == "b"


def test_rows_may_name_several_references_and_enrolment(folder: Path) -> None:
    table = write(
        folder,
        "items.csv",
        "id,text,language,speaker,references,reference_language,enrolment,audio\n"
        "x,Bonjour.,fr,anna,a.wav; b.wav,en,c.wav;wavs/u1.wav,out/absent.wav\n",
    )
    (item,) = ManifestTexts(path=table).sentences()
    assert [r.audio.name for r in item.voice.references] == ["a.wav", "b.wav"]
    assert {r.language for r in item.voice.references} == {"en"}
    assert item.voice.reference_language == "en"
    assert item.voice.enrolment == (folder / "c.wav", folder / "wavs/u1.wav")
    assert item.audio == folder / "out/absent.wav"  # may be absent: a failure of that trial
    assert (item.speaker, item.voice.impostor_group) == ("anna", "")


def test_ljspeech(folder: Path) -> None:
    path = write(
        folder, "metadata.csv", 'u1|Dr. "X" paid $5|Doctor "X" paid five dollars\nu2|No|No'
    )
    one, two = ManifestTexts(path=path, language="en", speaker="LJ").sentences()
    assert (one.text, one.spoken) == ('Dr. "X" paid $5', 'Doctor "X" paid five dollars')
    assert (two.text, two.spoken, two.speaker) == ("No", None, "LJ")
    assert two.target == folder / "wavs/u2.wav"
    voices = ManifestSpeakers(path=path, language="en", speaker="LJ", references=0)
    assert voices.ids("en") == ("LJ",)
    voice = voices.voice("LJ", "en", prompts=str, folder=folder, exclude=two.target)
    assert voice.enrolment == (folder / "wavs/u1.wav",)


def test_speakers_clone_from_named_references_and_are_judged_by_the_rest(folder: Path) -> None:
    rows = [
        {"id": "1", "text": "A.", "language": "en", "speaker": "s", "references": ["a.wav"]},
        {"id": "2", "text": "B.", "language": "en", "speaker": "s", "path": "b.wav"},
        {"id": "3", "text": "C.", "language": "en", "speaker": "s", "path": "c.wav"},
    ]
    path = write(folder, "s.jsonl", "\n".join(map(json.dumps, rows)))
    voices = ManifestSpeakers(path=path, enrolment=1)
    voice = voices.voice("s", "en", prompts=str, folder=folder)
    assert [r.audio.name for r in voice.references] == ["a.wav"]
    assert [p.name for p in voice.enrolment] == ["b.wav"]
    other = voices.voice("s", "en", prompts=str, folder=folder, exclude=folder / "b.wav")
    assert [p.name for p in other.enrolment] == ["c.wav"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("x.CSV", "csv"),
        ("x.jsonl", "jsonl"),
        ("hardcase.lst", "meta-lst"),
        ("hf:owner/name", "hf"),
    ],
)
def test_formats_are_known_by_name(name: str, found: str) -> None:
    assert detect(Path(name)) == found


def test_our_own_csv_may_be_called_metadata(folder: Path) -> None:
    path = write(folder, "metadata.csv", "path,language,speaker\na.wav,en,s\n")
    assert detect(path) == "csv"


CELL = st.text(st.sampled_from(string.ascii_letters + " ,\"'|;éß中\u2028"), max_size=20)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(CELL.map(str.strip).filter(bool), min_size=1, max_size=5))
def test_csv_and_json_lines_say_the_same(texts: list[str], tmp_path: Path) -> None:
    rows = [{"id": f"i{i}", "text": t, "language": "de"} for i, t in enumerate(texts)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["id", "text", "language"])
    writer.writeheader()
    writer.writerows(rows)
    table = write(tmp_path, "x.csv", buffer.getvalue())
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = ManifestTexts(path=write(tmp_path, "x.jsonl", lines)).sentences()
    assert found == ManifestTexts(path=table).sentences()
    assert [item.text for item in found] == texts


def test_a_hundred_thousand_rows_take_seconds(folder: Path) -> None:
    rows = "".join(
        f"u{i},Text number {i}.,en,s{i % 999},a.wav,b.wav;c.wav\n" for i in range(100_000)
    )
    path = write(folder, "big.csv", "id,text,language,speaker,references,enrolment\n" + rows)
    start = time.process_time()
    assert len(read(Source(path))) == 100_000
    assert time.process_time() - start < 30  # 4 s on one core here; a quadratic step takes hours


H = "id,text,language,audio\n"
HOSTILE: dict[str, tuple[str, str | bytes, str]] = {
    "empty file": ("m.csv", b"", r"m\.csv: is empty"),
    "blank lines only": ("m.csv", b"\n\n", r"m\.csv: is empty"),
    "header only": ("m.csv", H, r"m\.csv: holds no clip"),
    "no rows in jsonl": ("m.jsonl", "\n \n", r"m\.jsonl: holds no clip"),
    "not UTF-8": ("m.csv", H.encode() + "x,é,en,a.wav\n".encode("latin-1"), r":2: is not UTF-8"),
    "UTF-16": ("m.csv", (H + "x,t,en,a.wav\n").encode("utf-16"), r":1: is not UTF-8"),
    "UTF-16 unmarked": ("m.csv", (H + "x,t,en,a.wav\n").encode("utf-16-le"), r":1: .*NUL"),
    "a picture": ("m.csv", b"\x89PNG\r\n\x1a\n\0\0\0", r":1: is not UTF-8"),
    "NUL in a cell": ("m.csv", H + "x,a\0b,en,a.wav\n", r":2: .*NUL"),
    "missing column": ("m.csv", "id,text,langauge\nx,t,en\n", r":1: .*language.*'langauge'"),
    "nothing to score": ("m.csv", "id,language\nx,en\n", r":1: no column path, text or audio"),
    "semicolons": ("m.csv", "id;text;language\nx;t;en\n", r":1: .*separated by commas"),
    "column twice": ("m.csv", "id,text,id,language\n1,t,2,en\n", r":1: column 'id' stands twice"),
    "two names of a column": (
        "m.csv", "id,text,transcript,language\n1,t,u,en\n", r":2: 'text' and 'transcript'"
    ),
    "too few cells": ("m.csv", H + "x,t,en\n", r":2: 3 cells under a header of 4"),
    "too many cells": ("m.csv", H + "x,Hello, you,en,a.wav\n", r":2: 5 cells.*quote"),
    "open quote": ("m.csv", H + 'x,"t,en,a.wav\n', r":2: cannot be read as CSV"),
    "huge cell": ("m.csv", H + f"x,{'t' * 200_000},en,a.wav\n", r":2: .*field"),
    "duplicate id": ("m.csv", H + "x,t,en,a.wav\ny,t,en,a.wav\nx,u,en,b.wav\n", r":4: .*line 2"),
    "no id": ("m.csv", "id,text,language\n,t,en\n", r":2: column id"),
    "id with a line break": ("m.csv", H + '"x\ny",t,en,a.wav\n', r":3: the id must be one line"),
    "id that climbs": ("m.csv", H + "../x,t,en,a.wav\n", r":2: the id '../x' leads out"),
    "empty row": ("m.csv", H + "x,,en,\n", r":2: .*fill one in"),
    "unknown language": ("m.csv", H + "x,t,english,a.wav\n", r":2: unknown language 'english'"),
    "traversal": ("m.csv", H + "x,t,en,../../etc/passwd\n", r":2: .*leaves the folder"),
    "absolute path": ("m.csv", H + "x,t,en,/etc/passwd\n", r":2: .*leaves the folder.*--root"),
    "link that leaves": ("m.csv", H + "x,t,en,link/passwd\n", r":2: .*leaves the folder"),
    "absent reference": (
        "m.csv", "id,text,language,references\nx,t,en,no.wav\n", r":2: references: 'no.wav' is no f"
    ),
    "reference that is a folder": (
        "m.csv", "id,text,language,references\nx,t,en,wavs\n", r":2: references: 'wavs' is no file"
    ),
    "endless name": (
        "m.csv", f"id,text,language,references\nx,t,en,{'n' * 5000}\n", r":2: references: .*is no"
    ),
    "reference as enrolment": (
        "m.csv", "id,text,language,references,enrolment\nx,t,en,a.wav,a.wav\n", r":2: .*held out"
    ),
    "two hours of reference": (
        "m.csv", "id,text,language,references\nx,t,en,long.wav\n", r":2: .*7200 s.*cut it"
    ),
    "one text for two references": (
        "m.csv", "id,text,language,references,prompt_text\nx,t,en,a.wav;b.wav,A.\n", r":2: .*JSONL"
    ),
    "recording of nobody": ("m.csv", "path,language\na.wav,en\n", r":2: column speaker"),
    "broken JSON": ("m.jsonl", '{"id": "x"', r":1: not valid JSON"),
    "JSON list": ("m.jsonl", "[1, 2]", r":1: not a JSON object"),
    "JSON key twice": ("m.jsonl", '{"id": "x", "id": "y"}', r":1: key 'id' stands twice"),
    "JSON number as text": (
        "m.jsonl", '{"id": 7, "text": 5, "language": "en"}', r":1: 'text' must be text"
    ),
    "JSON reference of wrong kind": (
        "m.jsonl", '{"id": "x", "text": "t", "references": [5]}', r":1: 'references' must be"
    ),
    "JSON depth": ("m.jsonl", '{"id": ' + "[" * 100_000, r":1: not valid JSON"),
    "JSON digits": ("m.jsonl", '{"id": ' + "9" * 10_000 + "}", r":1: not valid JSON"),
    "meta.lst of three fields": ("meta.lst", "u|p|a.wav\n", r"meta\.lst:1: 3 fields"),
    "meta.lst of six fields": ("meta.lst", "u|p|a.wav|t|g|h\n", r"meta\.lst:1: 6 fields"),
    "meta.lst without text": ("meta.lst", "u|p|a.wav|\n", r"meta\.lst:1: the text is empty"),
    "unknown name": ("m.txt", "u|p|a.wav|t\n", r"m\.txt: .*--format"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_one_line(
    name: str, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, content, message = HOSTILE[name]
    path = write(folder, file, content)
    (folder / "link").symlink_to("/etc")
    two_hours(folder / "long.wav")
    monkeypatch.chdir(folder)
    command = ["score", path.name] + (["--language", "en"] if file == "meta.lst" else [])
    assert run_app(command) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert re.search(message, err), err
    assert not (folder / "runs").exists()


def two_hours(path: Path) -> None:
    """Write two hours of stereo silence at 48 kHz; the file is sparse, and takes no disk."""
    soundfile.write(path, np.zeros((480, 2), np.int16), 48_000)
    size = 2 * 3600 * 48_000 * 4
    data = bytearray(path.read_bytes()[:44])
    data[4:8], data[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(data)
        file.truncate(44 + size)


@pytest.mark.parametrize("name", ["absent.csv", ".", "absent.lst"])
def test_manifests_that_are_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read|does not tell"):
        ManifestTexts(path=tmp_path / name)


def test_root_lets_clips_lie_elsewhere_but_not_anywhere(folder: Path) -> None:
    (folder / "lists").mkdir()
    path = write(folder / "lists", "m.csv", f"path,language,speaker\n{folder / 'a.wav'},en,s\n")
    (folder / "lists/b.csv").write_text("path,language,speaker\nb.wav,en,s\n")
    (folder / "lists/b.wav").symlink_to(folder / "b.wav")
    for file in (path, folder / "lists/b.csv"):
        with pytest.raises(UsageError, match=r":2: path .* leaves the folder"):
            ManifestTexts(path=file)
        (item,) = ManifestTexts(path=file, root=folder).sentences()
        assert item.target.samefile(folder / item.target.name)


def test_a_hugging_face_dataset_on_disk(folder: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra datasets is not installed")
    rows = {
        "utt": ["u1", "u2"],
        "sentence": ["Eins.", "Zwei."],
        "locale": ["de", "de"],
        "client_id": ["k", "k"],
        "audio": [str(folder / "wavs/u1.wav"), str(folder / "wavs/u2.wav")],
    }
    data = datasets.Dataset.from_dict(rows).cast_column("audio", datasets.Audio(decode=False))
    data.save_to_disk(folder / "saved")
    one, two = ManifestTexts(path=folder / "saved").sentences()
    assert (one.id, one.text, one.language, one.speaker) == ("u1", "Eins.", "de", "k")
    assert two.target.read_bytes() == (folder / "wavs/u2.wav").read_bytes()


def test_a_folder_of_parquet_files_with_audio_inside(folder: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra datasets is not installed")
    data = (folder / "wavs/u1.wav").read_bytes()
    rows = {"text": ["Uno.", "Due."], "audio": [{"bytes": data, "path": "u1.wav"}] * 2}
    made = datasets.Dataset.from_dict(rows).cast_column("audio", datasets.Audio(decode=False))
    (folder / "hub").mkdir()
    made.to_parquet(folder / "hub/test.parquet")
    settings = {"path": folder / "hub", "format": "hf", "language": "it", "speaker": "s"}
    one, two = ManifestTexts(**settings).sentences()
    assert (one.id, one.text, two.text) == ("000001", "Uno.", "Due.")
    assert one.target == two.target
    assert one.target.read_bytes() == data
    with pytest.raises(UsageError, match=r"unknown split 'exam'"):
        ManifestTexts(**settings, split="exam")


def test_hugging_face_without_its_package_names_the_extra() -> None:
    try:
        import datasets  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match=r"make install EXTRAS=.*datasets"):
            ManifestTexts(path=Path("hf:owner/name"))
    else:
        pytest.skip("the package datasets is installed")
