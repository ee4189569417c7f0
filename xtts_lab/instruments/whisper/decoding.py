"""Whisper's decoding of clips of one window, in batches (Radford et al. 2022, section 4.5).

Dimensions: T samples at 16 kHz, M mel bands, F frames of 10 ms, A positions (1500), D width.

What `whisper.transcribe` does to a clip of at most 30 s, taken apart so that clips share the
decoder's steps: encode (each by itself on a CPU, where its products fill the cores; together on a
GPU), decode those of one language together. A row of a batch
sees no other row, so its tokens are those of decoding it alone; only the last bits of its
log-probabilities depend on how many rows and threads share a product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import whisper
from torch import Tensor
from whisper.decoding import DecodingOptions, DecodingResult

from xtts_lab.instruments.whisper.loop import GreedyTask, add_head
from xtts_lab.instruments.whisper.packed_linear import pack_linears
from xtts_lab.nn.weightless import undrawn

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MAX_COMPRESSION_RATIO = 2.4
MIN_AVG_LOGPROB = -1.0
"""Whisper's own schedule and thresholds of fallback (its paper's section 4.5)."""


MOST_LANGUAGES = 5
"""Languages that are told of a clip: all others are improbable."""


@dataclass(frozen=True, eq=False)
class Heard:
    """A clip of one window: log `mel` bands [M, F], length, language, and seed for sampling."""

    mel: Tensor
    duration_s: float
    language: str
    seed: int


@dataclass(frozen=True, eq=False)
class Encoded:
    """A clip's `features` [A, D], language, and seed for sampling."""

    features: Tensor
    language: str
    seed: int


def load_network(path: str, device: str) -> Any:
    """Load an openai-whisper checkpoint for inference in float32."""
    with undrawn():
        network = whisper.load_model(path, device=device).eval()
        add_head(network)
    if device == "cpu":
        pack_linears(network)
    return network


@torch.inference_mode()
def spectrogram(network: Any, samples: Tensor) -> Tensor | None:
    """Return log mel bands [M, F] of [T], at most 30 s; None below one frame (10 ms).

    As in `transcribe` the spectrogram is taken of the clip and silence after it, cut at the clip's
    end: `encode` fills the window with zeros, which are not the silence's value.
    """
    frames = samples.shape[-1] // whisper.audio.HOP_LENGTH
    if frames == 0:
        return None
    # A second of silence reaches as far as the clip's last frame can see; more changes nothing.
    return _spectrogram(network, samples, whisper.audio.SAMPLE_RATE)[:, :frames]


@torch.inference_mode()
def encode(network: Any, clips: Sequence[Heard]) -> list[Encoded]:
    """Encode clips of one window: in one batch on a GPU, one by one on a CPU."""
    size = 1 if network.device.type == "cpu" else len(clips)
    features: list[Tensor] = []
    for start in range(0, len(clips), size):
        features += _features(network, [clip.mel for clip in clips[start : start + size]])
    return [
        Encoded(feature, clip.language, clip.seed)
        for feature, clip in zip(features, clips, strict=True)
    ]


@torch.inference_mode()
def detect_language(network: Any, samples: Tensor) -> str:
    """Return the likeliest language's code of [T], heard with the silence after it."""
    if not network.is_multilingual:
        return "en"
    mel = _spectrogram(network, samples, whisper.audio.N_SAMPLES)
    _, probabilities = network.detect_language(_features(network, [mel])[0])
    return str(max(probabilities, key=probabilities.get))


@torch.inference_mode()
def languages_of(network: Any, clips: Sequence[Encoded]) -> list[dict[str, float]]:
    """Return the likeliest languages of encoded clips with their probabilities, likeliest first.

    Whatever language the clips are to be transcribed in; empty for a network that knows English
    only.
    """
    if not network.is_multilingual:
        return [{} for _ in clips]
    found = []
    for clip in clips:  # one by one, so that a clip's figures are the same in any batch
        _, known = network.detect_language(clip.features[None])
        first = sorted(known[0].items(), key=lambda one: (-one[1], one[0]))[:MOST_LANGUAGES]
        found.append({code: round(float(p), 4) for code, p in first})
    return found


def _spectrogram(network: Any, samples: Tensor, silence: int) -> Tensor:
    """Return log mel bands [M, F] of [T] and `silence` samples of silence, on the device."""
    bands: Tensor = whisper.log_mel_spectrogram(
        samples, network.dims.n_mels, padding=silence, device=network.device
    )
    return bands


def _features(network: Any, mels: Sequence[Tensor]) -> Tensor:
    """Return features [B, A, D] of B windows."""
    windows = [whisper.pad_or_trim(mel, whisper.audio.N_FRAMES) for mel in mels]
    features: Tensor = network.encoder(torch.stack(windows))
    return features


def decode(network: Any, clips: Sequence[Encoded], *, beam_size: int) -> list[DecodingResult]:
    """Decode clips of one language at temperature 0; greedy (`beam_size` 1) in one batch.

    With a beam the clips go one by one: openai-whisper 20250625 decodes beams of one clip only,
    and those already share the decoder's steps.
    """
    if beam_size > 1:
        return [_decode(network, clip, beam_size=beam_size) for clip in clips]
    options = _options(clips[0].language)
    features = torch.stack([clip.features for clip in clips])
    results: list[DecodingResult] = GreedyTask(network, options).run(features)
    return results


def fall_back(network: Any, clip: Encoded, result: DecodingResult) -> DecodingResult:
    """Sample a clip at rising temperatures until a result passes; the last one if none does."""
    with seeded(clip.seed):
        for temperature in TEMPERATURES[1:]:
            if not needs_fallback(result):
                break
            result = _decode(network, clip, temperature=temperature)
    return result


def needs_fallback(result: DecodingResult) -> bool:
    """Say whether a result repeats itself or is improbable."""
    return bool(
        result.compression_ratio > MAX_COMPRESSION_RATIO or result.avg_logprob < MIN_AVG_LOGPROB
    )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Sample reproducibly inside, and leave torch's generators as they were."""
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        torch.manual_seed(seed)
        yield


def _decode(
    network: Any, clip: Encoded, *, beam_size: int = 1, temperature: float = 0.0
) -> DecodingResult:
    options = _options(clip.language, beam_size, temperature)
    task = whisper.decoding.DecodingTask if beam_size > 1 else GreedyTask
    (result,) = task(network, options).run(clip.features[None])
    found: DecodingResult = result
    return found


def _options(language: str, beam_size: int = 1, temperature: float = 0.0) -> DecodingOptions:
    return DecodingOptions(
        language=language,
        beam_size=beam_size if beam_size > 1 else None,
        temperature=temperature,
        without_timestamps=True,
        fp16=False,
    )
