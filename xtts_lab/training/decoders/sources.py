"""What a decoder is trained on: corpora in the codes of all levels, and the codec behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from xtts_lab.checkpoint.rvq import RVQ, load_rvq
from xtts_lab.errors import UsageError
from xtts_lab.nn.rvq import RvqCodec
from xtts_lab.training.gpt.codes import VOCABULARY, Codes
from xtts_lab.training.gpt.sources import Tokenised, opened
from xtts_lab.training.gpt.vocabulary import Spelling
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import Bank
from xtts_lab.training.speech.ears import Ears, MelStats
from xtts_lab.training.stage import Context


@dataclass(frozen=True, eq=False)
class LevelSources(Tokenised):
    """Everything opened that a decoder over a residual codec needs."""

    codec: RvqCodec

    @classmethod
    def open(cls, context: Context, corpora: Sequence[str], codes: str) -> LevelSources:
        """Open the corpora and codes that settings name; `UsageError` for codes of one level."""
        folder = context.path(codes, "codes")
        if not (folder / RVQ).is_file():
            raise UsageError(
                f"codes: {folder.name} holds no {RVQ}; tokenise with rvq: a residual codec's run"
            )
        spelling = Spelling.read(folder / VOCABULARY)
        read = Codes.read(folder)
        return cls(folder, opened(context, corpora), read, spelling, load_rvq(folder / RVQ))

    @property
    def code_count(self) -> int:
        return self.codec.config.codes

    def mel_scale(self) -> torch.Tensor:
        """What a conditioner's mel is divided by: each band's root mean square [M]."""
        languages = tuple(sorted({str(x) for one in self.corpora for x in one.items["language"]}))
        bank = Bank(self.corpora, "train", Alphabet("", languages))
        return MelStats.of(bank, Ears(bank.sample_rate)).scale
