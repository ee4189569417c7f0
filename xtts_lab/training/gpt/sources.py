"""What a GPT is trained on: corpora, their codes and vocabulary, and the codec behind the codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xtts_lab.checkpoint import codec
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.gpt import GptConfig
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.gpt.codes import VOCABULARY, Codes
from xtts_lab.training.gpt.data import Utterances
from xtts_lab.training.gpt.vocabulary import BpeSpelling, Spelling
from xtts_lab.training.stage import Context, Split


@dataclass(frozen=True, eq=False)
class Tokenised:
    """Corpora in codes, whatever codec made them; `folder` is that of the codes."""

    folder: Path
    corpora: tuple[Corpus, ...]
    codes: Codes
    spelling: Spelling | BpeSpelling

    @property
    def code_count(self) -> int:
        """How many codes there are, of the first level."""
        raise NotImplementedError

    @property
    def sample_rate(self) -> int:
        return self.corpora[0].sample_rate

    def gpt(self, layers: int, width: int, heads: int, max_text: int, max_audio: int) -> GptConfig:
        """The sizes of a GPT over these tokens and codes."""
        codes = self.code_count
        return GptConfig(
            layers=layers,
            width=width,
            heads=heads,
            text_tokens=self.spelling.size,
            start_text=self.spelling.start,
            stop_text=self.spelling.stop,
            audio_tokens=codes + 2,
            start_audio=codes,
            stop_audio=codes + 1,
            max_text=max_text,
            max_audio=max_audio,
        )

    def utterances(self, split: Split, max_tokens: int, max_codes: int) -> Utterances:
        """One split's utterances that are no longer than that."""
        return Utterances(self.corpora, self.codes, self.spelling, split, max_tokens, max_codes)


@dataclass(frozen=True, eq=False)
class Sources(Tokenised):
    """Everything opened that a GPT over a DVAE's codes needs."""

    dvae: Dvae

    @classmethod
    def open(
        cls, context: Context, corpora: Sequence[str], codes: str, bpe: bool = False
    ) -> Sources:
        """Open the corpora and codes that settings name; `bpe`: their vocabulary is of text."""
        folder = context.path(codes, "codes")
        return cls(
            folder,
            opened(context, corpora),
            Codes.read(folder),
            BpeSpelling(folder / VOCABULARY) if bpe else Spelling.read(folder / VOCABULARY),
            codec.load_dvae(folder / codec.DVAE),
        )

    @property
    def code_count(self) -> int:
        return self.dvae.config.codes


def opened(context: Context, corpora: Sequence[str]) -> tuple[Corpus, ...]:
    """The corpora that settings name."""
    return tuple(Corpus.open(context.path(name, "corpora")) for name in corpora)
