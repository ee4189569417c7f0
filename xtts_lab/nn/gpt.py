"""The GPT-2 stack of XTTS: conditioning prefix, then text, then audio codes.

B batch, N prefix, S text positions, M audio positions, D width, P prompt = N + S + 1.

Positions are learned, apart for text and for audio; the prefix has none. A second norm follows
GPT-2's own last norm, and both heads and the vocoder read what comes out of it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.attention import CausalSelfAttention, KVCache, LayerCache


@dataclass(frozen=True)
class GptConfig:
    """Sizes of the stack; the defaults are XTTS-v2's."""

    layers: int = 30
    width: int = 1024
    heads: int = 16
    text_tokens: int = 6681
    start_text: int = 261
    stop_text: int = 0
    audio_tokens: int = 1026
    start_audio: int = 1024
    stop_audio: int = 1025
    max_text: int = 402
    max_audio: int = 605

    @property
    def text_positions(self) -> int:
        return self.max_text + 2  # start and stop

    @property
    def audio_positions(self) -> int:
        return self.max_audio + 3  # start, stop, and one conditioning slot that nothing uses

    @property
    def max_codes(self) -> int:
        """How many tokens may be generated: the reference keeps three positions in reserve."""
        return self.max_audio - 3


class Logits(NamedTuple):
    """`text` [B, S, text tokens], `audio` [B, M, audio tokens]."""

    text: Tensor
    audio: Tensor


class Mlp(nn.Module):
    """GPT-2's feed-forward part: four times the width, GELU in its tanh form."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        down: Tensor = self.down(functional.gelu(self.up(x), approximate="tanh"))
        return down


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), mask)
        return self._feed(x)

    def prefill(self, x: Tensor, cache: LayerCache) -> Tensor:
        x = x + self.attention.prefill(self.attention_norm(x), cache)
        return self._feed(x)

    def decode(
        self, x: Tensor, cache: LayerCache, positions: Tensor, mask: Tensor | None
    ) -> Tensor:
        x = x + self.attention.decode(self.attention_norm(x), cache, positions, mask)
        return self._feed(x)

    def extend(self, x: Tensor, cache: LayerCache, positions: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention.extend(self.attention_norm(x), cache, positions, mask)
        return self._feed(x)

    def _feed(self, x: Tensor) -> Tensor:
        fed: Tensor = x + self.mlp(self.mlp_norm(x))
        return fed


class Gpt(nn.Module):
    """The autoregressive model: `forward` for training, `prefill` and `decode` for inference."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.text_embedding = _table(config.text_tokens, width)
        self.audio_embedding = _table(config.audio_tokens, width)
        self.text_position = _table(config.text_positions, width)
        self.audio_position = _table(config.audio_positions, width)
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.layers))
        self.stack_norm = nn.LayerNorm(width)
        self.final_norm = nn.LayerNorm(width)
        self.text_head = nn.Linear(width, config.text_tokens)
        self.audio_head = nn.Linear(width, config.audio_tokens)
        if not self.text_embedding.weight.is_meta:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """GPT-2's initialisation, for training from scratch (Radford et al. 2019, section 2.3)."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        for name, weight in self.named_parameters():
            if name.endswith(("attention.out.weight", "mlp.down.weight")):
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * self.config.layers))

    def embed_text(self, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
        """Text tokens [B, S], start and stop included, at `positions` [S] -> [B, S, D]."""
        if positions is None:
            positions = torch.arange(tokens.shape[1], device=tokens.device)
        embedded: Tensor = self.text_embedding(tokens) + self.text_position(positions)
        return embedded

    def embed_audio(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Audio tokens [B, M] at `positions` [B, M] or [M] (start token: 0) -> [B, M, D]."""
        embedded: Tensor = self.audio_embedding(tokens) + self.audio_position(positions)
        return embedded

    def forward(
        self, prefix: Tensor, text: Tensor, audio: Tensor, key_mask: Tensor | None = None
    ) -> Logits:
        """Teacher forcing: what follows each position.

        `prefix` [B, N, D]; `text` [B, S] from start to stop; `audio` [B, M] from start on;
        `key_mask` [B, N + S + M] bool is False at padding, which nothing may attend to.
        """
        hidden = self.hidden(prefix, text, audio, key_mask)
        start, stop = prefix.shape[1], prefix.shape[1] + text.shape[1]
        return Logits(self.text_head(hidden[:, start:stop]), self.audio_head(hidden[:, stop:]))

    def hidden(
        self, prefix: Tensor, text: Tensor, audio: Tensor, key_mask: Tensor | None = None
    ) -> Tensor:
        """The states that `forward`'s heads read, [B, N + S + M, D]."""
        positions = torch.arange(audio.shape[1], device=audio.device)
        x = torch.cat([prefix, self.embed_text(text), self.embed_audio(audio, positions)], dim=1)
        return self.states(x, None if key_mask is None else causal_mask(key_mask))

    def states(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embeddings [B, L, D] -> states [B, L, D], causal; `mask` [B, 1, L, L] replaces that."""
        for block in self.blocks:
            x = block(x, mask)
        return self.normalise(x)

    def empty_cache(self, batch: int, capacity: int) -> KVCache:
        weight = self.audio_embedding.weight
        config = self.config
        return KVCache.empty(
            config.layers,
            batch,
            config.heads,
            capacity,
            config.width // config.heads,
            weight.device,
            weight.dtype,
        )

    def prefill(self, prompt: Tensor, lengths: Tensor, cache: KVCache) -> Tensor:
        """Read prompts [B, P, D], padded on the right to one length, into `cache`.

        `lengths` [B] are the true ones. Returns the state of each row's last position, [B, D].
        Padding comes after everything that counts, so the causal mask alone hides it, and decoding
        overwrites its slots.
        """
        x = self._read(prompt, lambda block, x, index: block.prefill(x, cache.layer(index)))
        last = x[torch.arange(x.shape[0], device=x.device), lengths - 1]
        return self.normalise(last)

    def extend(self, x: Tensor, before: Tensor, cache: KVCache) -> Tensor:
        """Read embeddings [B, S, D] after the first `before` [B] slots of each row -> states.

        [B, S, D]. What stands in `cache` behind a row's last position is not looked at.
        """
        places = torch.arange(x.shape[1], device=x.device) + before[:, None]
        slots = torch.arange(cache.capacity, device=x.device)
        seen = (slots <= places[..., None]).unsqueeze(1)
        # As numbers, once: of a mask of bools every layer would make them again.
        dtype = torch.float32 if _widens(x) else x.dtype
        mask = torch.zeros_like(seen, dtype=dtype).masked_fill(~seen, -math.inf)
        x = self._read(x, lambda block, x, index: block.extend(x, cache.layer(index), places, mask))
        return self.normalise(x)

    def _read(self, x: Tensor, through: Callable[[Any, Tensor, int], Tensor]) -> Tensor:
        """Through all blocks; in float32 where a CPU's products of float16 matrices are slow."""
        if not _widens(x):
            for index, block in enumerate(self.blocks):
                x = through(block, x, index)
            return x
        wide, given = copy.deepcopy(self.blocks[0]).float(), x.dtype
        x = x.float()
        for index, block in enumerate(self.blocks):
            for own, stored in zip(wide.parameters(), block.parameters(), strict=True):
                own.data.copy_(stored)
            x = through(wide, x, index)
        return x.to(given)

    def decode(self, x: Tensor, positions: Tensor, cache: KVCache, masked: bool = True) -> Tensor:
        """One more position a row: embeddings `x` [B, D] at slots `positions` [B] -> states [B, D].

        `masked=False` is for callers that know that every slot of `cache` is in use.
        """
        slots = torch.arange(cache.capacity, device=x.device)
        mask = (slots <= positions[:, None])[:, None, None, :] if masked else None
        x = x.unsqueeze(1)
        for index, block in enumerate(self.blocks):
            x = block.decode(x, cache.layer(index), positions, mask)  # type: ignore[operator]
        return self.normalise(x.squeeze(1))

    def normalise(self, x: Tensor) -> Tensor:
        """The last norms: what the layers leave -> states, of any shape [..., D]."""
        states: Tensor = self.final_norm(self.stack_norm(x))
        return states


def _widens(x: Tensor) -> bool:
    return x.dtype == torch.float16 and x.device.type == "cpu"


def _table(count: int, width: int) -> nn.Embedding:
    # Left empty for `reset_parameters`: drawing normal numbers on `meta` imports torch's compiler.
    return nn.Embedding(count, width, _weight=torch.empty(count, width))


def places(count: int, prompt: int, table: int) -> list[int]:
    """Positions [`count`] of a start token, `prompt` tokens of a prompt, and what is asked for.

    The prompt has the last ones of a table of `table`, and what follows it begins anew at 1, as if
    there were none. No prompt: 0, 1, 2, ...
    """
    return [0, *range(table - prompt, table), *range(1, count - prompt)]


def causal_mask(key_mask: Tensor) -> Tensor:
    """Key padding [B, S] bool -> attention mask [B, 1, S, S]; a padded query still sees itself."""
    length = key_mask.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=key_mask.device).tril()
    own = torch.eye(length, dtype=torch.bool, device=key_mask.device)
    return ((causal & key_mask[:, None, :]) | own)[:, None]
