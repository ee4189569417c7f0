"""Hosted voices, against a real server on loopback: well-behaved, limited, dying, lying."""

from __future__ import annotations

import base64
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.speech_server import KEY, RATE, Behaviour, Handler, Server, serving, tone, well
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.experiment.timing.open_loop import serve
from xtts_lab.systems.hosted.pace import Pace, Patience, asked_wait_s
from xtts_lab.systems.hosted.secrets import Key
from xtts_lab.systems.openai_speech import OpenAiSpeechSystem
from xtts_lab.types import Failure, Reference, Request, Synthesis

VARIABLE = "TEST_SPEECH_KEY"


def system(server: Server, **settings: Any) -> OpenAiSpeechSystem:
    quick: dict[str, Any] = {"back_off_s": 1e-4, "retries": 2, "timeout_s": 5.0}
    return OpenAiSpeechSystem(base_url=server.url, model="m", voice="v", **(quick | settings))


def request(text: str = "Hello.", seed: int = 7, *references: Reference) -> Request:
    return Request(text, "de", references, seed)


def ask(made: OpenAiSpeechSystem, asked: Request | None = None) -> Synthesis | Failure:
    (result,) = made.synthesise([asked or request()])
    return result


def failed(behave: Behaviour, **settings: Any) -> str:
    with serving(behave) as server:
        result = ask(system(server, **settings))
    assert isinstance(result, Failure)
    return result.error


@pytest.mark.parametrize("form", ["wav", "pcm", "flac"])
def test_offline_the_sound_is_what_was_sent(form: str) -> None:
    with serving() as server:
        made = system(server, format=form, extra={"seed": "{seed}", "lang": "{language_name}"})
        result = ask(made)
        (path, headers, content) = server.asked[0]
    assert isinstance(result, Synthesis)
    assert result.audio.sample_rate == RATE
    expected = tone({"input": "Hello.", "seed": 7}) / np.float32(32768)
    assert np.array_equal(result.audio.samples.numpy(), expected)
    assert result.timings.total_ms >= result.timings.first_audio_ms > 0
    assert path == "/v1/audio/speech"
    assert "Authorization" not in headers
    assert content == {
        "model": "m", "voice": "v", "input": "Hello.", "response_format": form, "seed": 7,
        "lang": "German",
    }  # fmt: skip


@pytest.mark.parametrize("way", ["chunked", "sse"])
def test_streams_come_in_pieces_and_say_the_same(way: str) -> None:
    with serving() as server:
        made = system(server, stream=way, stream_extra={"stream": True})
        chunks = list(made.stream(request(), made.prepare(())))
        content = server.asked[0][2]
    joined = np.concatenate([chunk.samples.numpy() for chunk in chunks])
    assert np.array_equal(joined, tone({"input": "Hello."}) / np.float32(32768))
    assert len(chunks) > 1
    assert content["stream"] is True
    assert content["response_format"] == "pcm"


def test_streams_under_load_run_beside_each_other() -> None:
    with serving() as server:
        made = system(server)
        wanted = [(request(f"Text {i}."), {}) for i in range(4)]
        served = serve(made.serve(streams=4), wanted, [0.0] * 4)
        assert len(server.asked) == 4
    assert [one.error for one in served] == [None] * 4
    sizes = [sum(len(chunk.samples) for chunk in one.chunks) for one in served]
    assert sizes == [len(tone({"input": f"Text {i}."})) for i in range(4)]


def test_references_are_sent_as_data_where_they_are_asked_for(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, np.zeros(800), 8000)
    with serving() as server:
        extra = {"clone": {"audio": "{reference}", "text": "{reference_text}"}}
        made = system(server, extra=extra)
        assert made.needs_reference_text
        ask(made, request("Hi.", 1, Reference(clip, "What it says.")))
        sent = server.asked[0][2]["clone"]
        result = ask(made, request("Hi.", 1, Reference(tmp_path / "absent.wav")))
    assert base64.b64decode(sent["audio"].partition(",")[2]) == clip.read_bytes()
    assert sent["text"] == "What it says."
    assert isinstance(result, Failure)
    assert "absent.wav" in result.error


def test_order_holds_with_several_requests_at_once() -> None:
    def slow_first(handler: Handler, content: dict[str, Any]) -> None:
        if content["input"] == "Text 0.":
            time.sleep(0.02)
        well(handler, content)

    with serving(slow_first) as server:
        made = system(server, at_once=4)
        texts = [f"Text {i}." + "." * i for i in range(9)]
        results = list(made.synthesise([request(text) for text in texts]))
        made.close()
    sizes = [len(r.audio.samples) for r in results if isinstance(r, Synthesis)]
    assert sizes == [len(tone({"input": text})) for text in texts]


class Flaky:
    """Behaves badly `times` times, then well."""

    def __init__(self, badly: Behaviour, times: int) -> None:
        self.badly, self.left = badly, times

    def __call__(self, handler: Handler, content: dict[str, Any]) -> None:
        self.left -= 1
        (self.badly if self.left >= 0 else well)(handler, content)


def limited(handler: Handler, _content: dict[str, Any]) -> None:
    handler.refuse(429, "Slow down.", Retry_After="0.001")


def dies_at_once(handler: Handler, _content: dict[str, Any]) -> None:
    handler.die()


def dies_in_the_middle(handler: Handler, content: dict[str, Any]) -> None:
    handler.begin_chunks("audio/pcm")
    handler.chunk(tone(content).tobytes()[:1000])
    handler.die()


def sends_less(handler: Handler, content: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "audio/pcm")
    handler.send_header("Content-Length", "99999")
    handler.end_headers()
    handler.wfile.write(tone(content).tobytes())
    handler.die()


def is_down(handler: Handler, _content: dict[str, Any]) -> None:
    handler.refuse(503, "Loading.")


def sends_nothing(handler: Handler, _content: dict[str, Any]) -> None:
    handler.send(200, "audio/pcm", b"")


@pytest.mark.parametrize(
    "badly", [limited, dies_at_once, dies_in_the_middle, sends_less, is_down, sends_nothing]
)
def test_what_passes_is_tried_again_and_what_lasts_is_a_failure(badly: Behaviour) -> None:
    with serving(Flaky(badly, 2)) as server:
        assert isinstance(ask(system(server, format="pcm")), Synthesis)
        assert len(server.asked) == 3
    error = failed(badly, format="pcm")
    assert error.endswith("(tried 3 times)")
    assert "\n" not in error


def test_a_service_that_asks_for_too_long_a_wait_is_not_waited_for() -> None:
    def rests(handler: Handler, _content: dict[str, Any]) -> None:
        handler.refuse(429, "Come back tomorrow.", Retry_After="86400")

    started = time.perf_counter()
    assert "Come back tomorrow." in failed(rests)
    assert time.perf_counter() - started < 10


def lies(status: int, kind: str, data: bytes) -> Behaviour:
    return lambda handler, _content: handler.send(status, kind, data)


def _wav(rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(rate // 2), rate, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (lies(200, "application/json", b'{"error": "no voice"}'), "instead of sound"),
        (lies(200, "text/html", b"<html>Welcome</html>"), "answered text/html"),
        (lies(200, "audio/wav", b"RIFF but no sound at all"), "cannot be read as audio"),
        (lies(200, "audio/wav", _wav(16_000)), "at 16000 Hz; set sample_rate"),
        (lies(200, "audio/wav", _wav(RATE)[:60]), "less than 20"),
        (lies(400, "application/json", b'{"detail": "no such voice"}'), "HTTP 400: no such voice"),
        (lies(302, "text/plain", b""), "HTTP 302"),
        (lies(500, "text/plain", b"\xff\x00" * 50_000), "HTTP 500"),
        (lies(404, "application/json", b"[" * 90_000), "HTTP 404"),
    ],
)
def test_lies_fail_the_utterance_in_one_line(behave: Behaviour, says: str) -> None:
    error = failed(behave)
    assert says in error
    assert "\n" not in error
    assert len(error) < 400


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (b"data: {broken\n\n", "cannot be read"),
        (b'data: {"type": "error", "error": "no"}\n\n', "error in the stream"),
        (b'data: {"type": "speech.audio.delta", "audio": "AAAA"}\n\n', "before its last event"),
        (b'data: {"type": "speech.audio.delta", "audio": "!!"}\n\n', "cannot be read"),
        (b'data: [1]\n\ndata: {"type": "speech.audio.done"}\n\n', "cannot be read"),
        (b'data: {"type": "speech.audio.done"}\n\n', "sent no sound"),
    ],
)
def test_lies_in_a_stream_end_it(events: bytes, says: str) -> None:
    with serving(lies(200, "text/event-stream", events)) as server:
        made = system(server, stream="sse")
        with pytest.raises(Exception, match=says):
            list(made.stream(request(), {}))
        assert len(server.asked) == 1  # tried once: it was timed


def test_a_flood_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xtts_lab.systems.openai_speech.MAX_DURATION_S", 0.1)
    assert "more than 20,000 bytes" in failed(lies(200, "audio/pcm", bytes(100_000)), format="pcm")


def test_a_server_that_is_not_there_is_a_failure() -> None:
    with serving() as server:
        made = system(server)
    result = ask(made)
    assert isinstance(result, Failure)
    assert "(tried 3 times)" in result.error


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"base_url": "ftp://host/v1"}, "must begin http://"),
        ({"base_url": "http://user:word@host"}, "no name, password"),
        ({"base_url": "http://host:notaport"}, "no address"),
        ({"key_env": "sk-pasted-by-mistake"}, "must be the name of a variable"),
        ({"extra": {"a": ["{langage}"]}}, "did you mean 'language'"),
        ({"languages": ("xx",)}, "unknown language"),
        ({"at_once": 0}, "at_once 1 to 256"),
        ({"usd_per_minute": -1.0}, "prices"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        OpenAiSpeechSystem(**({"base_url": "http://127.0.0.1:1", "model": "m"} | settings))
    assert "sk-pasted" not in str(caught.value)


EXPERIMENT = """\
name: hosted
systems:
  voice:
    {{name: openai_speech, base_url: "{url}", model: m, key_env: {variable}, retries: 1,
      back_off_s: 0.001, usd_per_million_characters: 15.0}}
texts: {{name: builtin, languages: [en], per_language: 3}}
speakers: {{name: synthetic, count: 1, references: 0, enrolment: 0}}
metrics: [{{name: duration}}, {{name: latency, warmups: 0}}]
sanity: false
"""


def _experiment(folder: Path, server: Server) -> Path:
    file = folder / "e.yaml"
    file.write_text(EXPERIMENT.format(url=server.url, variable=VARIABLE))
    return file


def test_the_key_is_in_no_file_log_or_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))

    def quotes(handler: Handler, content: dict[str, Any]) -> None:
        assert handler.headers["Authorization"] == f"Bearer {KEY}"
        if len(handler.server.asked) % 2:
            handler.refuse(400, f"Wrong key {KEY}, or {KEY[:8]}***{KEY[-4:]}.")
        else:
            well(handler, content)

    with serving(quotes) as server:
        assert run_app(["run", str(_experiment(tmp_path, server)), "--out", str(tmp_path / "r")])
    said = capfd.readouterr()
    places = {"out": said.out.encode(), "err": said.err.encode()}
    places |= {str(p): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert any("failures.csv" in name and b"Wrong key" in data for name, data in places.items())
    for name, data in places.items():
        assert KEY.encode() not in data, name
        assert KEY[:8].encode() not in data, name
        assert base64.b64encode(KEY.encode()) not in data, name


def test_a_run_streams_and_says_what_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "r"
    with serving() as server:
        assert run_app(["run", str(_experiment(tmp_path, server)), "--out", str(out)]) == 0
    trials = pd.read_parquet(out / "trials.parquet")
    assert trials["cost_usd"].tolist() == pytest.approx([15e-6 * len(t) for t in trials["text"]])
    latency = pd.read_parquet(out / "latency.parquet")
    assert len(latency) == 3
    assert all(len(json.loads(arrivals)) > 1 for arrivals in latency["arrivals_ms"])
    total = f"{trials['cost_usd'].sum():,.3g} USD"
    assert total in (out / "report.md").read_text(encoding="utf-8")


def test_a_key_that_is_absent_unusable_or_written_down_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = OpenAiSpeechSystem(base_url="http://127.0.0.1:1", model="m", key_env=VARIABLE)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(UsageError, match=rf"\${VARIABLE} is not set"):
        made.check()
    monkeypatch.setenv(VARIABLE, "sk-two\nlines-of-it")
    with pytest.raises(UsageError, match="no key does") as caught:
        made.check()
    assert "sk-two" not in str(caught.value)
    monkeypatch.setenv(VARIABLE, KEY)
    made.check()
    written = OpenAiSpeechSystem(
        base_url="http://127.0.0.1:1", model="m", key_env=VARIABLE, extra={"auth": {"k": KEY}}
    )
    with pytest.raises(UsageError, match="stands in the settings") as caught:
        written.check()
    assert KEY not in str(caught.value)
    assert KEY not in repr(Key(VARIABLE))


def test_requests_keep_their_distance() -> None:
    now = [0.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(60.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        pace.wait()
    assert waits == pytest.approx([1.0, 1.0])
    now[0] += 10.0
    pace.wait()
    assert len(waits) == 2  # nothing is saved up, and nothing owed


def test_back_off_doubles_and_what_a_service_says_comes_first() -> None:
    patience = Patience(3, 1.0, 60.0)
    first, second = (patience.wait_s(i, 5, {}) for i in (0, 1))
    assert 1.0 <= first <= 1.25 <= 2.0 <= second <= 2.5
    assert patience.wait_s(3, 5, {}) is None
    assert patience.wait_s(0, 5, {"Retry-After": "7"}) == 7.0
    assert patience.wait_s(0, 5, {"retry-after-ms": "250"}) == 0.25
    assert patience.wait_s(0, 5, {"Retry-After": "3600"}) is None
    assert asked_wait_s({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert asked_wait_s({"Retry-After": "soon"}) is None
    assert asked_wait_s({"Retry-After": "-5"}) is None
