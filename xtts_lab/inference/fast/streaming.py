"""Speech in pieces from the decoding engine. D width, E embedding, T samples.

What can be done before a request is done before: kernels compiled, graphs captured, buffers laid
out. A request is then a prefill, as many replays as the chunk has codes, one look at the codes
(did it stop?), one replay of the vocoder, and the way to the host, during which the next codes are
drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.schedule import Schedule
from xtts_lab.inference.fast.vocoding import bucketed
from xtts_lab.inference.generate import Prompt, limit_of
from xtts_lab.inference.speak import before_vocoder, check_streams
from xtts_lab.model import XttsModel
from xtts_lab.vocoders.stages import Stage
from xtts_lab.vocoders.streaming import VocoderStream


class FastStream:
    """Streams one request at a time on a vocoder that reads the GPT's states."""

    def __init__(self, model: XttsModel, engine: DecodingEngine) -> None:
        check_streams(model, 1)
        if model.vocoder.reads != "states":
            raise UsageError(f"the vocoder '{model.config.vocoder.name}' reads no GPT states")
        self.model, self.engine = model, engine
        width = model.config.sizes.embedding
        self._vector = torch.zeros(1, width, device=model.device, dtype=model.dtype)
        stages = (*before_vocoder(model, 1.0), *model.vocoder.stages(self._vector))
        self._stages: tuple[Stage, ...] = bucketed(stages)

    @torch.inference_mode()
    def stream(
        self, prompt: Prompt, embedding: Tensor, schedule: Schedule | None = None
    ) -> Iterator[Tensor]:
        """Say one prompt with a speaker vector [E]: float32 [T] each, on the CPU.

        Joined, the pieces are what `inference.speak` makes of the same prompt.
        """
        engine = self.engine
        limit = min(limit_of(self.model.gpt, prompt), engine.steps - 1)
        sizes = (schedule or Schedule()).sizes()
        vocoder = VocoderStream(self._stages)
        self._vector.copy_(embedding)
        engine.start([prompt])
        told, asked, ended = 0, min(next(sizes), limit), limit <= 0
        engine.advance(asked)
        while not ended:
            stop = self._stop(told, asked)
            ended = stop is not None or asked >= limit
            heard = asked if stop is None else stop + 1
            states = engine.state.states[0, told:heard].to(self.model.dtype, copy=True)
            piece = _Leaving(vocoder.push(states.T))
            told = asked
            if not ended:  # the next codes are drawn while this piece leaves
                asked = min(asked + next(sizes), limit)
                engine.advance(asked - told)
            yield from piece.arrived()
        yield from _Leaving(vocoder.finish()).arrived()

    def _stop(self, start: int, end: int) -> int | None:
        """The index of the stop token among the codes from `start` to `end`, if it is there."""
        codes = self.engine.codes(end)[0, start:]
        found = (codes == self.model.gpt.config.stop_audio).nonzero()
        return start + int(found[0]) if found.numel() else None


class _Leaving:
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

    def arrived(self) -> Iterator[Tensor]:
        if self._done is not None:
            self._done.synchronize()
        if self._samples.shape[0]:
            yield self._samples.clone()
