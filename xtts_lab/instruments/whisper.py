"""Whisper as a judge of what was said (Radford et al. 2022), through openai-whisper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments.whisper_weights import Weights, check_model, locate
from xtts_lab.types import Audio, Clip, Failure, Json

_VERSION = 1  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
_WINDOW_S = 30.0


class Whisper:
    """Transcribe clips in their known language, the same way every time.

    `model` is a published size (`tiny` to `large-v3`, `turbo`) or the path of an openai-whisper
    `.pt` file; `beam_size` 1 is greedy; `device` as `xtts_lab.device` reads it.

    Decoding is openai-whisper's `transcribe` in float32 at temperature 0 alone: no fallback to
    sampling, nothing skipped as silence, no conditioning on previous text. Clips up to 30 s are
    one window without timestamps; longer ones move from window to window by the timestamps that
    Whisper writes, as its paper's section 4.5 has it. One clip at a time, so that no
    clip's output depends on its neighbours.

    Output: `text`; `language` (Whisper's code; detected only where the clip names none);
    `avg_logprob`, mean log-probability of a token; `no_speech_prob`, the highest of the windows;
    `compression_ratio` of the text (above 2.4 it repeats itself); `tokens`, how many were decoded.
    """

    uses_language = True

    def __init__(self, *, model: str = "base", beam_size: int = 1, device: str = "auto") -> None:
        if beam_size < 1:
            raise UsageError(f"Whisper's beam_size is {beam_size}; use 1 (greedy) or more")
        self._model = check_model(model)
        self._beam_size = beam_size
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "whisper",
            "model": self._model.replace("\\", "/").rpartition("/")[2],
            "weights_sha256": self._weights.sha256,
            "beam_size": self._beam_size,
            "temperature": 0.0,
            "dtype": "float32",
            "library": f"openai-whisper {version('openai-whisper')}",
            "version": _VERSION,
        }

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield one transcription per clip, in order; a clip that cannot be read is a `Failure`."""
        for clip in clips:
            try:
                loaded = audio.load(clip.path, _SAMPLE_RATE)
            except audio.AudioError as error:
                yield Failure(str(error))
                continue
            yield self._transcribe(loaded, clip)

    def _transcribe(self, loaded: Audio, clip: Clip) -> dict[str, Json] | Failure:
        import whisper

        language = _whisper_language(clip.language)
        if language is not None and language not in whisper.tokenizer.LANGUAGES:
            return Failure(f"{clip.path.name}: Whisper has no language '{clip.language}'")
        if language not in (None, "en") and not self._network.is_multilingual:
            return Failure(f"{clip.path.name}: Whisper {self._model} knows English only")
        result = whisper.transcribe(
            self._network,
            loaded.samples,
            language=language,
            task="transcribe",
            temperature=0.0,
            beam_size=self._beam_size if self._beam_size > 1 else None,
            compression_ratio_threshold=None,
            logprob_threshold=None,
            no_speech_threshold=None,
            condition_on_previous_text=False,
            without_timestamps=loaded.duration_s <= _WINDOW_S,
            fp16=False,
        )
        if not result["segments"]:
            return Failure(f"{clip.path.name}: too short for Whisper ({loaded.duration_s:.3f} s)")
        return _summary(result)

    @cached_property
    def _weights(self) -> Weights:
        return locate(self._model)

    @cached_property
    def _network(self) -> Any:
        import whisper

        return whisper.load_model(
            str(self._weights.path), device=resolve_device(self._device)
        ).eval()


def _whisper_language(language: str | None) -> str | None:
    """Return Whisper's code, which has no regions: zh for zh-cn."""
    return None if language is None else language.lower().partition("-")[0]


def _summary(result: Mapping[str, Any]) -> dict[str, Json]:
    """Reduce Whisper's segments to one output.

    Floats keep four digits: the sixth depends on how many threads summed.
    """
    from whisper.utils import compression_ratio

    segments, text = result["segments"], result["text"].strip()
    weights = [max(1, len(segment["tokens"])) for segment in segments]
    logprobs = [segment["avg_logprob"] for segment in segments]
    mean = sum(w * p for w, p in zip(weights, logprobs, strict=True)) / sum(weights)
    return {
        "text": text,
        "language": result["language"],
        "avg_logprob": round(mean, 4),
        "no_speech_prob": round(max(segment["no_speech_prob"] for segment in segments), 4),
        "compression_ratio": round(compression_ratio(text), 4),
        "tokens": sum(len(segment["tokens"]) for segment in segments),
    }
