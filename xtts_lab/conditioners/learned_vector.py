"""One learned vector a speaker: an ECAPA-TDNN trained together with the GPT.

What the field moved to: Qwen3-TTS (arXiv 2601.15621), MiniMax-Speech (2505.07916), FireRedTTS and
IndexTTS-2.5 put one jointly trained vector where XTTS has 32 latents. B batch, T samples, D width.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from xtts_lab.conditioners.base import Conditioner, Intake
from xtts_lab.nn.ecapa import EcapaTdnn
from xtts_lab.nn.mel import ConditioningMel
from xtts_lab.types import ModelSizes


class LearnedVectorConditioner(Conditioner):
    """An ECAPA-TDNN's vector of each clip, averaged over clips, in one slot of the prefix.

    A clip [B, T] at 22 050 Hz -> prefix [B, 1, D]. `channels` a multiple of 8; `vector` is the
    width of the vector before it is projected. Clips are cut at `clip_s`.
    """

    inference_settings: ClassVar[frozenset[str]] = frozenset({"clip_s"})

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        channels: int = 512,
        vector: int = 192,
        blocks: int = 3,
        clip_s: float = 6.0,
    ) -> None:
        super().__init__()
        self._clip_s = clip_s
        self.mel = ConditioningMel()
        self.encoder = EcapaTdnn(self.mel.config.bands, channels, vector, blocks)
        self.projection = nn.Linear(vector, sizes.width)

    @property
    def intake(self) -> Intake:
        return Intake(reads="audio", sample_rate=self.mel.config.sample_rate, chunk_s=self._clip_s)

    def forward(self, samples: Tensor) -> Tensor:
        prefix: Tensor = self.projection(self.encoder(self.mel(samples))).unsqueeze(1)
        return prefix
