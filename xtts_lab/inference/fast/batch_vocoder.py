"""Waveforms of many utterances in batches of one shape.

B windows of a batch, C channels, F frames of an utterance, W frames of a window, T samples.

An utterance is cut into cores of equal size, each with `context` frames on both sides; a window at
an edge of the utterance lies inside it and ends with it, so that the zero padding of the
convolutions falls where it falls in the whole. All windows are then alike, whatever they belong to,
and a batch is one graph. Utterances too short for a window run in their own shape.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.stages import stages_of
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.speak import check_streams
from xtts_lab.model import XttsModel
from xtts_lab.vocoders import stages as chain
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.stages import Local


@dataclass(frozen=True)
class _Cut:
    """A window of utterance `item` from frame `first` on, for the frames `start` to `stop`."""

    item: int
    first: int
    start: int
    stop: int


def cuts(item: int, frames: int, core: int, context: int) -> Iterator[_Cut]:
    """The windows of an utterance of more than core + 2 context frames."""
    width = core + 2 * context
    start = 0
    while start < frames:
        first = max(start - context, 0)
        if frames - start < core + context or first + width >= frames:
            yield _Cut(item, frames - width, start, frames)
            return
        stop = first + width - context
        yield _Cut(item, first, start, stop)
        start = stop


class _Windows:
    """Windows of one width, `batch` at a time, as a graph."""

    def __init__(
        self, vocoder: Vocoder, core: int, batch: int, like: Tensor, embedding: int
    ) -> None:
        self.vectors = like.new_zeros(batch, embedding)
        last = stages_of(vocoder, self.vectors)[-1]
        assert isinstance(last, Local)
        self.core, self.context, self.rate = core, last.context, last.rate
        self.width = core + 2 * last.context
        self._frames = like.new_zeros(batch, like.shape[0], self.width)
        self._made = last.function(self._frames)
        self._last = last
        self._replay = Graphed(self._make, like.device)

    def _make(self) -> None:
        self._made.copy_(self._last.function(self._frames))

    def run(
        self,
        cuts: Sequence[_Cut],
        frames: Sequence[Tensor],
        embeddings: Sequence[Tensor],
        done: Sequence[Tensor],
    ) -> None:
        """Fill the parts of `done` that the cuts are for."""
        size = self.vectors.shape[0]
        groups = [cuts[begin : begin + size] for begin in range(0, len(cuts), size)]
        made = [self._start(some, frames, embeddings) for some in groups]
        if self.vectors.is_cuda:
            torch.cuda.current_stream(self.vectors.device).synchronize()
        for some, heard in zip(groups, made, strict=True):
            for row, cut in enumerate(some):
                first = (cut.start - cut.first) * self.rate
                count = (cut.stop - cut.start) * self.rate
                place = slice(cut.start * self.rate, cut.stop * self.rate)
                done[cut.item][place] = heard[row, first : first + count]

    def _start(
        self, some: Sequence[_Cut], frames: Sequence[Tensor], embeddings: Sequence[Tensor]
    ) -> Tensor:
        """Send windows on their way to the host: [windows, T] there, once the stream has ended."""
        for row, cut in enumerate(some):
            self._frames[row].copy_(frames[cut.item][:, cut.first : cut.first + self.width])
            self.vectors[row].copy_(embeddings[cut.item], non_blocking=True)
        self._replay()
        samples = self._made[: len(some), 0].float()
        if not samples.is_cuda:
            return samples.clone()
        there = torch.empty(samples.shape, pin_memory=True)
        return there.copy_(samples, non_blocking=True)


class BatchVocoder:
    """States [n, D] and speaker vectors [E] -> waveforms, many windows at a time, in `dtype`.

    Windows come in two widths, with a core of `core` frames and of a quarter of that: an utterance
    is cut into the wider where it is long enough for one. `batch` counts the wider; on a CPU
    nothing is gained by more than one.
    """

    def __init__(
        self,
        model: XttsModel,
        *,
        dtype: torch.dtype | None = None,
        batch: int = 32,
        core: int = 256,
    ) -> None:
        check_streams(model)
        if model.vocoder.reads != "states":
            raise UsageError(f"the vocoder '{model.config.vocoder.name}' reads no GPT states")
        self.dtype = dtype or model.vocoder_dtype
        same = self.dtype == model.vocoder_dtype
        self.vocoder = model.vocoder if same else copy.deepcopy(model.vocoder).to(self.dtype)
        self.device, self._embedding = model.device, model.config.sizes.embedding
        self._width = model.config.sizes.width
        *before, last = self.vocoder.stages(self._vector(1))
        if not isinstance(last, Local):
            raise UsageError(f"the vocoder '{model.config.vocoder.name}' cannot run in windows")
        self._before, self._rate, self._context = before, last.rate, last.context
        batch = batch or (32 if self.device.type == "cuda" else 1)
        self._sizes = [(core, batch), (max(core // 4, 1), 4 * batch)]
        self._windows: dict[int, _Windows] = {}

    def _vector(self, count: int) -> Tensor:
        return torch.zeros(count, self._embedding, device=self.device, dtype=self.dtype)

    @torch.inference_mode()
    def __call__(self, states: Sequence[Tensor], embeddings: Sequence[Tensor]) -> list[Tensor]:
        """Waveforms float32 [T] on the CPU, each what the vocoder makes of that utterance alone."""
        frames = [self._to_frames(one) for one in states]
        done = [torch.zeros(f.shape[-1] * self._rate) for f in frames]
        left = {item: of.shape[-1] for item, of in enumerate(frames) if of.shape[-1]}
        for core, batch in self._sizes:
            long = [i for i, count in left.items() if count > core + 2 * self._context]
            cut = [one for i in long for one in cuts(i, left.pop(i), core, self._context)]
            if cut:
                windows = self._of(core, batch, frames[cut[0].item])
                windows.run(cut, frames, embeddings, done)
        alike: dict[int, list[int]] = defaultdict(list)
        for item, count in left.items():
            alike[count].append(item)
        for items in alike.values():
            self._run_short(items, frames, embeddings, done)
        return done

    @torch.inference_mode()
    def warm(self) -> None:
        """Record the graphs of both widths."""
        like = self._to_frames(torch.zeros(8, self._width))
        for core, batch in self._sizes:
            self._of(core, batch, like)

    def _of(self, core: int, batch: int, like: Tensor) -> _Windows:
        if core not in self._windows:
            self._windows[core] = _Windows(self.vocoder, core, batch, like, self._embedding)
        return self._windows[core]

    def _to_frames(self, states: Tensor) -> Tensor:
        inputs = states.to(self.device, self.dtype).T.unsqueeze(0)
        if inputs.shape[-1] == 0:
            return inputs[0]
        return chain.whole(self._before, inputs)[0] if self._before else inputs[0]

    def _run_short(
        self,
        items: Sequence[int],
        frames: Sequence[Tensor],
        embeddings: Sequence[Tensor],
        done: list[Tensor],
    ) -> None:
        vectors = torch.stack([embeddings[i].to(self.device, self.dtype) for i in items])
        last = stages_of(self.vocoder, vectors)[-1]
        assert isinstance(last, Local)
        heard = last.function(torch.stack([frames[i] for i in items]))[:, 0].float().cpu()
        for row, item in enumerate(items):
            done[item] = heard[row]
