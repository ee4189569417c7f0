"""Speakers drawn from a seed: as many as one likes, in all 16 languages, with known text.

What an experiment asks of a source of speakers is `xtts_lab.types.Speakers`. Here

- `ids(language)` is the same for every language: anybody can speak anything;
- `voice(...)` makes the clips that it returns below `folder`, unless they are there. Their names
  are hashes of what determines them. The first `PROMPTS_FOR_REFERENCES` sentences of
  `prompts(language)` are for references, those after them for enrolment, so that what SECS
  compares with never says what the reference says. Both are in the speaker's own language, as
  recordings of a real speaker would be: `reference_language`, or with "same" that of the text.

Each clip's WAV comment tells which seed speaks, by which the system `espeak` can speak as this very
speaker: the upper bound of cloning.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from xtts_lab.errors import UsageError
from xtts_lab.espeak.engine import Engine, identity
from xtts_lab.espeak.variants import VERSION, Variant, draw
from xtts_lab.notices import say
from xtts_lab.registry import unknown
from xtts_lab.types import LANGUAGES, Reference, SpeakerAudio

PROMPTS_FOR_REFERENCES = 5
PROMPTS_FOR_ENROLMENT = 3
MAX_COUNT = 100_000
SAME = "same"
_TAG = re.compile(r"xtts_lab synthetic speaker version=(\d+) seed=(\d+)")


class SyntheticSpeakers:
    """`count` speakers of a `seed`, each with so many `references` and `enrolment` clips.

    `reference_language`: the language that the speakers were recorded in; "same" as the text, or
    one for all (cross-lingual cloning). A larger `count` adds speakers and keeps the others.
    """

    def __init__(
        self,
        *,
        count: int = 20,
        references: int = 1,
        enrolment: int = 2,
        seed: int = 0,
        reference_language: str = SAME,
    ) -> None:
        _check("count", count, 1, MAX_COUNT)
        _check("references", references, 0, PROMPTS_FOR_REFERENCES)
        _check("enrolment", enrolment, 0, PROMPTS_FOR_ENROLMENT)
        _check("seed", seed, 0, 2**40)
        if reference_language not in (SAME, *LANGUAGES):
            raise UsageError(unknown("reference_language", reference_language, (SAME, *LANGUAGES)))
        self.count = count
        self.references = references
        self.enrolment = enrolment
        self.seed = seed
        self.reference_language = reference_language
        self._engine = Engine()
        self._identity = identity()

    def ids(self, language: str) -> tuple[str, ...]:
        """Return `synthetic-000` and so on, for any of our languages."""
        if language not in LANGUAGES:
            raise UsageError(unknown("language", language, LANGUAGES))
        return tuple(f"synthetic-{index:03d}" for index in range(self.count))

    def speaker_seed(self, speaker: str) -> int:
        """Return the seed from which `variants.draw` makes a speaker's voice."""
        prefix, _, index = speaker.rpartition("-")
        if prefix != "synthetic" or not index.isdecimal() or int(index) >= self.count:
            raise UsageError(
                f"unknown speaker '{speaker}'; synthetic speakers are synthetic-000 to "
                f"synthetic-{self.count - 1:03d}"
            )
        return self.seed * MAX_COUNT + int(index)

    def voice(
        self,
        speaker: str,
        language: str,
        *,
        prompts: Callable[[str], Sequence[str]],
        folder: Path,
        exclude: Path | None = None,  # noqa: ARG002  # these clips are nobody's target
    ) -> SpeakerAudio:
        """Return the speaker's clips for texts of `language`, made where they are missing."""
        own = language if self.reference_language == SAME else self.reference_language
        first_held_out = PROMPTS_FOR_REFERENCES
        texts = prompts(own)
        if len(texts) < first_held_out + self.enrolment:
            raise UsageError(
                f"synthetic speakers need {first_held_out + self.enrolment} sentences in "
                f"'{own}' to speak, and there are {len(texts)}"
            )
        seed = self.speaker_seed(speaker)
        held_out = texts[first_held_out : first_held_out + self.enrolment]
        return SpeakerAudio(
            references=tuple(
                Reference(self._clip(seed, text, own, folder), text, own)
                for text in texts[: self.references]
            ),
            enrolment=tuple(self._clip(seed, text, own, folder) for text in held_out),
            reference_language=own,
        )

    def _clip(self, seed: int, text: str, language: str, folder: Path) -> Path:
        variant = draw(seed)
        content = [self._identity, variant.to_text(), tag(seed), text, language]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        path = folder / f"{language}-{digest[:24]}.wav"
        if not is_whole(path):
            self._make(path, text, language, variant, tag(seed))
        return path

    def _make(self, path: Path, text: str, language: str, variant: Variant, comment: str) -> None:
        import torch

        from xtts_lab.audio import save
        from xtts_lab.types import Audio

        pcm = self._engine.speak(text, language, variant)
        samples = torch.from_numpy(pcm).float() / 32768.0
        rate = self._engine.sample_rate
        try:
            save(path, Audio(samples, rate), comment, seal(path, pcm.tobytes(), rate))
        except OSError as error:
            raise UsageError(
                f"{path.parent}: cannot be written ({error.strerror}), and speakers' audio must be "
                "made there; set XTTS_LAB_CACHE to a folder that can be written"
            ) from error


def is_whole(path: Path) -> bool:
    """Return whether a clip is what was made under its name: a cut one is another speaker.

    `seal` is the title in its metadata.
    """
    import soundfile

    if not os.path.lexists(path):
        return False
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            pcm = file.read(dtype="int16").tobytes()
            if file.title == seal(path, pcm, file.samplerate):
                return True
    except (OSError, RuntimeError):  # no audio
        pass
    say(f"{path}: is damaged in the cache, or of another version; made again")
    return False


def seal(path: Path, pcm: bytes, sample_rate: int) -> str:
    """Return what the title in a clip's metadata says of its name and samples."""
    content = b"".join([path.stem.encode(), str(sample_rate).encode(), pcm])
    return f"sha256={hashlib.sha256(content).hexdigest()[:32]}"


def tag(seed: int) -> str:
    """Return the WAV comment that names the speaker of a seed."""
    return f"xtts_lab synthetic speaker version={VERSION} seed={seed}"


def variant_of(comment: str) -> Variant | None:
    """Return the voice that a clip's comment names, None where it names none.

    Raises `ValueError` for a clip made when seeds meant other voices.
    """
    found = _TAG.search(comment)
    if found is None:
        return None
    if int(found[1]) != VERSION:
        raise ValueError(
            f"a synthetic speaker of version {found[1]}, and this is version {VERSION}: "
            "make the clips again"
        )
    return draw(int(found[2]))


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"speakers.synthetic: {name} must be {low} to {high}, not {value}")
