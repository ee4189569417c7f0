"""The utterances of a split: tokens, codes, samples and speakers, ready for batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xtts_lab.errors import UsageError
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.gpt.codes import Codes
from xtts_lab.training.gpt.vocabulary import Spelling
from xtts_lab.training.stage import Split


@dataclass(frozen=True)
class Utterance:
    """Where an utterance is: item `number` of a corpus; its tokens and codes."""

    corpus: Corpus
    number: int
    samples: int
    speaker: int
    tokens: NDArray[np.int64]
    codes: NDArray[np.int64]

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
        spelling: Spelling,
        split: Split,
        max_tokens: int,
        max_codes: int,
    ) -> None:
        found = _utterances(corpora, codes, spelling, split)
        kept = [u for u in found if len(u.tokens) <= max_tokens and len(u.codes) <= max_codes]
        if not kept:
            raise UsageError(f"corpora: no utterance of the split '{split}' is tokenised and fits")
        self.left_out = len(found) - len(kept)
        self.all = kept
        self.lengths = np.array([utterance.length for utterance in kept])
        self.order = np.argsort(self.lengths, kind="stable")
        speakers: dict[int, list[int]] = {}
        for place, utterance in enumerate(kept):
            speakers.setdefault(utterance.speaker, []).append(place)
        self.of_speaker = {name: np.array(places) for name, places in speakers.items()}
        self.speakers = len(speakers)

    def others(self, place: int, random: np.random.Generator) -> NDArray[np.int64]:
        """The speaker's other utterances in a drawn order; the same one where it is the only."""
        mine = self.of_speaker[self.all[place].speaker]
        drawn = random.permutation(mine)
        rest = drawn[drawn != place]
        return rest if len(rest) else drawn


def _utterances(
    corpora: Sequence[Corpus], codes: Codes, spelling: Spelling, split: Split
) -> list[Utterance]:
    speakers: dict[tuple[int, str], int] = {}
    made: list[Utterance] = []
    for place, corpus in enumerate(corpora):
        table = codes.items[codes.items["corpus"] == place].set_index("id")
        coded = table[["start", "count"]].add_prefix("code_")
        told = corpus.split(split).join(coded, on="id", how="inner")
        columns = ("phonemes", "language", "speaker", "samples", "code_start", "code_count")
        rows = zip(told.index, *(told[name].tolist() for name in columns), strict=True)
        for number, ipa, language, speaker, samples, start, count in rows:
            made.append(
                Utterance(
                    corpus,
                    int(number),
                    samples,
                    speakers.setdefault((place, speaker), len(speakers)),
                    np.array(spelling.encode(ipa, language)),
                    codes.of(start, count).astype(np.int64),
                )
            )
    return made
