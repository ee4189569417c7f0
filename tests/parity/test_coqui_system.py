"""The reference implementation as a system of the bench: seeded, and the same on every call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.parity.conftest import Pair
from xtts_lab import audio
from xtts_lab.inference.voice import clone
from xtts_lab.systems.coqui import CoquiSystem
from xtts_lab.types import LANGUAGES, Audio, Failure, Reference, Request, Synthesis


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    path = tmp_path_factory.mktemp("clip") / "ref.wav"
    noise = torch.randn(22_050 * 5, generator=torch.Generator().manual_seed(0)) * 0.1
    audio.save(path, Audio(noise, 22_050))
    return Reference(Path(path))


def test_speech_depends_on_the_seed(pair: Pair, reference: Reference) -> None:
    system = CoquiSystem(checkpoint=pair.folder, device="cpu", max_codes=20)
    requests = [Request("Hello there.", "en", (reference,), seed) for seed in (1, 2, 1)]
    spoken = list(system.synthesise([*requests, Request("Hello there.", "en", (), 1)]))
    assert isinstance(spoken[3], Failure)
    first, second, again = (s.audio.samples for s in spoken[:3] if isinstance(s, Synthesis))
    assert torch.equal(first, again)
    assert first.shape != second.shape or not torch.equal(first, second)
    assert system.weights_random


def test_its_voice_is_the_one_we_clone_under_compat(pair: Pair, reference: Reference) -> None:
    system = CoquiSystem(checkpoint=pair.folder, device="cpu")
    model = system._loaded()
    with torch.inference_mode():
        prefix, embedding = system._condition(
            model, model.config, Request("", "en", (reference,), 0)
        )
    ours = clone(pair.ours.model, [reference.audio], coqui_compat=True).voice
    torch.testing.assert_close(ours.prefix, prefix[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.embedding, embedding.flatten(), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_cloned_is_a_failure_of_its_request(
    pair: Pair, reference: Reference, tmp_path: Path
) -> None:
    audio.save(tmp_path / "silent.wav", Audio(torch.zeros(48_000), 16_000))
    silent, absent = Reference(tmp_path / "silent.wav"), Reference(tmp_path / "absent.wav")
    system = CoquiSystem(checkpoint=pair.folder, device="cpu", max_codes=4)
    given = [(silent,), (absent,), (silent, reference), (reference,)]
    results = list(system.synthesise([Request("Hello.", "en", r, 1) for r in given]))
    assert [isinstance(result, Failure) for result in results] == [True, True, False, False]
    assert "all are silent" in results[0].error  # type: ignore[union-attr]
    assert "absent.wav: cannot be read" in results[1].error  # type: ignore[union-attr]


def test_its_languages_are_its_vocabularys(pair: Pair, tmp_path: Path) -> None:
    assert CoquiSystem(checkpoint=pair.folder).languages == frozenset(LANGUAGES)
    for file in pair.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = json.loads((tmp_path / "vocab.json").read_text())
    data["model"]["vocab"]["no more"] = data["model"]["vocab"].pop("[hu]")
    data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] != "[hu]"]
    (tmp_path / "vocab.json").write_text(json.dumps(data))
    assert CoquiSystem(checkpoint=tmp_path).languages == frozenset(LANGUAGES) - {"hu"}
