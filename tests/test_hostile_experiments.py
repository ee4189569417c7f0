"""More hostile experiments: whatever a file, a key or a flag holds, one line and exit code 2."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from xtts_lab.cli import run_app

GOOD = """\
name: good
systems: {a: {name: "null"}}
texts: {name: builtin, languages: [en], per_language: 1}
speakers: {name: synthetic, count: 1, references: 0, enrolment: 0}
metrics: [{name: duration}]
sanity: false
"""


def _without(key: str) -> str:
    return "".join(line for line in GOOD.splitlines(True) if not line.startswith(f"{key}:"))


def _refused(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    code = run_app(arguments)
    out, err = capfd.readouterr()
    assert (code, err.count("\n"), out) == (2, 1, ""), (code, err, out)
    assert "Traceback" not in err
    assert len(err) < 1000
    return err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


# What stands where a file belongs.


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _two_loops(path: Path) -> None:
    path.symlink_to("other")
    path.with_name("other").symlink_to(path.name)


NO_FILES: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "a link to itself": _loop,
    "links in a circle": _two_loops,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to a pipe": lambda path: (os.mkfifo("p"), path.symlink_to("p")),
    "a link to zeros": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("/dev/null"),
    "a link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a link to memory": lambda path: path.symlink_to("/proc/self/mem"),
    "a link to its own output": lambda path: path.symlink_to("/proc/self/fd/1"),
    "a link to a process": lambda path: path.symlink_to("/proc/self"),
    "an empty folder": lambda path: path.mkdir(),
    "a folder named like one": lambda path: (path.mkdir(), (path / "y.yaml").mkdir()),
    "a folder of a pipe": lambda path: (path.mkdir(), os.mkfifo(path / "y.yaml")),
    "a folder of a loop": lambda path: (path.mkdir(), _loop(path / "y.yaml")),
    "two megabytes": lambda path: path.write_text(GOOD + "#" * 2_000_000),
    "a sparse gigabyte": lambda path: (path.touch(), os.truncate(path, 1 << 30)),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_experiment(kind: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    NO_FILES[kind](here / "x.yaml")
    before = sorted(here.iterdir())
    assert "x.yaml" in _refused(["run", "x.yaml"], capfd)
    assert sorted(here.iterdir()) == before


PATHS = [
    "", " ", ".", "..", "/", "/dev/stdin", "/proc/self/environ", "/proc/kmsg", "nowhere.yaml",
    "nowhere/x.yaml", "x" * 255, "x" * 256, "x" * 5000, "\u00e9" * 128, "\u6587" * 86, "a\0b",
    "~/x.yaml", "-", "x.yaml/", "file:///x.yaml", "\udcff.yaml", "\n", "x\ny.yaml",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ascii(path)[:20])
@pytest.mark.parametrize("command", ["run", "report"])
def test_paths_that_lead_to_none(
    command: str, path: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _refused([command, "--", path], capfd)
    assert list(here.iterdir()) == []


# Bytes that are no text, and texts that are no YAML of ours.

BYTES: dict[str, bytes] = {
    "UTF-16 with a mark": GOOD.encode("utf-16"),
    "UTF-16 without": GOOD.encode("utf-16-le"),
    "UTF-32": GOOD.encode("utf-32"),
    "Latin-1": GOOD.encode() + "question: \u00e9t\u00e9\n".encode("latin-1"),
    "half a character": GOOD.encode() + b"question: \xe2\x82\n",
    "an encoded surrogate": GOOD.encode() + b"question: \xed\xa0\x80\n",
    "an overlong slash": GOOD.encode() + b"question: \xc0\xaf\n",
    "NUL": GOOD.encode() + b"question: a\0b\n",
    "NULs only": b"\0" * 100,
    "a bell": GOOD.encode() + b"question: a\x07b\n",
    "delete": GOOD.encode() + b"question: a\x7fb\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(50),
    "a mark alone": b"\xef\xbb\xbf",
    "white space": b" \n\n \n",
    "a comment": b"# nothing\n",
    "the end of a document": b"...\n",
}


@pytest.mark.parametrize("kind", BYTES)
def test_bytes_that_are_no_experiment(
    kind: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "x.yaml").write_bytes(BYTES[kind])
    assert "x.yaml" in _refused(["plan", "x.yaml"], capfd)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        b"%YAML 1.2\n---\n" + GOOD.encode(),
        GOOD.encode() + b"...\n",
        GOOD.encode().rstrip(b"\n"),
        GOOD.encode() + "question: \u200f\u202e\U0001f600\n".encode(),
        GOOD.encode() + b"statistics: {resamples: 0100}\n",  # decimal, as YAML 1.2 has it
    ],
    ids=["mark", "CRLF", "directive", "end", "no last line end", "bidirectional", "zeros"],
)
def test_other_spellings_of_a_good_one(content: bytes, here: Path) -> None:
    (here / "x.yaml").write_bytes(content)
    assert run_app(["plan", "x.yaml"]) == 0


LETTERS = "abcdefghijklmnopqr"
YAML = {
    "two documents": GOOD + "---\n" + GOOD,
    "an octal number": GOOD + "repeats: 0o10\n",
    "a hexadecimal number": GOOD + "repeats: 0x10\n",
    "a binary number": GOOD + "repeats: 0b10\n",
    "underscores": GOOD + "repeats: 1_0\n",
    "base sixty": GOOD + "repeats: 1:30\n",
    "a plus": GOOD + "repeats: +\n",
    "yes for true": GOOD.replace("sanity: false", "sanity: yes"),
    "off for false": GOOD.replace("sanity: false", "sanity: off"),
    "1 for true": GOOD.replace("sanity: false", "sanity: 1"),
    "a date": GOOD + "seed: 2001-01-01\n",
    "binary": GOOD + "question: !!binary aGk=\n",
    "a set": GOOD + "instruments: !!set {a, b}\n",
    "an ordered mapping": GOOD + "instruments: !!omap [a: 1]\n",
    "a tag of ours": GOOD + "question: !mine x\n",
    "a tag of Python": GOOD + "question: !!python/name:os.system\n",
    "a Python tuple": GOOD + "claims: !!python/tuple [1]\n",
    "a tag that lies": GOOD + 'repeats: !!int "many"\n',
    "a float that lies": GOOD + 'repeats: !!float "x"\n',
    "a bool that lies": GOOD + 'sanity: !!bool "x"\n',
    "a date that lies": GOOD + 'seed: !!timestamp "x"\n',
    "a null that lies": GOOD + 'seed: !!null "x"\n',
    "a key that is a list": GOOD + "? [a]\n: 1\n",
    "a key that is a mapping": GOOD + "? {a: 1}\n: 1\n",
    "a key that is nothing": GOOD + "~: 1\n",
    "a key that is a number": GOOD + "1: 1\n",
    "a key that is true": GOOD + "true: 1\n",
    "a key that is no number": GOOD + ".nan: 1\n",
    "an empty key": GOOD + "'': 1\n",
    "a merge": GOOD + "x: &m {a: 1}\nstatistics: {<<: *m}\n",
    "an alias of nothing": GOOD + "question: *nowhere\n",
    "an anchor twice": GOOD + "question: &a x\nlimit: &a y\n",
    "tabs": GOOD + "statistics:\n\tresamples: 100\n",
    "a key twice below": GOOD + "statistics: {resamples: 100, resamples: 200}\n",
    "a key twice in a list": GOOD.replace("[{name: duration}]", "[{name: duration, name: wer}]"),
    "an open quote": GOOD + "question: 'x\n",
    "an unknown escape": GOOD + 'question: "\\q"\n',
    "half an escape": GOOD + 'question: "\\u12"\n',
    "an escape beyond Unicode": GOOD + 'question: "\\U00110000"\n',
    "a percent": "%\n" + GOOD,
    "an unknown version": "%YAML 9.9\n---\n" + GOOD,
    "reserved": GOOD + "question: @x\n",
    "a hundred thousand brackets": GOOD + "question: " + "[" * 100_000 + "\n",
    "a hundred thousand dashes": GOOD + "question: " + "- " * 100_000 + "\n",
    "a hundred thousand braces": GOOD + "question: " + "{a: " * 100_000 + "\n",
    "a bomb of lists": GOOD
    + "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in itertools.pairwise(LETTERS[:9])
    ),
    "a bomb of mappings": GOOD
    + "a: &a {x: y}\n"
    + "".join(f"{b}: &{b} {{l: *{a}, r: *{a}}}\n" for a, b in itertools.pairwise(LETTERS)),
    "an alias within itself": GOOD + "question: &q {a: {b: [*q]}}\n",
    "a number of ten thousand digits": GOOD + f"repeats: {'9' * 10_000}\n",
    "a float of ten thousand digits": GOOD + f"statistics: {{confidence: 0.{'9' * 10_000}}}\n",
    "a huge exponent": GOOD + "statistics: {confidence: 1e-99999}\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", YAML)
def test_yaml_that_is_no_experiment(
    kind: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "x.yaml").write_text(YAML[kind])
    assert "x.yaml" in _refused(["plan", "x.yaml"], capfd)


# Values of a wrong type or meaning, at every key.

WRONG: dict[str, list[str]] = {
    "name": ["null", "true", "1", "''", "[]", "{}", "a/b", "'..'", "-x", "x y", "'\u00e9'",
             "x" * 101, "'a\tb'"],
    "question": ["null", "true", "1", "[]", "{}"],
    "systems": ["null", "true", "1", "''", "[]", "{}", "[{name: 'null'}]", "{a: null}", "{a: []}",
                "{a: x}", "{a: {}}", "{a: {name: null}}", "{a: {name: []}}", "{a: {name: 1}}",
                "{'': {name: 'null'}}", "{'a/b': {name: 'null'}}", "{'..': {name: 'null'}}",
                "{'a b': {name: 'null'}}", "{'[': {name: 'null'}}", "{1: {name: 'null', x: 1}}",
                "{a: {name: ../../x}}", "{a: {name: 'xtts_lab.systems.null:NullSystem'}}",
                "{a: {name: 'null', self: 1}}", "{a: {name: 'null', __init__: 1}}",
                "{a: {name: 'null', '': 1}}", "{a: {name: 'null', null: 1}}"],
    "ablate": ["null", "true", "1", "x", "[]", "{systems: [1]}", "{systems.a: [1]}",
               "{systems.b.x: [1]}", "{systems.a.x: [1]}",
               "{systems.a.duration_s: []}", "{systems.a.duration_s: 1}",
               "{systems.a.duration_s: [0.1, 0.1]}", "{systems.a.duration_s: [null]}",
               "{systems.a.duration_s: [true]}", "{'': [1]}", "{'.': [1]}", "{seed: [1, 2]}",
               "{systems.a.duration_s.x: [1]}", "{systems.a.duration_s: [[0.1]]}"],
    "texts": ["null", "1", "[]", "{}", "builtin", "{name: null}", "{name: builtin, languages: []}",
              "{name: builtin, languages: en}", "{name: builtin, languages: [1]}",
              "{name: builtin, languages: {en: 1}}",
              "{name: builtin, languages: ['']}", "{name: builtin, per_language: 0}",
              "{name: builtin, per_language: true}", "{name: builtin, per_language: 1.0}",
              "{name: builtin, tags: [x]}", "{name: manifest}", "{name: manifest, path: ''}",
              "{name: manifest, path: null}", "{name: manifest, path: 1}",
              "{name: manifest, path: /dev/zero}", "{name: manifest, path: .}",
              "{name: manifest, path: \"a\\0b\"}", "{name: manifest, path: '${XTTS_NOWHERE}/x'}"],
    "speakers": ["null", "1", "[]", "{}", "{name: synthetic, count: 0}",
                 "{name: synthetic, count: true}", "{name: synthetic, count: -1}",
                 "{name: synthetic, references: -1}", "{name: synthetic, enrolment: -1}",
                 "{name: synthetic, seed: -1}", "{name: synthetic, seed: true}",
                 "{name: synthetic, count: 1000001}"],
    "pairing": ["true", "1", "''", "[]", "{}", "Rotate"],
    "repeats": ["null", "true", "'1'", "1.0", "[]", "{}", "0", "-1", "10001", ".inf"],
    "seed": ["null", "true", "'1'", "1.5", "[]", "-1", "1e3"],
    "limit": ["true", "'1'", "1.5", "[]", "0", "-1"],
    "instruments": ["null", "1", "[]", "{a: null}", "{a: {name: levels}}",
                    "{'a b': {name: levels}}"],
    "transcriber": ["1", "[]", "{}", "nobody", "''"],
    "metrics": ["null", "1", "{}", "[]", "[null]", "[1]", "[duration]", "[[]]", "[{}]",
                "[{name: null}]", "[{name: duration}, {name: duration}]",
                "[{name: duration, x: 1}]", "[{name: secs, encoder: nobody}]",
                "[{name: secs, encoder: 'null'}]", "[{name: latency, warmups: true}]",
                "[{name: latency, warmups: 1001}]", "[{name: latency, trials: 0}]",
                "[{name: latency, tolerance: -1}]", "[{name: consistency, lost_below: 2.0}]",
                "[{name: sanity, max_silent: -1}]"],
    "sanity": ["null", "1", "'true'", "[]"],
    "statistics": ["null", "1", "[]", "{confidence: true}", "{confidence: 1}", "{confidence: 0.5}",
                   "{confidence: '0.9'}", "{resamples: true}", "{resamples: 99}",
                   "{resamples: 100001}", "{resamples: 1e3}", "{baseline: 1}", "{baseline: ''}",
                   "{x: 1}"],
    "claims": ["null", "1", "x", "{}", "[null]", "[1]", "[[]]", "[{}]", "['']", "[x]",
               "['a > a on duration.seconds']", "['a > b on duration.seconds']",
               "['a: nothing < 1']", "['a: duration.seconds < ']", "['a: duration.seconds']"],
    "schema_version": ["0", "2", "'1'", "null"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"), [(k, v) for k, vs in WRONG.items() for v in vs], ids=lambda x: ascii(x)[:40]
)
def test_values_that_mean_nothing(
    key: str, value: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "x.yaml").write_text(_without(key) + f"{key}: {value}\n")
    err = _refused(["plan", "x.yaml"], capfd)
    assert "x.yaml" in err or key in err or "unknown tag" in err


# Flags and overrides.

FLAGS = [
    ["--workers", "0"], ["--workers", "-1"], ["--workers", "1e3"], ["--workers", "many"],
    ["--workers", "100000"], ["--workers", ""], ["--limit", "0"], ["--limit", "x"],
    ["--limit", "1.5"], ["--limit", ".inf"], ["--languages", ""], ["--languages", ","],
    ["--languages", "en,xx"], ["--languages", "en;de"], ["--languages", "*"], ["--no-such-flag"],
    ["--out"], ["--device"], ["=1"], ["a"], ["="], ["..=1"], ["systems.=1"], [".name=x"],
    ["systems.a.name.x=1"], ["metrics.7.name=duration"], ["metrics.-1.name=x"],
    ["metrics.x.name=duration"], ["name=[}"], ["name='"], ["name=*x"], ["name=&x"],
    ["name=!!python/name:os.system x"], ["repeats=true"], ["repeats=010x"], ["__class__=1"],
    ["systems.__class__=1"], ["name=" + "x" * 30_000], ["question=\ud800"],
]  # fmt: skip


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: ascii(" ".join(flags))[:30])
def test_flags_that_mean_nothing(
    flags: list[str], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "x.yaml").write_text(GOOD)
    _refused(["run", "x.yaml", *flags], capfd)
    assert [path.name for path in here.iterdir()] == ["x.yaml"]


# Where results are to go.


def _under_a_file(here: Path) -> str:
    (here / "file").write_text("x")
    return "file/run"


OUTS: dict[str, Callable[[Path], str]] = {
    "a file": lambda here: (here / "file").write_text("x") and "file",
    "below a file": _under_a_file,
    "a pipe": lambda here: (os.mkfifo(here / "p"), "p")[1],
    "a device": lambda _: "/dev/null",
    "below a device": lambda _: "/dev/null/run",
    "below /proc": lambda _: "/proc/run",
    "a link to itself": lambda here: ((here / "l").symlink_to("l"), "l")[1],
    "below a link to itself": lambda here: ((here / "l").symlink_to("l"), "l/run")[1],
    "a dangling link": lambda here: ((here / "l").symlink_to("no/where"), "l")[1],
    "a long name": lambda _: "x" * 256,
    "a long path": lambda _: "/".join(["x" * 200] * 30),
    "nothing": lambda _: "",
    "NUL": lambda _: "a\0b",
    "other files": lambda here: ((here / "d").mkdir(), (here / "d" / "f").write_text("x"), "d")[2],
    "a lock that is a link": lambda here: (
        (here / "d/.state").mkdir(parents=True), (here / "d/.state/lock").symlink_to("/dev/zero"),
        "d")[2],
    "a state that is a file": lambda here: (
        (here / "d").mkdir(), (here / "d/.state").write_text("x"), "d")[2],
}  # fmt: skip


@pytest.mark.parametrize("kind", OUTS)
def test_places_that_hold_no_run(kind: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "x.yaml").write_text(GOOD)
    out = OUTS[kind](here)
    before = sorted(str(path) for path in here.rglob("*"))
    _refused(["run", "x.yaml", "--out", out, "--no-cache"], capfd)
    left = {str(path) for path in here.rglob("*")} - set(before)
    assert not {path for path in left if "/cache" not in path}
