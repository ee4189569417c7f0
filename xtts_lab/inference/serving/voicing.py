"""The vocoder of streams, graphs of fixed shapes. D width, E embedding, T samples, n codes."""

from __future__ import annotations

import copy
from math import isfinite

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.stages import stages_of
from xtts_lab.inference.generate import NOT_FINITE
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.vocoding import BucketedLocal, bucketed
from xtts_lab.inference.speak import before_vocoder, check_streams
from xtts_lab.model import XttsModel
from xtts_lab.vocoders.stages import Stage
from xtts_lab.vocoders.streaming import VocoderStream

_REACH = 60
"""After so many codes a piece's window has all that it ever has around it."""


class StreamVocoder:
    """What many streams say -> samples, a piece at a time, in `dtype` (the model's by default).

    `UsageError` for a vocoder that cannot stream.
    """

    def __init__(self, model: XttsModel, dtype: torch.dtype | None = None) -> None:
        check_streams(model)
        self.model, self.dtype = model, dtype or model.vocoder_dtype
        same = self.dtype == model.vocoder_dtype
        self._vocoder = model.vocoder if same else copy.deepcopy(model.vocoder).to(self.dtype)
        width = model.config.sizes.embedding
        self._vector = torch.zeros(1, width, device=model.device, dtype=self.dtype)
        self._stages: tuple[Stage, ...] = bucketed(stages_of(self._vocoder, self._vector))

    @property
    def reads(self) -> str:
        """What the vocoder reads: `states`, `codes` or `mel`."""
        return self._vocoder.reads

    def begin(self, speed: float = 1.0, coqui_compat: bool = False) -> VocoderStream:
        """A stream that has said nothing yet."""
        return VocoderStream((*before_vocoder(self.model, speed, coqui_compat), *self._stages))

    def push(
        self, stream: VocoderStream, codes: Tensor, states: Tensor, embedding: Tensor, *, last: bool
    ) -> Leaving:
        """Send on its way what `made` makes."""
        return Leaving(self.made(stream, codes, states, embedding, last=last))

    def made(
        self, stream: VocoderStream, codes: Tensor, states: Tensor, embedding: Tensor, *, last: bool
    ) -> Tensor:
        """Samples [T] of further codes int64 [n] and states [n, D] of a speaker [E].

        States are kept: nothing may change them later.
        `last` says that none will follow. The stop token is at the end of both, or of neither.
        """
        self._vector.copy_(embedding, non_blocking=True)
        pieces = [stream.push(self._read(codes, states))]
        if last:
            pieces.append(stream.finish())
        pieces = [piece for piece in pieces if piece.shape[0]]
        if len(pieces) == 1:  # not another copy
            return pieces[0]
        return torch.cat(pieces) if pieces else torch.zeros(0)

    def _read(self, codes: Tensor, states: Tensor) -> Tensor:
        """What the vocoder reads of it: states [D, n], or codes [1, n] without the stop token."""
        if self._vocoder.reads == "states":
            return states.to(self.dtype).T
        kept = codes[codes != self.model.gpt.config.stop_audio]
        return kept.unsqueeze(0).to(self._vector.device)

    def warm(self, schedule: Schedule) -> None:
        """Capture every shape that streams of a schedule need, so that no request waits for one."""
        if self.model.device.type == "cuda":
            self.rehearse(schedule)
            torch.cuda.synchronize(self.model.device)

    @torch.inference_mode()
    def rehearse(self, schedule: Schedule) -> None:
        """Say zeros in pieces of a schedule until nothing new can come, the end included."""
        device = self.model.device
        states = torch.zeros(schedule.most, self.model.config.gpt.width, device=device)
        codes = torch.zeros(schedule.most, dtype=torch.long)
        speaker = torch.zeros_like(self._vector[0])
        settled = 2 + _REACH // schedule.most
        windowed = [stage for stage in self._stages if isinstance(stage, BucketedLocal)]
        for stage in windowed:
            stage.rehearsing = True
        for ending in (0, schedule.most):
            stream = self.begin()
            for size in (*_sizes_up_to(schedule), *[schedule.most] * settled):
                self.push(stream, codes[:size], states[:size], speaker, last=False)
            self.push(stream, codes[:ending], states[:ending], speaker, last=True)
        for stage in windowed:
            stage.rehearsing = False
            stage.fill()

    @property
    def shapes(self) -> int:
        """How many shapes have been captured."""
        return sum(len(s.shapes) for s in self._stages if isinstance(s, BucketedLocal))


def _sizes_up_to(schedule: Schedule) -> list[int]:
    sizes: list[int] = []
    for size in schedule.sizes():
        if size >= schedule.most:
            return sizes
        if sizes and size == sizes[-1]:
            return sizes
        sizes.append(size)
    return sizes


class Leaving:
    """Samples on their way to the host, which need not wait for what the device does after them."""

    def __init__(self, samples: Tensor) -> None:
        self._samples = samples.float()
        self._done: torch.cuda.Event | None = None
        if samples.is_cuda and samples.shape[0]:
            there = torch.empty(samples.shape, dtype=torch.float32, pin_memory=True)
            there.copy_(self._samples, non_blocking=True)
            self._samples = there
            self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._done.record()

    def arrived(self) -> Tensor:
        """Wait for them: float32 [T] on the CPU. `UsageError` for what is not finite."""
        if self._done is not None:
            self._done.synchronize()
        # By NumPy: torch gives 32,768 elements and more to all of its threads, and on a busy host
        # the slowest of them is 15 ms late.
        samples = self._samples.numpy().copy()
        # Extremes tell: one that is no number is the least and the greatest.
        if samples.size and not (isfinite(samples.min()) and isfinite(samples.max())):
            raise UsageError(NOT_FINITE)
        return torch.from_numpy(samples)
