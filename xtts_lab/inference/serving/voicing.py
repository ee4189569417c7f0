"""The vocoder of streams, graphs of fixed shapes. D width, E embedding, T samples."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.generate import NOT_FINITE
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.vocoding import BucketedLocal, bucketed
from xtts_lab.inference.speak import before_vocoder, check_streams
from xtts_lab.model import XttsModel
from xtts_lab.vocoders.stages import Stage
from xtts_lab.vocoders.streaming import VocoderStream


class StreamVocoder:
    """States of many streams -> samples, one piece at a time, in `dtype` (the model's by default).

    `UsageError` for a vocoder that cannot stream, or reads no states.
    """

    def __init__(self, model: XttsModel, dtype: torch.dtype | None = None) -> None:
        check_streams(model, 1)
        if model.vocoder.reads != "states":
            raise UsageError(f"the vocoder '{model.config.vocoder.name}' reads no GPT states")
        self.model, self.dtype = model, dtype or model.vocoder_dtype
        same = self.dtype == model.vocoder_dtype
        self._vocoder = model.vocoder if same else copy.deepcopy(model.vocoder).to(self.dtype)
        width = model.config.sizes.embedding
        self._vector = torch.zeros(1, width, device=model.device, dtype=self.dtype)
        self._stages: tuple[Stage, ...] = bucketed(self._vocoder.stages(self._vector))

    def begin(self, speed: float = 1.0) -> VocoderStream:
        """A stream that has said nothing yet."""
        return VocoderStream((*before_vocoder(self.model, speed), *self._stages))

    def push(
        self, stream: VocoderStream, states: Tensor, embedding: Tensor, *, last: bool
    ) -> Leaving:
        """Feed states [n, D] of a speaker [E]; `last` says that none will follow."""
        self._vector.copy_(embedding, non_blocking=True)
        pieces = [stream.push(states.to(self.dtype, copy=True).T)]
        if last:
            pieces.append(stream.finish())
        pieces = [piece for piece in pieces if piece.shape[0]]
        return Leaving(torch.cat(pieces) if pieces else torch.zeros(0))

    @torch.inference_mode()
    def warm(self, schedule: Schedule) -> None:
        """Capture every shape that streams of a schedule need, so that no request waits for one."""
        if self.model.device.type != "cuda":
            return
        states = torch.zeros(schedule.most, self.model.config.gpt.width, device=self.model.device)
        for ending in range(schedule.most + 1):
            stream = self.begin()
            for size in (*_sizes_up_to(schedule), schedule.most):
                self.push(stream, states[:size], self._vector[0], last=False)
            self.push(stream, states[:ending], self._vector[0], last=True)
        torch.cuda.synchronize(self.model.device)

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
        samples = self._samples.clone()
        if not bool(torch.isfinite(samples).all()):
            raise UsageError(NOT_FINITE)
        return samples
