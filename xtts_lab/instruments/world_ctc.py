"""A small phoneme recogniser of our own, for languages that shipped recognisers cannot read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments import batches
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
    None, the one that is shipped. `batch_size` clips are heard together (null: see `batches`).

    Output: `text`; `alphabet` `ipa`, which says that texts are compared by their sounds;
    `avg_logprob`, the mean log-probability of a step. A clip in a language that it was not trained
    on, or of under 0.1 s, is a `Failure`.
    """

    uses_language = True
    free_settings = frozenset({"weights"})
    batch_settings = frozenset({"batch_size"})

    def __init__(
        self,
        *,
        weights: Path | None = None,
        batch_size: int | None = None,
        device: str = "auto",
    ) -> None:
        self._weights, self._device = weights or SHIPPED, device
        self._batch_size = batches.checked_size("world_ctc", batch_size)
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
        """Yield what was heard in each clip, in order, whatever is heard beside it."""
        size = batches.size_for(self._batch_size, self._device)
        return batches.in_batches(clips, size, self._read, self._hear)

    def _read(self, clip: Clip) -> tuple[Tensor, int] | Failure:
        """Return log mel bands [M, F] and the number of the language."""
        if clip.language not in self.languages:
            known = ", ".join(self.languages)
            return Failure(f"{clip.path.name}: world_ctc knows {known}, not {clip.language!r}")
        loaded = audio.load(clip.path, _SAMPLE_RATE)
        if loaded.duration_s < _MIN_S:
            return Failure(f"{clip.path.name}: {loaded.duration_s:.3f} s, {_MIN_S} s are needed")
        import torch

        device = self._network.head.weight.device
        with torch.inference_mode():
            power = self._mel(loaded.samples.unsqueeze(0).to(device))[0]
            return power.clamp(min=1e-5).log(), self.languages.index(clip.language)

    def _hear(self, read: Sequence[tuple[Tensor, int]]) -> list[dict[str, Json] | Failure]:
        import torch

        device = self._network.head.weight.device
        mels = [mel.T for mel, _ in read]
        frames = torch.tensor([len(mel) for mel in mels], device=device)
        languages = torch.tensor([language for _, language in read], device=device)
        with torch.inference_mode():
            padded = torch.nn.utils.rnn.pad_sequence(mels, batch_first=True).transpose(1, 2)
            told = self._network(padded, frames, languages).cpu()
        steps = self._network.steps(frames).tolist()
        return [self._written(row[:count]) for row, count in zip(told, steps, strict=True)]

    def _written(self, told: Tensor) -> dict[str, Json]:
        """Write down log-probabilities [N, V + 1]."""
        from xtts_lab.nn.ctc import greedy

        heard = greedy(told, len(told))
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
