"""A small phoneme recogniser of our own, for languages that shipped recognisers cannot read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.types import Clip, Failure, Json

if TYPE_CHECKING:
    from torch import Tensor

    from xtts_lab.nn.ctc import CtcRecogniser
    from xtts_lab.nn.ctc_weights import Knowledge
    from xtts_lab.nn.mel import PowerMel

_VERSION = 1  # raise when the output for a clip can change
_SAMPLE_RATE = 22050
_MIN_S = 0.1
SHIPPED = Path(__file__).parent.parent / "weights" / "world_ctc.safetensors"


class WorldCtc(BaseInstrument):
    """Write down the sounds of a clip in its known language, as IPA without stress or spaces.

    Trained on the synthetic worlds of `xtts-lab corpus`, on natural and on coded speech: it is a
    ruler for speech of those worlds, and no judge of anything else. It knows no words, so nothing
    is guessed that was not said. `weights`: the file of another one, as the stage `ctc` writes it;
    None, the one that is shipped.

    Output: `text`; `alphabet` `ipa`, which says that texts are compared by their sounds;
    `avg_logprob`, the mean log-probability of a step. A clip in a language that it was not trained
    on, or of under 0.1 s, is a `Failure`.
    """

    uses_language = True
    free_settings = frozenset({"weights"})

    def __init__(self, *, weights: Path | None = None, device: str = "auto") -> None:
        self._weights, self._device = weights or SHIPPED, device
        if not self._weights.is_file():
            raise UsageError(
                f"world_ctc: there is no {self._weights.name}; train one with the stage `ctc` "
                "(experiments/train) and name it in `weights`"
            )

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that it was trained on."""
        return self._knowledge.languages

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "world_ctc",
            "weights_sha256": audio.sha256(self._weights),
            "languages": list(self._knowledge.languages),
            "floor": dict(self._knowledge.floor),
            "corpora": dict(self._knowledge.corpora),
            "version": _VERSION,
        }

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield what was heard in each clip, in order; each is heard alone."""
        for clip in clips:
            try:
                yield self._hear(clip)
            except audio.AudioError as error:
                yield Failure(str(error))

    def _hear(self, clip: Clip) -> dict[str, Json] | Failure:
        if clip.language not in self.languages:
            known = ", ".join(self.languages)
            return Failure(f"{clip.path.name}: world_ctc knows {known}, not {clip.language!r}")
        loaded = audio.load(clip.path, _SAMPLE_RATE)
        if loaded.duration_s < _MIN_S:
            return Failure(f"{clip.path.name}: {loaded.duration_s:.3f} s, {_MIN_S} s are needed")
        return self._written(loaded.samples, self.languages.index(clip.language))

    def _written(self, samples: Tensor, language: int) -> dict[str, Json]:
        import torch

        from xtts_lab.nn.ctc import greedy

        device = self._network.head.weight.device
        with torch.inference_mode():
            power = self._mel(samples.unsqueeze(0).to(device))
            mel = power.clamp(min=1e-5).log()
            frames = torch.tensor([mel.shape[-1]], device=device)
            told = self._network(mel, frames, torch.tensor([language], device=device))[0]
        heard = greedy(told, told.shape[0])
        return {
            "text": "".join(self._knowledge.symbols[number] for number in heard),
            "alphabet": "ipa",
            "avg_logprob": round(float(told.max(-1).values.mean()), 4),
        }

    @cached_property
    def _knowledge(self) -> Knowledge:
        from xtts_lab.nn import ctc_weights

        return ctc_weights.knowledge(self._weights)

    @cached_property
    def _network(self) -> CtcRecogniser:
        from xtts_lab.nn import ctc_weights

        return ctc_weights.load(self._weights).to(resolve_device(self._device))

    @cached_property
    def _mel(self) -> PowerMel:
        from xtts_lab.nn.mel import DVAE_MEL, PowerMel

        return PowerMel(DVAE_MEL).to(resolve_device(self._device))
