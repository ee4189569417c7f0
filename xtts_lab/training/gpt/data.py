"""The utterances of a split: tokens, codes, samples and speakers, ready for batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xtts_lab.errors import UsageError
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.gpt.codes import Codes
from xtts_lab.training.gpt.vocabulary import BpeSpelling, Spelling
from xtts_lab.training.stage import Split


@dataclass(frozen=True)
class Utterance:
    """Where an utterance is: item `number` of a corpus; its tokens and codes [n].

    Of a residual codec also the codes of all `levels` [n, L]. `number` is None where the corpus has
    no audio of it (here): it can be said, and not be heard.
    """

    corpus: Corpus
    number: int | None
    samples: int
    speaker: int
    tokens: NDArray[np.int64]
    codes: NDArray[np.int64]
    levels: NDArray[np.int64] | None = None

    @property
    def length(self) -> int:
        """Positions of the GPT that it takes, about."""
        return len(self.tokens) + len(self.codes)


class Utterances:
    """One split of tokenised corpora. `lengths` [U]; `order` by length; `others` by speaker."""

    def __init__(
        self,
        corpora: Sequence[Corpus],
        codes: Codes,
        spelling: Spelling | BpeSpelling,
        split: Split,
        max_tokens: int,
        max_codes: int,
    ) -> None:
        found = _utterances(corpora, codes, spelling, split)
        fits = [u for u in found if len(u.tokens) <= max_tokens and len(u.codes) <= max_codes]
        heard = {u.speaker for u in fits if u.number is not None}
        kept = [u for u in fits if u.speaker in heard]
        if not kept:
            raise UsageError(f"corpora: no utterance of the split '{split}' is tokenised and fits")
        self.left_out = len(found) - len(kept)
        self.all = kept
        self.lengths = np.array([utterance.length for utterance in kept])
        self.order = np.argsort(self.lengths, kind="stable")
        speakers: dict[int, list[int]] = {}
        for place, utterance in enumerate(kept):
            if utterance.number is not None:
                speakers.setdefault(utterance.speaker, []).append(place)
        self.of_speaker = {name: np.array(places) for name, places in speakers.items()}
        self.speakers = len(speakers)

    def others(self, place: int, random: np.random.Generator) -> NDArray[np.int64]:
        """The speaker's other utterances that can be heard, in a drawn order; the same one where
        it is the only."""
        mine = self.of_speaker[self.all[place].speaker]
        drawn = random.permutation(mine)
        rest = drawn[drawn != place]
        return rest if len(rest) else drawn


def _utterances(
    corpora: Sequence[Corpus], codes: Codes, spelling: Spelling | BpeSpelling, split: Split
) -> list[Utterance]:
    speakers: dict[tuple[int, str], int] = {}
    made: list[Utterance] = []
    for place, corpus in enumerate(corpora):
        table = codes.items[codes.items["corpus"] == place]
        table = table[(table["split"] == split) & (table["role"] == "utterance")]
        # Recordings need not be transcribed, nor be in a language of the vocabulary.
        table = table[(table["text"].str.strip() != "") & table["language"].map(spelling.knows)]
        numbers = {str(name): number for number, name in enumerate(corpus.items["id"])}
        columns = ("id", "text", "phonemes", "language", "speaker", "samples", "start", "count")
        rows = zip(*(table[name].tolist() for name in columns), strict=True)
        for name, text, ipa, language, speaker, samples, start, count in rows:
            own = codes.of(start, count).astype(np.int64)
            made.append(
                Utterance(
                    corpus,
                    numbers.get(name),
                    samples,
                    speakers.setdefault((place, speaker), len(speakers)),
                    np.array(spelling.spell(text, ipa, language)),
                    own if own.ndim == 1 else own[:, 0],
                    None if own.ndim == 1 else own,
                )
            )
    return made
