"""The decoding engine: prompts in, codes and states out, with nothing allocated in between.

B rows, N prefix, P positions of a prompt, D width, n codes.

A voice's prefix is read once (`prefixes`); what follows it is read padded to a bucket, by the
model's own modules or by kernels (`reading`); from then on a step is one graph replay that draws a
code and computes the state and the logits of the next. The host waits only where it wants to look.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.reading import BUCKET, Numbered, Reading, bucketed
from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.fast.torch_step import TorchStep
from xtts_lab.inference.fast.tuning import Tuning
from xtts_lab.inference.fast.weights import DecodingWeights
from xtts_lab.inference.generate import (
    Generation,
    Prompt,
    check_prompts,
    limit_of,
)
from xtts_lab.inference.graph import Beside, Graphed, to_device
from xtts_lab.inference.prefixes import Prefixes
from xtts_lab.inference.sampling import SamplingOptions, uniforms
from xtts_lab.nn.gpt import Gpt, GptConfig

RUN = 6
"""Steps of the graph that is replayed where so many are wanted: no gap between its steps."""

FUSED_ROWS = 4
"""Up to so many rows the products with vectors win; see `step` and `batched_step`."""


class Step(Protocol):
    """What computes a step, as a whole and in its halves: see `step.DecodingStep`."""

    def __call__(self) -> None: ...
    def draw(self) -> None: ...
    def read(self) -> None: ...


@dataclass(frozen=True, eq=False)
class _Graphs:
    """Graphs of several steps, of one, and of its halves."""

    several: Graphed
    whole: Graphed
    draw: Graphed
    read: Graphed

    @classmethod
    def of(cls, step: Step, device: torch.device) -> _Graphs:
        def several() -> None:
            for _ in range(RUN):
                step()

        return cls(*(Graphed(of, device) for of in (several, step, step.draw, step.read)))


class DecodingEngine:
    """Decodes `rows` prompts of up to `prompt` positions at a time, `steps` codes each at most.

    All rows share `sampling` (without `coqui_compat`). `banned` is a code that is never drawn: for
    measurements whose length must be fixed.
    """

    def __init__(
        self,
        gpt: Gpt,
        sampling: SamplingOptions,
        *,
        rows: int = 1,
        steps: int | None = None,
        prompt: int | None = None,
        dtype: torch.dtype = torch.float32,
        tuning: Tuning | None = None,
        banned: int = -1,
    ) -> None:
        if sampling.coqui_compat or sampling.guidance != 1.0:
            raise UsageError("sampling: the engine knows neither coqui_compat nor guidance")
        config = gpt.config
        self.device = gpt.audio_embedding.weight.device
        self.gpt = gpt if gpt.audio_embedding.weight.dtype == dtype else _cast(gpt, dtype)
        self.steps = min(steps or config.max_codes, config.max_codes) + 1
        self.sampling = sampling
        tuning = tuning or Tuning.choose(self.device, rows, dtype)
        room = prompt or config.text_positions + config.audio_positions
        self.room = bucketed(room)
        capacity = self.room + BUCKET + self.steps  # the padding behind a prompt is written, too
        self.state = DecodingState.empty(
            config, rows, capacity, self.steps, tuning.splits, self.device, dtype
        )
        self.prefixes = Prefixes(self.gpt)
        self.weights = DecodingWeights.of(self.gpt, dtype)
        kind = step_class(self.device, rows)
        self.step: Step = kind(config, self.weights, self.state, sampling, tuning, banned)
        self._graphs: _Graphs | None = None
        self._drawn = False  # the last codes have not been read yet
        self.beside = Beside(self.device)  # where codes are drawn that nothing reads yet
        self._readings: dict[tuple[int, int, int], Reading] = {}

    @torch.inference_mode()
    def start(self, prompts: Sequence[Prompt]) -> None:
        """Read a prompt for every row. `UsageError` for a wrong number, or what it cannot do."""
        if len(prompts) != self.state.rows:
            raise UsageError(f"the engine decodes {self.state.rows} rows, not {len(prompts)}")
        said = self._numbered(prompts)
        self.beside.join()
        reading = self._reading(said, self.state.rows, 0)
        self._ready()
        self._drawn = False
        self.beside.fork()
        reading(said, range(len(prompts)))
        with self.beside.work():  # while the device reads
            self._restart(None, prompts, said.lengths)

    @torch.inference_mode()
    def admit(
        self, rows: Sequence[int], prompts: Sequence[Prompt], *, recorded: bool = False
    ) -> None:
        """Read prompts into some rows, whatever the others are saying.

        `recorded`: one prompt is read by a graph, recorded at its length's first use; nothing else
        may be at work on the device then.
        """
        said = self._numbered(prompts)
        self._catch_up()
        if recorded and self.device.type == "cuda":
            self._reading(said, 1, rows[0])(said, rows)
        else:
            room = said.room(1)
            read = Reading(self.gpt, self.prefixes, self.state, room, len(rows), self.weights)
            read(said, rows)
        self._restart(rows, prompts, said.lengths)

    def _reading(self, said: Numbered, rows: int, row: int) -> Reading:
        """What reads such prompts, recorded at its first use; `row` may be overwritten then."""
        prefix, rest = said.room(BUCKET)
        if (prefix, rest, rows) not in self._readings:
            room = prefix, rest
            reading = Reading(self.gpt, self.prefixes, self.state, room, rows, self.weights)
            reading.record(row)
            self._readings[prefix, rest, rows] = reading
        return self._readings[prefix, rest, rows]

    def _numbered(self, prompts: Sequence[Prompt]) -> Numbered:
        """Prompts of what this engine can decode."""
        if any(p.sampling != self.sampling for p in prompts):
            raise UsageError("sampling: all prompts of an engine are drawn as the engine was told")
        check_prompts(self.gpt, prompts)
        said = Numbered(self.gpt, prompts)
        if (longest := max(said.lengths)) > self.room:
            raise UsageError(f"prompt: {longest} positions are more than the engine's {self.room}")
        return said

    def _restart(
        self, rows: Sequence[int] | None, prompts: Sequence[Prompt], lengths: Sequence[int]
    ) -> None:
        """Begin some rows anew, or all of them (None)."""
        most = self.steps - 1
        limits = [min(limit_of(self.gpt, p), most) for p in prompts]
        counts = torch.tensor([lengths, [p.counted for p in prompts], limits], dtype=torch.int32)
        random = torch.stack([uniforms(p.seed, self.steps) for p in prompts])
        at = slice(None) if rows is None else torch.tensor(rows, device=self.device)
        self.state.restart(at, *(to_device(some, self.device) for some in (counts, random)))

    @torch.inference_mode()
    def advance(self, steps: int) -> None:
        """Draw `steps` further codes a row, on the device, without waiting for them.

        The last of them is not read before more are wanted: the states that the vocoder speaks
        are those that codes were drawn from. Nor does the vocoder wait for it to be drawn.
        """
        if steps < 1:
            return
        self._catch_up()
        graphs = self._ready()
        several, others = divmod(steps - 1, RUN)
        for graph in [graphs.several] * several + [graphs.whole] * others:
            graph()
        self.beside.fork()
        with self.beside.work():
            graphs.draw()
        self._drawn = True

    def _catch_up(self) -> None:
        """Read the codes that have been drawn, where that was left for later."""
        graphs = self._ready()  # to record them moves every row on: not between two codes
        self.beside.join()
        if self._drawn:
            graphs.read()
        self._drawn = False

    def codes(self, stop: int) -> Tensor:
        """The first `stop` codes of every row, int64 [B, stop] on the CPU: waits for them."""
        self.beside.join()
        return self.state.codes[:, :stop].cpu().long()

    def ended(self) -> list[int]:
        """The rows that have drawn the stop token or their last code: waits for the device."""
        self.beside.join()
        return [int(row) for row in self.state.stopped.cpu().nonzero().flatten()]

    def finite(self, rows: Sequence[int]) -> list[bool]:
        """Whether the rows' values are numbers: once they are not, they never are again."""
        return [bool(x) for x in torch.isfinite(self.state.logits).all(dim=1).cpu()[list(rows)]]

    @torch.inference_mode()
    def collect(self, rows: Sequence[int]) -> list[Generation]:
        """What rows that have ended have said; `finite` says of what use that is."""
        if not rows:
            return []
        self.beside.join()
        at = torch.tensor(list(rows), device=self.device)
        codes = self.state.codes[at].cpu().long()
        tight, limits = self.state.tight[at].tolist(), self.state.limits[at].tolist()
        return [
            self._generation(row, codes[i, : limits[i]], tight[i]) for i, row in enumerate(rows)
        ]

    def _generation(self, row: int, codes: Tensor, tight: int) -> Generation:
        found = (codes == self.gpt.config.stop_audio).nonzero()
        length = int(found[0]) if found.numel() else codes.shape[0]
        states = self.state.states[row, : length + bool(found.numel())].to(self._dtype, copy=True)
        return Generation(codes[:length], states, "end" if found.numel() else "limit", tight)

    def _ready(self) -> _Graphs:
        if self._graphs is None:
            self._graphs = _Graphs.of(self.step, self.device)
        return self._graphs

    @property
    def _dtype(self) -> torch.dtype:
        return self.gpt.audio_embedding.weight.dtype


def step_class(device: torch.device, rows: int) -> type[Any]:
    """What computes a step: kernels where they run (interpreted where asked for), else torch."""
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return TorchStep
    from xtts_lab.inference.fast.batched_step import BatchedStep
    from xtts_lab.inference.fast.step import DecodingStep

    return DecodingStep if rows <= FUSED_ROWS else BatchedStep


def row_bytes(config: GptConfig, prompt: int, dtype: torch.dtype) -> int:
    """Memory of a row: its part of the cache, its states and what it is drawn from."""
    steps = config.max_codes + 1
    slots = bucketed(prompt) + BUCKET + steps
    cache = 2 * config.layers * config.width * slots * dtype.itemsize
    return cache + 4 * steps * config.width


def _cast(gpt: Gpt, dtype: torch.dtype) -> Gpt:
    return copy.deepcopy(gpt).to(dtype)
