"""Systems around another: fewer references, clones of clones, blends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from xtts_lab import XTTS, audio, config
from xtts_lab.errors import UsageError
from xtts_lab.experiment.construction import content_of
from xtts_lab.systems.blend import BlendSystem
from xtts_lab.systems.fewer_references import FewerReferencesSystem
from xtts_lab.systems.generations import GenerationsSystem
from xtts_lab.systems.null import NullSystem
from xtts_lab.types import Audio, Failure, Reference, Request, Synthesis
from xtts_lab.yaml_file import Document, Where

TINY = {"name": "xtts", "checkpoint": "random-tiny", "max_codes": 12, "device": "cpu"}
NULL: dict[str, Any] = {"name": "null"}


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Reference, ...]:
    """Three tones of a second."""
    made = []
    for i in range(3):
        path = tmp_path / f"{i}.wav"
        wave = torch.sin(torch.arange(16_000) * 0.05 * (i + 1)) * 0.3
        audio.save(path, Audio(wave, 16_000))
        made.append(Reference(path, "One two three four five six seven eight nine ten.", "en"))
    return tuple(made)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Request, list[float]]]:
    """The requests that reach the inner system, with how long their references last."""
    seen: list[tuple[Request, list[float]]] = []
    plain = NullSystem.synthesise

    def listen(self: NullSystem, requests: Sequence[Request]) -> Iterator[Any]:
        seen.extend(
            (one, [round(audio.duration_s(r.audio), 3) for r in one.references]) for one in requests
        )
        return plain(self, requests)

    monkeypatch.setattr(NullSystem, "synthesise", listen)
    return seen


def request(clips: Sequence[Reference], seed: int = 3) -> Request:
    return Request("Hello there.", "en", tuple(clips), seed)


@pytest.mark.parametrize(
    ("settings", "lasts"),
    [
        ({}, [1.0, 1.0, 1.0]),
        ({"count": 2}, [1.0, 1.0]),
        ({"seconds": 2.6}, [1.0, 1.0, 0.6]),
        ({"seconds": 2.2}, [1.0, 1.0]),  # a rest of 0.2 s holds no voice, but it is too much
        ({"count": 1, "seconds": 0.6}, [0.6]),
    ],
)
def test_references_are_counted_and_cut(
    clips: tuple[Reference, ...],
    heard: list[tuple[Request, list[float]]],
    settings: Any,
    lasts: list[float],
) -> None:
    system = FewerReferencesSystem(system=NULL, **settings)
    (made,) = system.synthesise([request(clips)])
    assert isinstance(made, Synthesis)
    assert heard[0][1] == lasts
    last = heard[0][0].references[-1]
    assert last.text is not None
    assert len(last.text.split()) == round(10 * lasts[-1])
    system.close()
    assert not any(Path(r.audio).exists() for r in heard[0][0].references if r not in clips)


def test_too_few_references_fail_alone(clips: tuple[Reference, ...]) -> None:
    system = FewerReferencesSystem(system=NULL, count=2, seconds=2.0)
    made = list(system.synthesise([request(clips[:1]), request(clips), request(clips[1:2] * 2)]))
    assert [type(one) for one in made] == [Failure, Synthesis, Synthesis]
    short = FewerReferencesSystem(system=NULL, seconds=3.5)
    (failed,) = short.synthesise([request(clips)])
    assert failed == Failure("3.0 s of references, and 3.5 s are to be heard")


def test_a_generation_clones_the_one_before_it(
    clips: tuple[Reference, ...], heard: list[tuple[Request, list[float]]]
) -> None:
    requests = [request(clips, 3), request(clips[1:], 4), Request("Bye.", "de", (), 5)]
    made = list(GenerationsSystem(system=NULL, generations=3).synthesise(requests))
    assert [type(one) for one in made] == [Synthesis] * 3
    first, second, last = (heard[i : i + 3] for i in (0, 3, 6))
    assert [r.references for r, _ in first] == [r.references for r in requests]
    # Rehearsals say what the reference says, and only the last the request's own text and seed.
    assert [r.text for r, _ in first] == [r.text for r, _ in second]
    assert first[0][0].text == clips[0].text
    assert first[2][0].text == "Bye."
    assert [(r.text, r.seed) for r, _ in last] == [(r.text, r.seed) for r in requests]
    assert len({r.seed for r, _ in heard}) == 9
    assert all(len(lasts) == 1 for _, lasts in [*second, *last])
    assert second[0][0].references[0].text == clips[0].text


def test_one_generation_is_the_system_itself(
    clips: tuple[Reference, ...], heard: list[tuple[Request, list[float]]]
) -> None:
    list(GenerationsSystem(system=NULL, generations=1).synthesise([request(clips)]))
    assert [r for r, _ in heard] == [request(clips)]


def test_generations_of_a_model_are_reproducible_and_differ(clips: tuple[Reference, ...]) -> None:
    def said(generations: int, seed: int = 3) -> torch.Tensor:
        system = GenerationsSystem(system=dict(TINY), generations=generations)
        (made,) = system.synthesise([request(clips, seed)])
        assert isinstance(made, Synthesis)
        return made.audio.samples

    two = said(2)
    assert torch.equal(two, said(2))
    assert two.shape != said(1).shape or not torch.equal(two, said(1))


def test_a_blend_is_what_the_api_blends(clips: tuple[Reference, ...]) -> None:
    blended = BlendSystem(system=dict(TINY), weights=(1.0, 3.0))
    (made,) = blended.synthesise([request(clips[:2])])
    assert isinstance(made, Synthesis)
    model = XTTS.from_pretrained("random-tiny", device="cpu")
    voices = [model.clone_voice([clip]) for clip in clips[:2]]
    mixed = model.blend_voices([(voices[0], 1.0), (voices[1], 3.0)])
    own = model.synthesise("Hello there.", language="en", voice=mixed, seed=3, max_codes=12)
    assert torch.equal(made.audio.samples, own.samples)


def test_a_parent_is_the_clone_of_its_reference(clips: tuple[Reference, ...]) -> None:
    parent = BlendSystem(system=dict(TINY), weights=(0.0, 1.0))
    (made,) = parent.synthesise([request(clips[:2])])
    (alone,) = config.build("systems", dict(TINY), Where(Document("x"))).synthesise(
        [request(clips[1:2])]
    )
    assert isinstance(made, Synthesis)
    assert torch.allclose(made.audio.samples, alone.audio.samples, atol=1e-5)


def test_a_blend_takes_as_many_references_as_weights(clips: tuple[Reference, ...]) -> None:
    (made,) = BlendSystem(system=dict(TINY)).synthesise([request(clips)])
    assert made == Failure("3 references, and 2 weights to mix them by")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: FewerReferencesSystem(system=NULL, count=0), "count must be at least 1"),
        (lambda: FewerReferencesSystem(system=NULL, seconds=0.1), r"seconds must be 0\.5"),
        (lambda: GenerationsSystem(system=NULL, generations=0), "generations: must be 1"),
        (lambda: BlendSystem(system=NULL), "'null' cannot blend; use xtts"),
        (lambda: BlendSystem(system=dict(TINY), weights=(0.0, 0.0)), "weights are from 0 up"),
        (
            lambda: GenerationsSystem(system={"name": "generations", "system": NULL}),
            "does not stand in itself",
        ),
    ],
)
def test_mistakes_are_named(made: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made()


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("fewer_references", {"count": 1}, {"count": 2}),
        ("generations", {"generations": 2}, {"generations": 3}),
        ("blend", {"weights": [1.0, 1.0]}, {"weights": [1.0, 0.0]}),
    ],
)
def test_what_determines_the_audio_is_known(name: str, one: Any, other: Any) -> None:
    def key(device: str = "cpu", **settings: Any) -> Any:
        written = {"name": name, "system": {**TINY, "device": device}, **settings}
        spec = config.resolve("systems", written, Where(Document("x")))
        part = config.build("systems", spec, Where(Document("x")))
        assert part.weights_random
        return content_of(part, spec, "cpu")

    assert key(**one) == key("auto", **one)
    assert key(**one) != key(**other)
