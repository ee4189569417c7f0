"""Clips judged side by side in one process: in order, each as alone, and none after an error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab import audio
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.contour import Contour
from xtts_lab.instruments.dnsmos import Dnsmos
from xtts_lab.instruments.pitch import Pitch
from xtts_lab.instruments.threaded import in_order
from xtts_lab.instruments.voicefilter import VoiceFilter
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.threads import THREADS
from xtts_lab.types import Clip, Failure, Json, Request, Synthesis

TEXTS = ("Good morning.", "The bread is still warm.", "Not now, please.", "He waited for an hour.")


@given(st.lists(st.integers()), st.integers(1, 9))
def test_what_is_made_comes_in_the_order_of_the_items(items: list[int], ahead: int) -> None:
    assert list(in_order(lambda item: item + 1, items, ahead=ahead)) == [i + 1 for i in items]


def test_so_many_are_at_work_at_once_and_the_first_is_alone() -> None:
    met = threading.Barrier(THREADS, timeout=60.0)
    at_work: list[str] = []

    def meet(item: int) -> str:
        if item == 0:
            return threading.current_thread().name
        met.wait()  # which nobody passes alone
        at_work.append(threading.current_thread().name)
        return ""

    found = list(in_order(meet, range(1 + 2 * THREADS)))
    assert found[0] == threading.current_thread().name
    assert len(set(at_work)) == THREADS
    assert threading.current_thread().name not in at_work


def test_an_error_comes_in_its_turn_and_nothing_is_begun_after_it() -> None:
    begun: list[int] = []

    def make(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise SystemExit("no more")
        return item

    made = in_order(make, range(1000))
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SystemExit, match="no more"):
        next(made)
    assert len(begun) <= 3 + 1 + 2 * THREADS


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Speech, with a broken clip among it."""
    folder = tmp_path_factory.mktemp("clips")
    for i, one in enumerate(EspeakSystem().synthesise([Request(t, "en", (), 0) for t in TEXTS])):
        assert isinstance(one, Synthesis)
        audio.save(folder / f"{i}.wav", one.audio)
    (folder / "1.5.wav").write_bytes(b"no audio")
    return [Clip(path) for path in sorted(folder.glob("*.wav"))]


@pytest.mark.parametrize("judge", [Pitch, Contour, VoiceFilter, lambda: Dnsmos(device="cpu")])
def test_judges_say_of_each_clip_what_they_say_of_it_alone(
    judge: Callable[[], BaseInstrument], clips: Sequence[Clip]
) -> None:
    assert judge().side_by_side
    alone: list[dict[str, Json] | Failure] = []
    for clip in clips:
        alone += judge().measure([clip])
    assert [isinstance(one, Failure) for one in alone] == [False, True, False, False, False]
    assert list(judge().measure([*clips] * 3)) == alone * 3


def test_others_judge_one_clip_after_the_other(tmp_path: Path) -> None:
    seen: list[str] = []

    class Plain(BaseInstrument):
        def judge(self, path: Path) -> dict[str, Json] | Failure:
            seen.append(path.name)
            return {"thread": threading.current_thread().name}

    heard = Plain().measure([Clip(tmp_path / "a.wav"), Clip(tmp_path / "b.wav")])
    assert next(heard) == {"thread": threading.current_thread().name}
    assert seen == ["a.wav"]
