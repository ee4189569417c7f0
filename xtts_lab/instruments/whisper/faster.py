"""Whisper through CTranslate2 (the package faster-whisper): int8 on the CPU, or float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments import hub
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.optional import import_optional
from xtts_lab.instruments.whisper import offline as whisper_offline
from xtts_lab.instruments.whisper.output import MAX_TOKENS, Window, summary
from xtts_lab.types import Audio, Clip, Failure, Json

EXTRA = "faster"
BASE = ("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66")
"""The published conversion of Whisper base, and the commit that is taken."""

_FILES = (
    ("model.bin",),
    ("config.json",),
    ("tokenizer.json",),
    ("vocabulary.json", "vocabulary.txt"),
)
_VERSION = 1  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
_FRAME = 160  # samples of one frame of Whisper's spectrogram
_WINDOW_S = 30.0


class FasterWhisper(BaseInstrument):
    """Transcribe clips with CTranslate2's Whisper; output and decoding as the `whisper` instrument.

    `model` is `base` (from the wheels of the `offline` extra, else from the hub), a folder with a
    converted model, or a hub id, with `revision`, its commit; `compute_type` as CTranslate2 names
    them; `beam_size` 1 is greedy; `device` is `auto`, `cpu`, `cuda` or `cuda:N`.

    In float32 the texts are those of openai-whisper but for near ties; int8 quantises the weights,
    which changes some words: it is another judge, under its own identity. Clips are decoded one by
    one at temperature 0, without fallback: CTranslate2's sampling cannot be seeded for each clip.
    `avg_logprob` and `no_speech_prob` are null where nothing was written.
    """

    uses_language = True

    free_settings = frozenset({"model", "revision"})

    def __init__(
        self,
        *,
        model: str = "base",
        revision: str | None = None,
        compute_type: Literal["int8", "float32", "float16", "int8_float16"] = "int8",
        beam_size: int = 1,
        device: str = "auto",
    ) -> None:
        if beam_size < 1:
            raise UsageError(f"faster-whisper's beam_size is {beam_size}; use 1 (greedy) or more")
        self._source = None if model == "base" else hub.source_of(model, revision, BASE)
        self._compute_type = compute_type
        self._beam_size = beam_size
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        package = import_optional("faster_whisper", EXTRA)
        engine = import_optional("ctranslate2", EXTRA)
        return {
            "name": "faster_whisper",
            "model": "base" if self._source is None else self._source.name,
            "weights_sha256": audio.sha256(self._folder / "model.bin"),
            "compute_type": self._compute_type,
            "beam_size": self._beam_size,
            "temperature": 0.0,
            "library": f"faster-whisper {package.__version__}, ctranslate2 {engine.__version__}",
            "version": _VERSION,
        }

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield one transcription per clip, in order; a clip that cannot be read is a `Failure`."""
        for clip in clips:
            language = None if clip.language is None else clip.language.lower().partition("-")[0]
            if language is not None and language not in self._network.supported_languages:
                yield Failure(f"{clip.path.name}: this Whisper has no language '{clip.language}'")
                continue
            try:
                loaded = audio.load(clip.path, _SAMPLE_RATE)
            except audio.AudioError as error:
                yield Failure(str(error))
                continue
            if len(loaded.samples) < _FRAME:
                length = f"{loaded.duration_s:.3f} s"
                yield Failure(f"{clip.path.name}: too short for Whisper ({length})")
                continue
            yield self._transcribe(loaded, language)

    def _transcribe(self, loaded: Audio, language: str | None) -> dict[str, Json]:
        segments, info = self._network.transcribe(
            loaded.samples.numpy(),
            language=language,
            task="transcribe",
            temperature=0.0,
            beam_size=self._beam_size,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            condition_on_previous_text=False,
            without_timestamps=loaded.duration_s <= _WINDOW_S,
            max_new_tokens=MAX_TOKENS,
            vad_filter=False,
        )
        found = list(segments)
        text = "".join(segment.text for segment in found)
        return summary(text, info.language, [_window(segment) for segment in found])

    @cached_property
    def _folder(self) -> Path:
        if self._source is None and whisper_offline.installed():
            return whisper_offline.ctranslate2_folder()
        source = self._source or hub.source_of(*BASE, BASE)
        if source.folder is None:
            _fetch_if_there(source, "preprocessor_config.json")  # large-v3 has 128 mel bands
        return hub.files(source, _FILES)[0].parent

    @cached_property
    def _network(self) -> Any:
        package = import_optional("faster_whisper", EXTRA)
        kind, _, index = resolve_device(self._device).partition(":")
        try:
            return package.WhisperModel(
                str(self._folder),
                device=kind,
                device_index=int(index or 0),
                compute_type=self._compute_type,
            )
        except (ValueError, RuntimeError) as error:
            raise UsageError(
                f"faster-whisper cannot load '{self._folder.name}' on {kind} as "
                f"{self._compute_type} ({str(error).splitlines()[0]}); try another `compute_type`, "
                "or the folder of a complete model"
            ) from error


def _fetch_if_there(source: hub.Source, name: str) -> None:
    try:
        hub.files(source, [[name]])
    except UsageError:
        return  # most models have none


def _window(segment: Any) -> Window:
    return Window(
        len(segment.tokens),
        segment.avg_logprob,
        segment.no_speech_prob,
        segment.compression_ratio,
        segment.temperature or 0.0,
    )
