"""Many listeners at once: each hears what it would hear alone, in pieces of the schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xtts_fixtures import FEW_BLOCKS
from xtts_lab.api import XTTS
from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.rows import EngineRows
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.serving.rows import PlainRows, Rows
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.server import Piece, StreamServer
from xtts_lab.inference.serving.vocoding import bucketed
from xtts_lab.inference.serving.voicing import Leaving, StreamVocoder
from xtts_lab.inference.speak import speak
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.types import Request
from xtts_lab.vocoders.stages import LinearResize, Local, whole
from xtts_lab.vocoders.streaming import VocoderStream

WIDE = SamplingOptions(temperature=1.5, top_k=0, top_p=1.0, repetition_penalty=1.0)
SCHEDULES = [Schedule(1, 1.0, 1), Schedule(2, 2.0, 8), Schedule(3, 1.5, 30), Schedule(40, 1.0, 40)]


@pytest.fixture(scope="module")
def model() -> XttsModel:
    torch.manual_seed(0)
    tiny = ModelConfig.tiny(width=32, layers=1)
    gpt = replace(tiny.gpt, audio_tokens=40, start_audio=38, stop_audio=39)
    return XttsModel(replace(tiny, gpt=gpt, dvae=None, vocoder=FEW_BLOCKS)).eval()


@pytest.fixture(scope="module")
def vocoder(model: XttsModel) -> StreamVocoder:
    return StreamVocoder(model)


def prompt(seed: int, codes: int) -> Prompt:
    made = torch.Generator().manual_seed(seed)
    text = torch.randint(3, 200, (3 + seed % 4,), generator=made)
    return Prompt(torch.randn(4, 32, generator=made), text, seed, WIDE, max_codes=codes)


def vector(seed: int) -> torch.Tensor:
    return torch.randn(32, generator=torch.Generator().manual_seed(seed))


def alone(model: XttsModel, prompts: Sequence[Prompt], embedding: torch.Tensor) -> torch.Tensor:
    spoken = speak(model, prompts, [embedding] * len(prompts))
    return torch.cat([one.samples for one in spoken])


@pytest.fixture(scope="module")
def five(model: XttsModel) -> Callable[[bool], list[tuple[list[Prompt], torch.Tensor]]]:
    """Five requests of unequal length, of one or two sentences, and each said alone."""
    requests = [[prompt(i, 3 + 4 * i), *([prompt(9 + i, 5)] if i % 2 else [])] for i in range(5)]

    @cache
    def said(stops: bool) -> list[tuple[list[Prompt], torch.Tensor]]:
        end_with(model, stops)
        return [(prompts, alone(model, prompts, vector(i))) for i, prompts in enumerate(requests)]

    return said


def end_with(model: XttsModel, stops: bool) -> None:
    """Have speech stop of its own accord before the limit (code 39), or never."""
    with torch.no_grad():
        model.gpt.audio_head.bias[39] = 3.0 if stops else -50.0


def joined(pieces: Sequence[Piece], ticket: int) -> torch.Tensor:
    return torch.cat([piece.samples for piece in pieces if piece.ticket == ticket])


def assert_same(made: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-4)


def rows_of(model: XttsModel, kind: str, count: int) -> Rows:
    if kind == "plain":
        return PlainRows(model.gpt, count)
    return EngineRows(DecodingEngine(model.gpt, WIDE, rows=count, steps=40, prompt=32))


PAIRS = [
    (schedule, *case)
    for schedule, (kind, quantum, stops) in zip(
        SCHEDULES,
        [("plain", 1, False), ("plain", 1, True), ("plain", None, False), ("engine", 1, False)],
        strict=True,
    )
    for case in (
        (kind, quantum, stops),
        ("engine" if kind == "plain" else "plain", 1 if quantum is None else None, not stops),
    )
]
"""Each value of a setting beside each value of every other one."""


@pytest.mark.parametrize(("schedule", "kind", "quantum", "stops"), PAIRS, ids=str)
def test_each_hears_what_it_would_hear_alone(
    model: XttsModel,
    vocoder: StreamVocoder,
    five: Callable[[bool], list[tuple[list[Prompt], torch.Tensor]]],
    kind: str,
    schedule: Schedule,
    quantum: int | None,
    stops: bool,
) -> None:
    """Five requests through two rows."""
    requests = five(stops)
    end_with(model, stops)
    server = StreamServer(rows_of(model, kind, 2), vocoder, schedule, quantum)
    tickets, pieces = [], []
    for i, (prompts, _) in enumerate(requests):  # they come while others speak
        tickets.append(server.submit(prompts, vector(i)))
        pieces += server.poll()
    while not server.idle:
        assert server.load[0] <= 2
        pieces += server.poll()
    for ticket, (_, expected) in zip(tickets, requests, strict=True):
        assert_same(joined(pieces, ticket), expected)
        own = [piece.last for piece in pieces if piece.ticket == ticket]
        assert own == [False] * (len(own) - 1) + [True]
    assert server.poll() == []


def test_what_the_speech_above_ends_with(model: XttsModel) -> None:
    """So that both ends are met: with the higher bias most stop of their own accord."""
    for stops, ends in ((True, {"end"}), (False, {"limit"})):
        end_with(model, stops)
        spoken = speak(model, [prompt(i, 31) for i in range(4)], [vector(i) for i in range(4)])
        assert {one.stop for one in spoken} == ends


@settings(max_examples=8, deadline=None)
@given(
    first=st.integers(1, 12),
    growth=st.floats(1.0, 3.0),
    more=st.integers(0, 20),
    codes=st.integers(1, 40),
    seed=st.integers(0, 50),
)
def test_a_stream_is_the_whole_whatever_its_schedule(
    model: XttsModel, vocoder: StreamVocoder, first: int, growth: float, more: int, codes: int,
    seed: int,
) -> None:  # fmt: skip
    schedule = Schedule(first, growth, first + more)
    server = StreamServer(PlainRows(model.gpt, 1), vocoder, schedule, None)
    said = prompt(seed, codes)
    pieces = list(server.stream(said, vector(seed)))
    assert_same(torch.cat(pieces), alone(model, [said], vector(seed)))


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=8), context=st.integers(0, 9))
def test_windows_of_fixed_shapes_change_nothing(sizes: list[int], context: int) -> None:
    """And but for an utterance said in one piece, every window is a multiple of the bucket."""
    kernel = torch.randn(2, 3, 2 * context + 1)

    def function(values: torch.Tensor) -> torch.Tensor:
        made = torch.nn.functional.conv1d(values, kernel, padding=context)
        return made.transpose(1, 2).reshape(values.shape[0], 1, -1)  # two samples an input

    inputs = torch.randn(1, 3, sum(sizes))
    stages = bucketed((LinearResize(1.7), Local(function, 2, context)))
    stream = VocoderStream(stages)
    pieces = [stream.push(part[0]) for part in inputs.split(sizes, dim=-1)]
    made = torch.cat([*pieces, stream.finish()])
    expected = whole((LinearResize(1.7), Local(function, 2, context)), inputs)[0, 0]
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)
    assert all(shape[-1] % 16 == 0 for shape in stages[-1].shapes)  # type: ignore[attr-defined]


def test_a_first_piece_goes_before_pieces_of_those_who_speak(
    model: XttsModel, vocoder: StreamVocoder
) -> None:
    """All are due in one poll: the one that waits for its first piece gets it first."""
    server = StreamServer(PlainRows(model.gpt, 3), vocoder, Schedule(4, 1.0, 4), quantum=4)
    server.submit([prompt(1, 30)], vector(1))
    server.submit([prompt(2, 30)], vector(2))
    server.poll()
    server.submit([prompt(3, 30)], vector(3))
    assert [piece.ticket for piece in server.poll()] == [0, 1]
    assert [piece.ticket for piece in server.poll()] == [2]
    assert [piece.ticket for piece in server.poll()] == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": torch.zeros(4, 7)},
        {"prefix": torch.full((4, 32), torch.nan)},
        {"text": torch.full((900,), 5)},
    ],
    ids=["another model's voice", "not finite", "too long"],
)
def test_one_request_that_cannot_be_said_ends_itself_alone(
    model: XttsModel, vocoder: StreamVocoder, wrong: dict[str, torch.Tensor]
) -> None:
    server = StreamServer(PlainRows(model.gpt, 2), vocoder, Schedule(4, 1.0, 4))
    good = prompt(1, 9)
    server.submit([good], vector(1))
    server.submit([replace(good, **wrong)], vector(1))
    pieces: list[Piece] = []
    while not server.idle:
        pieces += server.poll()
    (failed,) = [piece for piece in pieces if piece.error]
    assert (failed.ticket, failed.last) == (1, True)
    assert_same(joined(pieces, 0), alone(model, [good], vector(1)))


@pytest.mark.parametrize("size", [1, 40_000])
def test_a_piece_that_arrives_is_ones_own_and_made_of_numbers(size: int) -> None:
    made = torch.linspace(-1, 1, size)
    arrived = Leaving(made).arrived()
    assert torch.equal(arrived, made)
    made[-1] = 0.5  # the device's buffer is used again
    assert arrived[-1] != 0.5
    for noise in (torch.nan, torch.inf, -torch.inf):
        made[size // 2] = noise
        with pytest.raises(UsageError, match="not finite"):
            Leaving(made).arrived()
    assert Leaving(torch.zeros(0)).arrived().shape == (0,)


@pytest.mark.parametrize("schedule", [Schedule(2, 2.0, 5), Schedule(3, 1.0, 3)], ids=str)
def test_a_rehearsal_leaves_no_shape_to_be_made(model: XttsModel, schedule: Schedule) -> None:
    """But for utterances that are said in one piece, which have no fixed shape."""
    vocoder = StreamVocoder(model)
    vocoder.rehearse(schedule)
    known = vocoder.shapes
    assert known > 0
    server = StreamServer(PlainRows(model.gpt, 1), vocoder, schedule, None)
    for codes in range(1, 19):
        list(server.stream(prompt(codes, codes), vector(codes)))
    assert vocoder.shapes == known


def test_a_stream_that_is_left_leaves_a_server_that_works(
    model: XttsModel, vocoder: StreamVocoder
) -> None:
    server = StreamServer(PlainRows(model.gpt, 1), vocoder, Schedule(2, 1.0, 2), None)
    left = server.stream(prompt(1, 30), vector(1))
    next(left)
    left.close()
    again = torch.cat(list(server.stream(prompt(2, 20), vector(2))))
    torch.testing.assert_close(
        again, alone(model, [prompt(2, 20)], vector(2)), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("20", Schedule(20, 1.0, 20)),
        ("6:2:40", Schedule(6, 2.0, 40)),
        ("5:1.5:9", Schedule(5, 1.5, 9)),
    ],
)
def test_a_schedule_is_read_as_it_is_written(text: str, schedule: Schedule) -> None:
    assert Schedule.parse(text) == schedule
    assert str(schedule) == text


@pytest.mark.parametrize("text", ["", "x", "0", "6:2", "6:0.5:40", "6:2:5", "-3", "6:2:4:1", "1e3"])
def test_a_schedule_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="chunks"):
        Schedule.parse(text)


TEXTS = ["Good morning.", "One sentence. And another one.", "Hello there, who is it?"]


@pytest.mark.parametrize("engine", ["plain", "fast"])
@pytest.mark.parametrize("chunk_codes", [4, Schedule(2, 2.0, 8)], ids=str)
def test_many_listeners_hear_what_synthesise_says(engine: str, chunk_codes: int | Schedule) -> None:
    """On a CPU the fast engine runs on torch's operations; three requests share two rows."""
    speaking = XTTS.from_pretrained("random-tiny", device="cpu", engine=engine)
    server = speaking.serve(2, chunk_codes=chunk_codes, max_codes=6)
    voices = [speaking.voice("one"), speaking.voice("two"), speaking.voice("one")]
    requests = [Request(text, "en", (), seed) for seed, text in enumerate(TEXTS)]
    tickets = [server.submit(*pair) for pair in zip(requests, voices, strict=True)]
    heard: dict[int, list[torch.Tensor]] = {ticket: [] for ticket in tickets}
    while not server.idle:
        for piece in server.poll():
            assert piece.error is None
            heard[piece.ticket].append(piece.audio.samples)
    for ticket, request, voice in zip(tickets, requests, voices, strict=True):
        whole = speaking.synthesise(
            request.text, language="en", voice=voice, seed=request.seed, max_codes=6
        )
        torch.testing.assert_close(torch.cat(heard[ticket]), whole.samples, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("", "en", (), 0), "text"),
        (Request("Hello.", "xx", (), 0), "xx"),
        (Request("Hello.", "en", (), -(2**70)), "seed"),
    ],
    ids=["no text", "no language", "no seed"],
)
def test_a_request_that_cannot_be_said_is_refused_at_once(request_: Request, said: str) -> None:
    speaking = XTTS.from_pretrained("random-tiny", device="cpu")
    server = speaking.serve(2)
    with pytest.raises(UsageError, match=said):
        server.submit(request_, speaking.voice("one"))
    assert server.idle


@pytest.mark.parametrize("streams", [0, -1, 2.5, "3"])
def test_a_server_of_no_streams_is_refused(streams: Any) -> None:
    with pytest.raises(UsageError, match="streams"):
        XTTS.from_pretrained("random-tiny", device="cpu").serve(streams)


def test_stages_are_told_apart() -> None:
    speaking = XTTS.from_pretrained("random-tiny", device="cpu")
    server = speaking.serve(1, chunk_codes=4, max_codes=9)
    stages = server.stages(Request("Good morning.", "en", (), 1), speaking.voice("one"))
    assert {name: len(values) for name, values in stages.items()} == {
        "front_end_ms": 1, "prefill_ms": 1, "code_ms": 3, "vocoder_ms": 3, "transfer_ms": 3,
    }  # fmt: skip
    assert all(value >= 0.0 for values in stages.values() for value in values)
