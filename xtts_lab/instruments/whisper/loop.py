"""openai-whisper's greedy loop, with a faster last layer, in which rows leave when they are done.

Dimensions: B rows, A positions of a window (1500), D width, L tokens, V vocabulary.

The library goes on with every row until the last has ended, so that one clip in which Whisper
repeats itself (it stops after 224 tokens) costs its whole batch as much. A row sees no other row:
what it says is the same in either loop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from whisper.decoding import DecodingOptions, DecodingTask, PyTorchInference

LEAVE_TOGETHER = 0.25
"""The share of rows that must be done before they leave: to repack the cache takes time too."""


def add_head(network: Any) -> None:
    """Give a network its last layer as a module `head`, which can be packed.

    The library multiplies by the transposed table of embeddings, which takes three times as long
    for a few rows as the packed product does.
    """
    embedding = network.decoder.token_embedding
    network.head = nn.Linear(embedding.embedding_dim, embedding.num_embeddings, bias=False)
    network.head.weight = embedding.weight


class _Inference(PyTorchInference):  # type: ignore[misc]
    """The library's steps of the decoder, with the last layer that `add_head` made."""

    kv_cache: dict[Any, Tensor]
    hooks: list[Any]

    def logits(self, tokens: Tensor, audio_features: Tensor) -> Tensor:
        """Tokens [B, L] and features [B, A, D] -> logits [B, L or 1, V]."""
        if not self.kv_cache:
            self.kv_cache, self.hooks = self.model.install_kv_cache_hooks()
        if tokens.shape[-1] > self.initial_token_length:
            tokens = tokens[:, -1:]
        decoder, cache = self.model.decoder, self.kv_cache
        offset = next(iter(cache.values())).shape[1] if cache else 0
        positions = decoder.positional_embedding[offset : offset + tokens.shape[-1]]
        x = (decoder.token_embedding(tokens) + positions).to(audio_features.dtype)
        for block in decoder.blocks:
            x = block(x, audio_features, mask=decoder.mask, kv_cache=cache)
        logits: Tensor = self.model.head(decoder.ln(x)).float()
        return logits


class GreedyTask(DecodingTask):  # type: ignore[misc]  # the library is untyped
    """`whisper.DecodingTask` for one hypothesis a clip, of one language (openai-whisper 20250625).

    The network has had `add_head`.
    """

    def __init__(self, network: Any, options: DecodingOptions) -> None:
        super().__init__(network, options)
        self.inference = _Inference(network, len(self.initial_tokens))

    def _main_loop(
        self, audio_features: Tensor, tokens: Tensor
    ) -> tuple[Tensor, Tensor, list[float]]:
        """Features [B, A, D] and first tokens [B, L] -> tokens, summed log-probabilities [B]."""
        rows = torch.arange(tokens.shape[0])
        sums = torch.zeros(tokens.shape[0], device=audio_features.device)
        ended: dict[int, Tensor] = {}
        totals = torch.zeros_like(sums)
        no_speech: list[float] = []
        try:
            for _ in range(self.sample_len):
                logits = self.inference.logits(tokens, audio_features)
                no_speech = no_speech or self._no_speech(logits)
                last = logits[:, -1]
                for logit_filter in self.logit_filters:
                    logit_filter.apply(last, tokens)
                tokens, all_done = self.decoder.update(tokens, last, sums)
                if all_done or tokens.shape[-1] > self.n_ctx:
                    break
                done = tokens[:, -1] == self.tokenizer.eot
                if done.float().mean() < LEAVE_TOGETHER:
                    continue
                ended |= dict(zip(rows[done.cpu()].tolist(), tokens[done], strict=True))
                totals[rows[done.cpu()]] = sums[done]
                rows, tokens, sums = rows[~done.cpu()], tokens[~done], sums[~done]
                audio_features = audio_features[~done]
                self._keep(~done)
        finally:
            self.inference.cleanup_caching()
        ended |= dict(zip(rows.tolist(), tokens, strict=True))
        totals[rows] = sums
        return self._joined(ended), totals, no_speech

    def _no_speech(self, logits: Tensor) -> list[float]:
        probabilities = logits[:, self.sot_index].float().softmax(dim=-1)
        found: list[float] = probabilities[:, self.tokenizer.no_speech].tolist()
        return found

    def _keep(self, rows: Tensor) -> None:
        """Drop the other rows' keys and values, of the text and of the audio."""
        cache = self.inference.kv_cache
        for module, values in cache.items():
            cache[module] = values[rows]

    def _joined(self, ended: dict[int, Tensor]) -> Tensor:
        """Return tokens [B, L] in the order of the rows, filled up with ends of text."""
        ordered = [ended[row] for row in range(len(ended))]
        joined: Tensor = torch.nn.utils.rnn.pad_sequence(
            ordered, batch_first=True, padding_value=self.tokenizer.eot
        )
        return joined
