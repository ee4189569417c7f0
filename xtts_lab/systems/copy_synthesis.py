"""Copy synthesis: what a codec makes of natural speech, a ceiling for what speaks its codes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab.audio import AudioError, load, sha256
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Audio, Failure, Json, Request, Synthesis, Timings

if TYPE_CHECKING:
    from xtts_lab.checkpoint.codec import Codec

_VERSION = 1
SHIPPED = Path(__file__).parent.parent / "weights"
FILES = ("dvae.safetensors", "vocoder.safetensors")


class CopySynthesisSystem(BaseSystem):
    """The natural recording of a request's text, turned into codes and back into a waveform.

    `codec` is a folder with `dvae.safetensors` and `vocoder.safetensors`, as the stage
    `codec_vocoder` leaves it, or the name of one that is shipped (`nano`). Error rates and
    similarity of a model that speaks these codes can at best be expected to come near the copy's.
    """

    free_settings = frozenset({"codec"})

    def __init__(self, *, codec: Path, device: str = "auto") -> None:
        self._folder = codec if codec.is_dir() else SHIPPED / codec
        self._device = device
        for name in FILES:
            if not (self._folder / name).is_file():
                raise UsageError(
                    f"codec: {codec} holds no {name}; train it, or name another folder"
                )

    @cached_property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return int(self._codec.vocoder.sample_rate)

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """The hashes of both files."""
        return {"version": _VERSION, **{name: sha256(self._folder / name) for name in FILES}}

    @cached_property
    def _codec(self) -> Codec:
        from xtts_lab.checkpoint.codec import Codec, load_codec

        found, device = load_codec(self._folder), resolve_device(self._device)
        return Codec(found.dvae.to(device), found.vocoder.to(device))

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield one copy a request, each made alone."""
        for request in requests:
            if request.target is None:
                yield Failure(f"no natural recording of this text: {request.text[:80]!r}")
                continue
            try:
                natural = load(request.target, self._codec.dvae.sample_rate)
            except AudioError as error:
                yield Failure(str(error))
                continue
            yield self._copy(natural)

    def _copy(self, natural: Audio) -> Synthesis | Failure:
        started = time.perf_counter()
        least = self._codec.dvae.mel.config.n_fft // 2
        if natural.samples.shape[0] <= least:
            return Failure(f"{natural.duration_s:.3f} s are too short for the codec")
        device = self._codec.dvae.mel.mel_stats.device
        samples = self._codec.copy(natural.samples.unsqueeze(0).to(device))[0].cpu()
        total_ms = 1e3 * (time.perf_counter() - started)
        audio = Audio(samples, self.sample_rate)
        return Synthesis(audio, timings=Timings(total_ms=total_ms))
