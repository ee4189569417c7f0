"""Any program as a system: what it gets, what it may write, and how it fails."""

from __future__ import annotations

import fcntl
import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from xtts_lab.errors import UsageError
from xtts_lab.systems.command import CommandSystem
from xtts_lab.systems.processes import complaint, run
from xtts_lab.types import Failure, Reference, Request, Synthesis

SAY = """
import array, json, sys, wave
out, *said = sys.argv[1:]
tone = array.array("h", [len(" ".join(said).encode())] * 1600)
with wave.open(out, "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(tone.tobytes())
with open({log!r}, "w", encoding="utf-8") as file:
    json.dump(said, file)
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-S", "-c", code, *arguments]


def system(code: str, *arguments: str, rate: int = 16_000, timeout_s: float = 60.0):
    template = python(code.replace("{", "{{").replace("}", "}}"), *arguments)
    return CommandSystem(template=tuple(template), sample_rate=rate, timeout_s=timeout_s)


def ask(made: CommandSystem, text: str = "Hi.", references: tuple[Reference, ...] = ()):
    (result,) = made.synthesise([Request(text, "de", references, 7)])
    return result


def test_the_program_gets_every_argument_as_it_is(tmp_path: Path) -> None:
    hostile = "$(touch owned); `id` \"quoted\" 'too' | * -rf \n é中 {seed}"
    log = tmp_path / "log.json"
    made = system(
        SAY.replace("{log!r}", repr(str(log))), "{out}", "--text={text}", "{language}",
        "{references}", "{seed}", "{{seed}}", "{reference}",
    )  # fmt: skip
    clips = tuple(Reference(tmp_path / name) for name in ("a b.wav", "c.wav"))
    result = ask(made, hostile, clips)
    assert isinstance(result, Synthesis)
    paths = [str(clip.audio) for clip in clips]
    said = json.loads(log.read_text(encoding="utf-8"))
    assert said == [f"--text={hostile}", "de", *paths, "7", "{seed}", paths[0]]
    expected = len(" ".join(said).encode())
    assert result.audio.sample_rate == 16_000
    assert np.array_equal(result.audio.samples.numpy(), np.full(1600, expected / 32768, np.float32))
    assert result.timings.total_ms > 0


def test_the_text_may_come_as_a_file_and_folders_are_removed(tmp_path: Path) -> None:
    code = SAY.replace("{log!r}", repr(str(tmp_path / "log"))).replace(
        "out, *said = sys.argv[1:]",
        "out, name = sys.argv[1:]; said = [open(name, encoding='utf-8').read(), name, out]",
    )
    assert isinstance(ask(system(code, "{out}", "{text_file}"), "-x é\n"), Synthesis)
    text, *paths = json.loads((tmp_path / "log").read_text())
    assert text == "-x é\n"
    assert not any(Path(path).parent.exists() for path in paths)


FAILURES: dict[str, tuple[str, str]] = {
    "exit code": (
        "import sys; sys.stderr.write('one\\ntwo\\n\\x1b[31mthree\\x1b[0m\\n\\n'); sys.exit(3)",
        "command: exit code 3: two | three",
    ),
    "temporary folder": (
        "import sys, os; sys.exit('cannot write ' + sys.argv[1] + ' in ' + "
        "os.path.dirname(sys.argv[1]))",
        "command: exit code 1: cannot write out.wav in folder",
    ),
    "signal": ("import os; os.kill(os.getpid(), 9)", "command: ended by signal 9"),
    "nothing written": ("pass", "command: wrote no audio to {out}"),
    "a folder written": ("import os, sys; os.mkdir(sys.argv[1])", "command: wrote no audio"),
    "text written": (
        "import sys; open(sys.argv[1], 'w').write('hello')",
        "command: out.wav: cannot be read as audio",
    ),
    "pipe written": ("import os, sys; os.mkfifo(sys.argv[1])", "command: wrote no audio"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_keep_the_end_of_the_error_stream(name: str) -> None:
    code, message = FAILURES[name]
    made = system(code, "{out}", "{text}")
    first, second = ask(made), ask(made)
    assert isinstance(first, Failure)
    assert first == second
    assert first.error.startswith(message)
    assert "\n" not in first.error
    assert "/" not in first.error


def test_a_flood_of_complaints_is_bounded() -> None:
    result = ask(system("import sys; sys.exit('x' * 50_000_000)", "{out}", "{text}"))
    assert isinstance(result, Failure)
    assert len(result.error) < 300


CHILD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""


def test_time_is_limited_for_children_too(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import subprocess, sys, time\n"
        f"child = [sys.executable, '-S', '-c', {CHILD!r}, {str(lock)!r}]\n"
        "subprocess.Popen(child, stdout=subprocess.PIPE).stdout.readline()\n"
        "time.sleep(60)"
    )
    start = time.monotonic()
    result = ask(system(code, "{out}", "{text}", timeout_s=1.0))
    assert result == Failure("command: still running after 1 s")
    with lock.open() as file:  # only the child's end lets go of it
        fcntl.flock(file, fcntl.LOCK_EX)
    assert time.monotonic() - start < 30


def test_a_daemon_that_keeps_the_stream_open_is_not_waited_for() -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(6)'],"
        " start_new_session=True)"
    )
    start = time.monotonic()
    assert run(python(code), 30.0).code == 0
    assert time.monotonic() - start < 5


def test_audio_at_another_rate_than_declared_is_a_failure(tmp_path: Path) -> None:
    code = SAY.replace("{log!r}", repr(str(tmp_path / "log")))
    result = ask(system(code, "{out}", "{text}", rate=22_050))
    assert result == Failure("command: wrote audio at 16000 Hz; set sample_rate, which says 22050")


def test_requests_that_cannot_be_passed_on_fail() -> None:
    made = system("pass", "{out}", "{text}", "{reference}")
    assert ask(made) == Failure("command: cannot be started (the utterance has no reference)")
    assert "null byte" in ask(system("pass", "{out}", "{text}"), "a\0b").error
    long = ask(system("pass", "{out}", "{text}"), "x" * 10_000_000)
    assert long == Failure("command: cannot be started (Argument list too long)")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ((), "template is empty"),
        (("no-such-program-here", "{out}", "{text}"), "no program 'no-such-program-here'"),
        (("{text}", "{out}"), "no program"),
        ((sys.executable, "{out}"), "needs {out}"),
        ((sys.executable, "{text}"), "needs {out}"),
        ((sys.executable, "{out}", "{txt}"), "did you mean 'text'"),
        ((sys.executable, "{out}", "{text}", "{references},"), "argument of its own"),
    ],
)
def test_templates_that_cannot_work_are_refused(template: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match="command: ") as caught:
        CommandSystem(template=template, sample_rate=16_000)
    assert message in str(caught.value)


def test_identity_follows_the_files_that_the_template_names(tmp_path: Path) -> None:
    script = tmp_path / "tts.py"
    script.write_text("pass")
    template = (sys.executable, str(script), "{out}", "{text}")
    identities = [CommandSystem(template=template, sample_rate=16_000).identity]
    identities.append(CommandSystem(template=template, sample_rate=16_000, version="2").identity)
    script.write_text("print()")
    identities.append(CommandSystem(template=template, sample_rate=16_000).identity)
    assert all(one != other for i, one in enumerate(identities) for other in identities[:i])


def test_complaints_lose_folders_addresses_and_progress_bars() -> None:
    raw = b"10%\r50%\r100%\nFile '/home/me/x/tts.py', <T at 0x7f3a5c0de0>: ~/a/b.wav and/or 3/4"
    assert complaint(raw) == "100% | File 'tts.py', <T at 0x>: b.wav and/or 3/4"


def test_reads_back_any_format_that_soundfile_knows(tmp_path: Path) -> None:
    source = tmp_path / "a.flac"
    soundfile.write(source, np.full(1600, 0.25), 16_000)
    code = f"import shutil, sys; shutil.copy({str(source)!r}, sys.argv[1])"
    result = ask(system(code, "{out}", "{text}"))
    assert isinstance(result, Synthesis)
    assert float(result.audio.samples.mean()) == pytest.approx(0.25, abs=1e-4)
