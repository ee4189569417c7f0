"""What the codes know of the words: a head that must read phonemes off the quantised vectors.

CTC on the codes is MiniMax-Speech's way (2505.07916) of keeping pronunciation in few bits. B batch,
D code width, N codes, V symbols.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class PhonemeHead(nn.Module):
    """Quantised vectors [B, D, N], languages [B] -> log-probabilities [B, N, V + 1], blank first.

    Three convolutions over a quarter of a second: enough to see a phoneme, too little to guess one.
    It serves training alone.
    """

    def __init__(self, inputs: int, width: int, symbols: int, languages: int) -> None:
        super().__init__()
        self.input = nn.Conv1d(inputs, width, 5, padding=2)
        self.language = nn.Embedding(languages, width)
        self.inner = nn.Conv1d(width, width, 5, padding=2)
        self.output = nn.Conv1d(width, symbols + 1, 3, padding=1)

    def forward(self, vectors: Tensor, languages: Tensor) -> Tensor:
        x = functional.gelu(self.input(vectors) + self.language(languages).unsqueeze(-1))
        x = x + functional.gelu(self.inner(x))
        return functional.log_softmax(self.output(x).float(), 1).transpose(1, 2)
