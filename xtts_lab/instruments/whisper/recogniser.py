"""Whisper as a judge of what was said (Radford et al. 2022), through openai-whisper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments import batches
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.whisper.output import Window, summary
from xtts_lab.instruments.whisper.weights import Weights, check_model, locate
from xtts_lab.types import Audio, Clip, Failure, Json

if TYPE_CHECKING:
    from xtts_lab.instruments.whisper.decoding import Encoded, Heard

Output = dict[str, Json] | Failure

_VERSION = 3  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
_WINDOW_S = 30.0
_ON_CPU = 8  # clips that share the decoder's steps
_READ_AHEAD = 4  # batches that are read together, so that clips of like length share one


class Whisper(BaseInstrument):
    """Transcribe clips in their known language, the same way every time.

    `model` is a published size (`tiny` to `large-v3`, `turbo`) or the path of an openai-whisper
    `.pt` file; `beam_size` 1 is greedy; `batch_size` clips share the decoder's steps (greedy only:
    with a beam, its rows do; null: 8 on a CPU, 64 on a GPU, where they are encoded together as
    well); `device` as `xtts_lab.device` reads it.

    Decoding is openai-whisper's in float32 at temperature 0, without skipping anything as silence
    and without conditioning on previous text. With `fallback` a window whose text compresses by
    more than 2.4, or whose tokens have a mean log-probability below -1, is then sampled at 0.2,
    0.4, ... 1.0 until one passes, seeded by the clip's bytes: Whisper's own remedy for loops, and
    a second opinion, since it hides what greedy decoding shows. Clips up to 30 s are one window
    without timestamps; longer ones move from window to window by the timestamps that Whisper
    writes, as its paper's section 4.5 has it.

    Output: `text`; `language` (Whisper's code; detected only where the clip names none);
    `avg_logprob`, mean log-probability of a token; `no_speech_prob`, the highest of the windows;
    `compression_ratio` of the text; `tokens`, how many were decoded; `temperature`, the highest
    that a window was sampled at; `looped`, whether a window's text compresses by more than 2.4 or
    reached Whisper's limit of 224 tokens without an end; with `detect_language` also `languages`,
    the five likeliest with their probabilities, whatever the clip names (of its first 30 s). The
    text is what decoding the clip alone gives; so are the numbers, but for the last of their digits
    in rare cases.
    """

    uses_language = True

    free_settings = frozenset({"model"})
    batch_settings = frozenset({"batch_size"})

    def __init__(
        self,
        *,
        model: str = "base",
        beam_size: int = 1,
        fallback: bool = False,
        batch_size: int | None = None,
        detect_language: bool = False,
        device: str = "auto",
    ) -> None:
        if beam_size < 1:
            raise UsageError(f"Whisper's beam_size is {beam_size}; use 1 or more")
        self._model = check_model(model)
        self._beam_size = beam_size
        self._fallback = fallback
        self._wanted_size = batches.checked_size("Whisper", batch_size)
        self._detect = detect_language
        if not detect_language:  # the output is as it was before there was this setting
            self.free_settings = self.free_settings | {"detect_language"}
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "whisper",
            "model": self._model.replace("\\", "/").rpartition("/")[2],
            "weights_sha256": self._weights.sha256,
            "beam_size": self._beam_size,
            "temperature": "0 to 1 in steps of 0.2" if self._fallback else 0.0,
            "dtype": "float32",
            "library": f"openai-whisper {version('openai-whisper')}",
            "version": _VERSION,
            **({"languages": 1} if self._detect else {}),
        }

    def measure(self, clips: Sequence[Clip]) -> Iterator[Output]:
        """Yield one transcription per clip, in order; a clip that cannot be read is a `Failure`."""
        step = self._batch_size * _READ_AHEAD
        for start in range(0, len(clips), step):
            part = clips[start : start + step]
            prepared = [self._prepare(clip) for clip in part]
            decoded = self._decode_all(prepared)
            for i, (clip, found) in enumerate(zip(part, prepared, strict=True)):
                if isinstance(found, Audio):
                    yield self._transcribe(found, clip)
                elif isinstance(found, Failure):
                    yield found
                else:
                    yield decoded[i]

    def _prepare(self, clip: Clip) -> Heard | Audio | Failure:
        """Return a clip's spectrogram, or its audio where it is longer than one window."""
        from xtts_lab.instruments.whisper import decoding as whisper_decoding

        problem = self._refusal(clip)
        if problem is not None:
            return problem
        try:
            loaded = audio.load(clip.path, _SAMPLE_RATE)
        except audio.AudioError as error:
            return Failure(str(error))
        if loaded.duration_s > _WINDOW_S:
            return loaded
        mel = whisper_decoding.spectrogram(self._network, loaded.samples)
        if mel is None:
            return Failure(f"{clip.path.name}: too short for Whisper ({loaded.duration_s:.3f} s)")
        language = _whisper_language(clip.language) or whisper_decoding.detect_language(
            self._network, loaded.samples
        )
        return whisper_decoding.Heard(mel, loaded.duration_s, language, self._seed(clip))

    def _refusal(self, clip: Clip) -> Failure | None:
        import whisper

        language = _whisper_language(clip.language)
        if language is not None and language not in whisper.tokenizer.LANGUAGES:
            return Failure(f"{clip.path.name}: Whisper has no language '{clip.language}'")
        if language not in (None, "en") and not self._network.is_multilingual:
            return Failure(f"{clip.path.name}: Whisper {self._model} knows English only")
        return None

    def _decode_all(self, prepared: Sequence[Heard | Audio | Failure]) -> dict[int, Output]:
        """Decode what was heard, by index; clips of one language and like length together.

        Such clips end after like numbers of steps; the longest text of a batch holds it up.
        """
        by_language: dict[str, list[tuple[float, int, Heard]]] = {}
        for i, clip in enumerate(prepared):
            if not isinstance(clip, Audio | Failure):
                by_language.setdefault(clip.language, []).append((clip.duration_s, i, clip))
        found: dict[int, Output] = {}
        for clips in by_language.values():
            clips.sort(key=lambda entry: entry[:2])
            for start in range(0, len(clips), self._batch_size):
                batch = clips[start : start + self._batch_size]
                outputs = self._decode([clip for _, _, clip in batch])
                found.update(zip([i for _, i, _ in batch], outputs, strict=True))
        return found

    def _decode(self, clips: Sequence[Heard]) -> list[Output]:
        """Decode clips of one language; what the batch cannot as a whole is tried in halves."""
        from xtts_lab.instruments.whisper import decoding as whisper_decoding

        try:
            encoded = whisper_decoding.encode(self._network, clips)
            heard = self._languages(encoded)
            results = whisper_decoding.decode(self._network, encoded, beam_size=self._beam_size)
            if self._fallback:
                pairs = zip(encoded, results, strict=True)
                results = [whisper_decoding.fall_back(self._network, *pair) for pair in pairs]
        except RuntimeError as error:  # torch's, out of memory among them
            if len(clips) > 1:
                middle = len(clips) // 2
                return [*self._decode(clips[:middle]), *self._decode(clips[middle:])]
            return [Failure(f"Whisper cannot decode it: {str(error).splitlines()[0]}")]
        return [
            {**summary(result.text, clip.language, [Window.of(result)]), **languages}
            for clip, result, languages in zip(clips, results, heard, strict=True)
        ]

    def _languages(self, encoded: Sequence[Encoded]) -> list[dict[str, Json]]:
        """Return what is added to the outputs of clips: the languages, where they are asked for."""
        from xtts_lab.instruments.whisper import decoding as whisper_decoding

        if not self._detect:
            return [{} for _ in encoded]
        return [
            {"languages": {**known}}
            for known in whisper_decoding.languages_of(self._network, encoded)
        ]

    def _transcribe(self, loaded: Audio, clip: Clip) -> Output:
        """Transcribe a clip that is longer than one window."""
        import whisper

        from xtts_lab.instruments.whisper import decoding as whisper_decoding

        with whisper_decoding.seeded(self._seed(clip)):
            result = whisper.transcribe(
                self._network,
                loaded.samples,
                language=_whisper_language(clip.language),
                task="transcribe",
                temperature=whisper_decoding.TEMPERATURES if self._fallback else 0.0,
                beam_size=self._beam_size if self._beam_size > 1 else None,
                compression_ratio_threshold=whisper_decoding.MAX_COMPRESSION_RATIO,
                logprob_threshold=whisper_decoding.MIN_AVG_LOGPROB,
                no_speech_threshold=None,
                condition_on_previous_text=False,
                fp16=False,
            )
        windows = [Window.of_segment(segment) for segment in result["segments"]]
        return {**summary(result["text"], result["language"], windows), **self._of_start(loaded)}

    def _of_start(self, loaded: Audio) -> dict[str, Json]:
        """Return the languages of the first window of a longer clip, where they are asked for."""
        from xtts_lab.instruments.whisper import decoding as whisper_decoding

        if not self._detect:
            return {}
        start = loaded.samples[: int(_WINDOW_S * _SAMPLE_RATE)]
        mel = whisper_decoding.spectrogram(self._network, start)
        assert mel is not None  # it lasts 30 s
        clip = whisper_decoding.Heard(mel, _WINDOW_S, "en", 0)
        (languages,) = self._languages(whisper_decoding.encode(self._network, [clip]))
        return languages

    def _seed(self, clip: Clip) -> int:
        return int(audio.sha256(clip.path)[:15], 16) if self._fallback else 0

    @cached_property
    def _batch_size(self) -> int:
        return batches.size_for(self._wanted_size, self._device, on_cpu=_ON_CPU)

    @cached_property
    def _weights(self) -> Weights:
        return locate(self._model)

    @cached_property
    def _network(self) -> Any:
        from xtts_lab.instruments.whisper import decoding as whisper_decoding

        return whisper_decoding.load_network(str(self._weights.path), resolve_device(self._device))


def _whisper_language(language: str | None) -> str | None:
    """Return Whisper's code, which has no regions: zh for zh-cn."""
    return None if language is None else language.lower().partition("-")[0]
