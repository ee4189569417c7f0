"""The decoding engine: prompts in, codes and states out, with nothing allocated in between.

B rows, N prefix, P positions of a prompt, D width, n codes.

Prefill runs the model's own modules on a prompt padded to a bucket; from then on a step is one
graph replay that draws a code and computes the state and the logits of the next. The host waits
only where it wants to look.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.graph import Graphed
from xtts_lab.inference.fast.state import DecodingState
from xtts_lab.inference.fast.step import DecodingStep, Tuning
from xtts_lab.inference.fast.weights import DecodingWeights
from xtts_lab.inference.generate import Prompt, embed_prompts
from xtts_lab.inference.sampling import SamplingOptions, uniforms
from xtts_lab.nn.gpt import Gpt

BUCKET = 32
"""Prompts are padded to a multiple of so many positions: one graph serves many lengths."""


class DecodingEngine:
    """Decodes `rows` prompts at a time, up to `steps` codes each, in `dtype`.

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
        dtype: torch.dtype = torch.float32,
        tuning: Tuning | None = None,
        banned: int = -1,
    ) -> None:
        config = gpt.config
        self.device = gpt.audio_embedding.weight.device
        self.gpt = gpt if gpt.audio_embedding.weight.dtype == dtype else _cast(gpt, dtype)
        self.steps = min(steps or config.max_codes, config.max_codes) + 1
        self.sampling = sampling
        tuning = tuning or Tuning.for_device(self.device)
        longest = config.text_positions + config.audio_positions + 2 * BUCKET
        self.state = DecodingState.empty(
            config, rows, longest + self.steps, self.steps, tuning.splits, self.device, dtype
        )
        self.weights = DecodingWeights.of(self.gpt, dtype)
        self.step = DecodingStep(config, self.weights, self.state, sampling, tuning, banned)
        self._replay: Graphed | None = None
        self._prefills: dict[int, tuple[Graphed, Tensor, Tensor]] = {}

    @torch.inference_mode()
    def start(self, prompts: Sequence[Prompt]) -> None:
        """Read the prompts, so that codes can be drawn. `UsageError` for a wrong number."""
        if len(prompts) != self.state.rows:
            raise UsageError(f"the engine decodes {self.state.rows} rows, not {len(prompts)}")
        embedded, lengths = embed_prompts(self.gpt, prompts)
        random = torch.stack([uniforms(p.seed, self.steps) for p in prompts])
        continued = torch.tensor([p.continued for p in prompts], device=self.device)
        bucket = -(-embedded.shape[1] // BUCKET) * BUCKET
        prefill, room, sizes = self._prefill(bucket)
        self._ready()
        room[:, : embedded.shape[1]].copy_(embedded)
        sizes.copy_(lengths)
        self.state.restart(lengths, continued, random.to(self.device, non_blocking=True))
        prefill()

    @torch.inference_mode()
    def advance(self, steps: int) -> None:
        """Draw `steps` further codes a row, on the device, without waiting for them."""
        replay = self._ready()
        for _ in range(steps):
            replay()

    def codes(self, stop: int) -> Tensor:
        """The first `stop` codes of every row, int64 [B, stop] on the CPU: waits for them."""
        return self.state.codes[:, :stop].cpu().long()

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


def _cast(gpt: Gpt, dtype: torch.dtype) -> Gpt:
    return copy.deepcopy(gpt).to(dtype)
