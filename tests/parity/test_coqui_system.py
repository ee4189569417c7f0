"""The reference implementation as a system of the bench: seeded, and the same on every call."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.parity.conftest import Pair
from xtts_lab import audio
from xtts_lab.inference.voice import clone
from xtts_lab.systems.coqui import CoquiSystem
from xtts_lab.types import Audio, Failure, Reference, Request, Synthesis


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
