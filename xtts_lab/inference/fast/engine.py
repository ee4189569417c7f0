"""The decoding engine: prompts in, codes and states out, with nothing allocated in between.

B rows, N prefix, P positions of a prompt, D width, n codes.

Prefill runs the model's own modules on a prompt padded to a bucket; from then on a step is one
graph replay that draws a code and computes the state and the logits of the next. The host waits
only where it wants to look.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.admission import Admission
from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.fast.torch_step import TorchStep
from xtts_lab.inference.fast.tuning import Tuning
from xtts_lab.inference.fast.weights import DecodingWeights
from xtts_lab.inference.generate import (
    Generation,
    Prompt,
    check_prompts,
    embed_prompts,
    limit_of,
)
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.sampling import SamplingOptions, uniforms
from xtts_lab.nn.gpt import Gpt, GptConfig

BUCKET = 32
"""Prompts are padded to a multiple of so many positions: one graph serves many lengths."""

FUSED_ROWS = 4
"""Up to so many rows the products with vectors win; see `step` and `batched_step`."""


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
        tuning = tuning or Tuning.choose(self.device, rows)
        room = prompt or config.text_positions + config.audio_positions
        self.room = longest = -(-room // BUCKET) * BUCKET
        self.state = DecodingState.empty(
            config, rows, longest + self.steps, self.steps, tuning.splits, self.device, dtype
        )
        self.weights = DecodingWeights.of(self.gpt, dtype)
        kind = step_class(self.device, rows)
        self.step: Callable[[], None] = kind(
            config, self.weights, self.state, sampling, tuning, banned
        )
        self._replay: Graphed | None = None
        self._prefills: dict[int, tuple[Graphed, Tensor, Tensor]] = {}
        self._admissions: dict[int, Admission] = {}

    @torch.inference_mode()
    def start(self, prompts: Sequence[Prompt]) -> None:
        """Read a prompt for every row. `UsageError` for a wrong number, or what it cannot do."""
        if len(prompts) != self.state.rows:
            raise UsageError(f"the engine decodes {self.state.rows} rows, not {len(prompts)}")
        embedded, lengths = self._embed(prompts)
        bucket = -(-embedded.shape[1] // BUCKET) * BUCKET
        prefill, room, sizes = self._prefill(bucket)
        self._ready()
        room[:, : embedded.shape[1]].copy_(embedded)
        sizes.copy_(lengths)
        self._restart(list(range(len(prompts))), prompts, lengths)
        prefill()

    @torch.inference_mode()
    def admit(
        self, rows: Sequence[int], prompts: Sequence[Prompt], *, recorded: bool = False
    ) -> None:
        """Read prompts into some rows, whatever the others are saying.

        `recorded`: one prompt is read by a graph, recorded at its length's first use; nothing else
        may be at work on the device then.
        """
        embedded, lengths = self._embed(prompts)
        self._ready()
        count, longest, _ = embedded.shape
        if recorded and self.device.type == "cuda":
            self._admission(longest, rows[0])(embedded, lengths, rows[0])
            self._restart(rows, prompts, lengths)
            return
        own = self.gpt.empty_cache(count, longest)
        hidden = self.gpt.prefill(embedded, lengths, own)
        at = torch.tensor(rows, device=self.device)
        state = self.state
        state.cache.keys[:, at, :, :longest] = own.keys
        state.cache.values[:, at, :, :longest] = own.values
        state.states[at, 0] = hidden.float()
        state.logits[at] = self.gpt.audio_head(hidden).float()
        self._restart(rows, prompts, lengths)

    def _admission(self, longest: int, row: int) -> Admission:
        bucket = -(-longest // BUCKET) * BUCKET
        if bucket not in self._admissions:
            self._admissions[bucket] = Admission(self.gpt, self.state, bucket, row)
        return self._admissions[bucket]

    def _embed(self, prompts: Sequence[Prompt]) -> tuple[Tensor, Tensor]:
        """Embedded prompts [B, P, D] and their lengths [B], of what this engine can decode."""
        if any(p.sampling != self.sampling for p in prompts):
            raise UsageError("sampling: all prompts of an engine are drawn as the engine was told")
        check_prompts(self.gpt, prompts)
        embedded, lengths = embed_prompts(self.gpt, prompts)
        if embedded.shape[1] > self.room:
            raise UsageError(
                f"prompt: {embedded.shape[1]} positions are more than the engine's {self.room}"
            )
        return embedded, lengths

    def _restart(self, rows: Sequence[int], prompts: Sequence[Prompt], lengths: Tensor) -> None:
        most = self.steps - 1
        limits = torch.tensor([min(limit_of(self.gpt, p), most) for p in prompts])
        random = torch.stack([uniforms(p.seed, self.steps) for p in prompts])
        counted = torch.tensor([p.counted for p in prompts])
        self.state.restart(
            torch.tensor(rows, device=self.device),
            lengths,
            *(tensor.to(self.device) for tensor in (counted, limits, random)),
        )

    @torch.inference_mode()
    def advance(self, steps: int) -> None:
        """Draw `steps` further codes a row, on the device, without waiting for them."""
        replay = self._ready()
        for _ in range(steps):
            replay()

    def codes(self, stop: int) -> Tensor:
        """The first `stop` codes of every row, int64 [B, stop] on the CPU: waits for them."""
        return self.state.codes[:, :stop].cpu().long()

    def ended(self) -> list[int]:
        """The rows that have drawn the stop token or their last code: waits for the device."""
        return [int(row) for row in self.state.stopped.cpu().nonzero().flatten()]

    def finite(self, rows: Sequence[int]) -> list[bool]:
        """Whether the rows' values are numbers: once they are not, they never are again."""
        return [bool(x) for x in torch.isfinite(self.state.logits).all(dim=1).cpu()[list(rows)]]

    @torch.inference_mode()
    def collect(self, rows: Sequence[int]) -> list[Generation]:
        """What rows that have ended have said; `finite` says of what use that is."""
        if not rows:
            return []
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

    def _ready(self) -> Graphed:
        if self._replay is None:
            self._replay = Graphed(self.step, self.device)
        return self._replay

    def _prefill(self, bucket: int) -> tuple[Graphed, Tensor, Tensor]:
        if bucket not in self._prefills:
            width, rows = self.gpt.config.width, self.state.rows
            room = torch.zeros(rows, bucket, width, device=self.device, dtype=self._dtype)
            sizes = torch.ones(rows, dtype=torch.long, device=self.device)
            run = partial(self._read, room, sizes)
            self._prefills[bucket] = (Graphed(run, self.device), room, sizes)
        return self._prefills[bucket]

    def _read(self, room: Tensor, sizes: Tensor) -> None:
        state = self.gpt.prefill(room, sizes, self.state.cache)
        self.state.states[:, 0] = state
        self.state.logits.copy_(self.gpt.audio_head(state))

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
    room = -(-prompt // BUCKET) * BUCKET
    steps = config.max_codes + 1
    cache = 2 * config.layers * config.width * (room + steps) * dtype.itemsize
    return cache + 4 * steps * config.width


def _cast(gpt: Gpt, dtype: torch.dtype) -> Gpt:
    return copy.deepcopy(gpt).to(dtype)
