"""Copy synthesis: what a codec makes of natural speech, a ceiling for what speaks its codes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from xtts_lab.audio import AudioError, load, sha256
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Audio, Failure, Json, Request, Synthesis, Timings

if TYPE_CHECKING:
    from torch import Tensor

_VERSION = 1
SHIPPED = Path(__file__).parent.parent / "weights"
FILES = ("dvae.safetensors", "vocoder.safetensors")
RVQ = "rvq.safetensors"
ENCODEC = ("config.json", "model.safetensors")


class Copying(Protocol):
    """Speech to codes and back: what both kinds of codec are to this system."""

    heard_rate: int
    spoken_rate: int
    least: int

    def copy(self, samples: Tensor) -> Tensor:
        """Samples [T] at `heard_rate`, more than `least`, -> samples at `spoken_rate`."""
        ...


class CopySynthesisSystem(BaseSystem):
    """The natural recording of a request's text, turned into codes and back into a waveform.

    `codec` is a folder with `dvae.safetensors` and `vocoder.safetensors`, as the stage
    `codec_vocoder` leaves it, or the name of one that is shipped (`nano`); a folder with
    `rvq.safetensors` of the stage `rvq`; or EnCodec, a folder or `owner/encodec...@commit` on the
    hub. Of the last two, `levels` are the first ones that are kept, by default all. Error rates
    and similarity of a model that speaks these codes can at best be expected to come near.
    """

    free_settings = frozenset({"codec"})

    def __init__(self, *, codec: Path, levels: int | None = None, device: str = "auto") -> None:
        self._levels, self._device = levels, device
        self._residual = _is_residual(codec)
        self._folder = codec if codec.is_dir() or self._residual else SHIPPED / codec
        if levels is not None and not self._residual:
            raise UsageError(f"levels: {codec} has one level of codes; leave the setting out")
        for name in () if self._residual else FILES:
            if not (self._folder / name).is_file():
                raise UsageError(
                    f"codec: {codec} holds no {name}; train it, or name another folder"
                )

    @cached_property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return self._codec.spoken_rate

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """The hashes of the codec's files, or the hub's name and revision."""
        if not self._folder.is_dir():
            return {"version": _VERSION, "codec": self._folder.as_posix()}
        residual = (RVQ,) if (self._folder / RVQ).is_file() else ENCODEC
        names = residual if self._residual else FILES
        return {"version": _VERSION, **{name: sha256(self._folder / name) for name in names}}

    @cached_property
    def _codec(self) -> Copying:
        chosen = resolve_device(self._device)
        if self._residual:
            return _Residual(self._folder, self._levels, chosen)
        return _Plain(self._folder, chosen)

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield one copy a request, each made alone."""
        for request in requests:
            if request.target is None:
                yield Failure(f"no natural recording of this text: {request.text[:80]!r}")
                continue
            try:
                natural = load(request.target, self._codec.heard_rate)
            except AudioError as error:
                yield Failure(str(error))
                continue
            yield self._copy(natural)

    def _copy(self, natural: Audio) -> Synthesis | Failure:
        started = time.perf_counter()
        if natural.samples.shape[0] <= self._codec.least:
            return Failure(f"{natural.duration_s:.3f} s are too short for the codec")
        samples = self._codec.copy(natural.samples).cpu()
        total_ms = 1e3 * (time.perf_counter() - started)
        audio = Audio(samples, self.sample_rate)
        return Synthesis(audio, timings=Timings(total_ms=total_ms))


def _is_residual(codec: Path) -> bool:
    if (codec / RVQ).is_file():
        return True
    if len(codec.parts) == 1 and not codec.is_dir():
        return False
    from xtts_lab.checkpoint.rvq import is_encodec

    return is_encodec(codec)


class _Plain:
    """A DVAE and a vocoder."""

    def __init__(self, folder: Path, device: str) -> None:
        from xtts_lab.checkpoint.codec import Codec, load_codec

        found = load_codec(folder)
        self._codec = Codec(found.dvae.to(device), found.vocoder.to(device))
        self._device = device
        self.heard_rate, self.spoken_rate = found.dvae.sample_rate, found.vocoder.sample_rate
        self.least = found.dvae.mel.config.n_fft // 2

    def copy(self, samples: Tensor) -> Tensor:
        return self._codec.copy(samples.unsqueeze(0).to(self._device))[0]


class _Residual:
    """A residual codec, ours or EnCodec, of which the first `levels` are kept."""

    least = 0

    def __init__(self, folder: Path, levels: int | None, device: str) -> None:
        from xtts_lab.checkpoint.rvq import load_levels

        self._codec = load_levels(folder, device)
        if levels is not None and not 1 <= levels <= self._codec.levels:
            raise UsageError(f"levels: {levels} of {self._codec.levels}; take 1 or more of them")
        self._levels, self._device = levels or self._codec.levels, device
        self.heard_rate = self.spoken_rate = self._codec.sample_rate

    def copy(self, samples: Tensor) -> Tensor:
        import torch

        with torch.inference_mode():
            codes = self._codec.encode(samples.unsqueeze(0).to(self._device))
            return self._codec.decode(codes[:, : self._levels])[0]
