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
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.speak import check_streams
from xtts_lab.model import XttsModel
from xtts_lab.vocoders import stages as chain
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


class BatchVocoder:
    """States [n, D] and speaker vectors [E] -> waveforms, `batch` windows at a time, in `dtype`."""

    def __init__(
        self, model: XttsModel, *, dtype: torch.dtype | None = None, batch: int = 32, core: int = 64
    ) -> None:
        check_streams(model)
        if model.vocoder.reads != "states":
            raise UsageError(f"the vocoder '{model.config.vocoder.name}' reads no GPT states")
        self.dtype = dtype or model.vocoder_dtype
        same = self.dtype == model.vocoder_dtype
        self.vocoder = model.vocoder if same else copy.deepcopy(model.vocoder).to(self.dtype)
        width = model.config.sizes.embedding
        self._vectors = torch.zeros(batch, width, device=model.device, dtype=self.dtype)
        *before, last = self.vocoder.stages(self._vectors)
        if not isinstance(last, Local):
            raise UsageError(f"the vocoder '{model.config.vocoder.name}' cannot run in windows")
        self._before, self._last, self.core = before, last, core
        self._width = core + 2 * last.context
        self._frames: Tensor | None = None
        self._made: Tensor | None = None
        self._replay: Graphed | None = None

    @torch.inference_mode()
    def __call__(self, states: Sequence[Tensor], embeddings: Sequence[Tensor]) -> list[Tensor]:
        """Waveforms float32 [T] on the CPU, each what the vocoder makes of that utterance alone."""
        frames = [self._to_frames(one) for one in states]
        rate = self._last.rate
        done = [torch.zeros(f.shape[-1] * rate) for f in frames]
        windows: list[_Cut] = []
        short: dict[int, list[int]] = defaultdict(list)
        for item, of in enumerate(frames):
            if of.shape[-1] > self._width:
                windows += cuts(item, of.shape[-1], self.core, self._last.context)
            elif of.shape[-1]:
                short[of.shape[-1]].append(item)
        size = self._vectors.shape[0]
        for begin in range(0, len(windows), size):
            self._run(windows[begin : begin + size], frames, embeddings, done)
        for items in short.values():
            self._run_short(items, frames, embeddings, done)
        return done

    def _to_frames(self, states: Tensor) -> Tensor:
        inputs = states.to(self._vectors.device, self.dtype).T.unsqueeze(0)
        if inputs.shape[-1] == 0:
            return inputs
        return chain.whole(self._before, inputs)[0] if self._before else inputs[0]

    def _run(
        self,
        windows: Sequence[_Cut],
        frames: Sequence[Tensor],
        embeddings: Sequence[Tensor],
        done: list[Tensor],
    ) -> None:
        replay, room, made = self._graph(frames[windows[0].item])
        for row, cut in enumerate(windows):
            room[row].copy_(frames[cut.item][:, cut.first : cut.first + self._width])
            self._vectors[row].copy_(embeddings[cut.item])
        replay()
        heard = made[: len(windows), 0].float().cpu()
        rate = self._last.rate
        for row, cut in enumerate(windows):
            begin, end = (cut.start - cut.first) * rate, (cut.stop - cut.first) * rate
            done[cut.item][cut.start * rate : cut.stop * rate] = heard[row, begin:end]

    def _run_short(
        self,
        items: Sequence[int],
        frames: Sequence[Tensor],
        embeddings: Sequence[Tensor],
        done: list[Tensor],
    ) -> None:
        vectors = torch.stack([embeddings[i].to(self._vectors) for i in items])
        last = self.vocoder.stages(vectors)[-1]
        assert isinstance(last, Local)
        heard = last.function(torch.stack([frames[i] for i in items]))[:, 0].float().cpu()
        for row, item in enumerate(items):
            done[item] = heard[row]

    def _graph(self, like: Tensor) -> tuple[Graphed, Tensor, Tensor]:
        if self._replay is None or self._frames is None or self._made is None:
            shape = (self._vectors.shape[0], like.shape[0], self._width)
            room = torch.zeros(shape, device=like.device, dtype=like.dtype)
            made = self._last.function(room)

            def run() -> None:
                made.copy_(self._last.function(room))

            self._frames, self._made = room, made
            self._replay = Graphed(run, like.device)
        return self._replay, self._frames, self._made
