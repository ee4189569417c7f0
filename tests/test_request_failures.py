"""One request's fault is one request's failure, whatever the batch; texts fit the model's room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.xtts_fixtures import write_voice
from xtts_lab import XTTS
from xtts_lab.checkpoint import random_checkpoint
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig
from xtts_lab.nn.gpt import GptConfig
from xtts_lab.systems.xtts import XttsSystem
from xtts_lab.types import Failure, Reference, Request, Synthesis


class Fragile(XTTS):
    """An XTTS that runs out of memory for batches over a size, and chokes on some texts."""

    most = 1_000
    poison: tuple[str, ...] = ()
    error: Exception = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB\nadvice")
    calls: list[int]

    def synthesise_batch(self, requests: Sequence[Request], **settings: Any) -> list[Synthesis]:
        self.calls.append(len(requests))
        if len(requests) > self.most or any(r.text in self.poison for r in requests):
            raise self.error
        return super().synthesise_batch(requests, **settings)


@pytest.fixture(scope="module")
def loaded() -> XTTS:
    return XTTS.from_pretrained("random-tiny", device="cpu")


def fragile(loaded: XTTS, **settings: Any) -> tuple[XttsSystem, Fragile]:
    system = XttsSystem(checkpoint="random-tiny", device="cpu", max_codes=4, batch_size=8)
    model = Fragile(loaded.checkpoint, "cpu")
    model.calls = []
    for name, value in settings.items():
        setattr(model, name, value)
    system._model = model
    return system, model


def requests(clip: Path, count: int = 8) -> list[Request]:
    return [Request(f"Number {i}.", "en", (Reference(clip),), i) for i in range(count)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_voice(tmp_path / "v.wav", 2.0)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8])
def test_a_batch_too_large_is_halved(loaded: XTTS, clip: Path, most: int) -> None:
    whole = [*fragile(loaded)[0].synthesise(requests(clip))]
    system, model = fragile(loaded, most=most)
    parts = [*system.synthesise(requests(clip))]
    for one, other in zip(whole, parts, strict=True):
        assert isinstance(one, Synthesis)
        assert isinstance(other, Synthesis)
        assert torch.equal(one.codes, other.codes)  # type: ignore[arg-type]
    assert len(model.calls) <= 15


ERRORS = [
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB\nadvice"),
    torch.cuda.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    ValueError("odd"),
    IndexError("index out of range in self"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    AssertionError(),
    UsageError("text: no"),
]


SPREAD = (0, 2, 5)
POISONED = [
    *((error, SPREAD) for error in ERRORS),  # each error, and any places for two kinds of them
    *((e, places) for e in (ERRORS[0], ERRORS[3]) for places in ((0,), (7,), (3, 4), range(8))),
]


@pytest.mark.parametrize(
    ("error", "poison"), POISONED, ids=[f"{type(e).__name__}-{[*places]}" for e, places in POISONED]
)
def test_a_request_fails_at_most_itself(
    loaded: XTTS, clip: Path, error: Exception, poison: Sequence[int]
) -> None:
    texts = tuple(f"Number {i}." for i in poison)
    system, _ = fragile(loaded, poison=texts, error=error)
    results = [*system.synthesise(requests(clip))]
    failed = {i for i, result in enumerate(results) if isinstance(result, Failure)}
    assert failed == set(poison)
    for i in failed:
        line = results[i].error  # type: ignore[union-attr]
        assert line
        assert "\n" not in line


def test_faults_of_references_and_texts_are_their_requests_own(clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    given = requests(clip, 6)
    given[1] = Request("Hello.", "en", (Reference(broken),), 1)
    given[2] = Request("Hello.", "en", (Reference(tmp_path / "absent.wav"),), 1)
    given[3] = Request("  ", "en", (Reference(clip),), 1)
    given[4] = Request("Hello.", "hi", (Reference(clip),), 1)
    system = XttsSystem(checkpoint="random-tiny", device="cpu", max_codes=4, batch_size=6)
    results = [*system.synthesise(given)]
    assert [isinstance(r, Failure) for r in results] == [False, True, True, True, True, False]
    assert "no such file" in results[2].error  # type: ignore[union-attr]
    assert "nothing to say" in results[3].error  # type: ignore[union-attr]


def test_what_stops_the_program_is_no_requests_failure(loaded: XTTS, clip: Path) -> None:
    system, _ = fragile(loaded, poison=("Number 1.",), error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        list(system.synthesise(requests(clip)))


LONG = (
    "There are 123456789 stars, 987654321 planets and 55555 moons, of which nobody has seen most. "
    "And then there is this second sentence, which holds no figures, yet is not short either. "
) * 3


def with_room(folder: Path, max_text: int) -> XTTS:
    config = ModelConfig.tiny()
    gpt = GptConfig(**{**vars(config.gpt), "max_text": max_text})
    random_checkpoint(folder, ModelConfig(**{**vars(config), "gpt": gpt}), speakers=("one",))
    return XTTS.from_pretrained(folder, device="cpu")


@pytest.mark.parametrize("max_text", [20, 60, 200, 402])
def test_texts_are_cut_to_the_checkpoints_room(max_text: int, tmp_path: Path) -> None:
    model = with_room(tmp_path, max_text)
    pieces = model.tokenizer.pieces(LONG, "en")
    assert max(len(piece.ids) for piece in pieces) < max_text
    assert "".join(piece.text for piece in pieces).replace(" ", "") == LONG.replace(" ", "")
    assert model.synthesise("Number 123456789 is it.", language="en", voice="one", max_codes=2)
    if max_text == 20:
        assert len(pieces) > 30


def test_a_prompts_text_takes_room(clip: Path) -> None:
    model = XTTS.from_pretrained("random-tiny", device="cpu", conditioner={"name": "valle"})
    room = model.model.config.gpt.max_text - 1
    for said in ("Short.", "Longer words in the prompt. " * 4):
        voice = model.clone_voice([Reference(clip, said, "en")])
        before = len(model.tokenizer.encode(voice.text or "", "en"))
        pieces = model.tokenizer.pieces(LONG * 2, "en", taken=before)
        assert 0 < before < room - 20
        assert all(before + len(piece.ids) <= room for piece in pieces)
        assert model.synthesise("123456789 " * 30, language="en", voice=voice, max_codes=1)
    full = model.clone_voice([Reference(clip, "123456789 " * 60, "en")])
    with pytest.raises(UsageError, match=r"tokens, \d+ fit"):
        model.synthesise("Hello.", language="en", voice=full, max_codes=1)


def test_a_text_with_no_room_at_all_is_refused(tmp_path: Path) -> None:
    model = with_room(tmp_path, 3)
    with pytest.raises(UsageError, match=r"text: '.' is \d+ tokens, of which 2 fit"):
        model.synthesise("Hello there 7.", language="en", voice="one", max_codes=1)


def test_each_piece_passes_the_front_end_once(
    loaded: XTTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    original = loaded.tokenizer._front_end

    def counted(text: str, *rest: Any) -> str:
        seen.append(text)
        return original(text, *rest)

    text = "One sentence. Another one. " * 30
    pieces = loaded.tokenizer.split(text, "en")
    assert len(pieces) > 2
    monkeypatch.setattr(loaded.tokenizer, "_front_end", counted)
    loaded.synthesise(text, language="en", voice="one", max_codes=1)
    assert seen == pieces


@pytest.mark.parametrize("lacking", [("hu",), ("ja", "zh-cn", "ko"), ("en",)])
def test_a_systems_languages_are_its_vocabularys(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    import json

    model = with_room(tmp_path, 402)
    data = json.loads((tmp_path / "vocab.json").read_text())
    for code in lacking:  # the count must stay: an id of another name
        data["model"]["vocab"][f"unused {code}"] = data["model"]["vocab"].pop(f"[{code}]")
        data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] != f"[{code}]"]
    (tmp_path / "vocab.json").write_text(json.dumps(data))
    system = XttsSystem(checkpoint=str(tmp_path), device="cpu")
    assert system.languages == model.languages - set(lacking)
    assert system.languages == XTTS.from_pretrained(tmp_path, device="cpu").languages
