"""Speakers drawn from a seed: stable, content-addressed, and known to the system `espeak`."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from xtts_lab.audio import comment_of
from xtts_lab.errors import UsageError
from xtts_lab.espeak.speakers import SyntheticSpeakers, tag, variant_of
from xtts_lab.espeak.variants import VERSION, draw
from xtts_lab.registry import lookup
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.types import LANGUAGES, Request, Synthesis

SENTENCES = {
    "en": "One day. Two days. Three days. Four days. Five days. Six days. Seven days. Eight days.",
    "de": "Ein Tag. Zwei Tage. Drei Uhr. Vier Uhr. Fünf Uhr. Sechs Uhr. Sieben Uhr. Acht Uhr.",
}


def prompts(language: str) -> list[str]:
    return [sentence.strip() + "." for sentence in SENTENCES[language].split(".") if sentence]


def test_the_registry_knows_them():
    # A subclass: espeak/ may not import the base of data/, so the registry mixes it in.
    assert issubclass(lookup("speakers", "synthetic"), SyntheticSpeakers)


def test_ids_are_stable_and_the_same_in_every_language():
    ids = SyntheticSpeakers(count=3).ids("en")
    assert ids == ("synthetic-000", "synthetic-001", "synthetic-002")
    assert all(SyntheticSpeakers(count=3).ids(language) == ids for language in LANGUAGES)
    assert SyntheticSpeakers(count=1200).ids("ko")[:3] == ids


def test_seeds_and_speakers_never_share_a_voice():
    voices = {
        draw(speakers.speaker_seed(speaker))
        for speakers in (SyntheticSpeakers(seed=seed, count=50) for seed in range(4))
        for speaker in speakers.ids("en")
    }
    assert len(voices) == 200


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("count", 0),
        ("count", 100_001),
        ("references", -1),
        ("references", 6),
        ("enrolment", 4),
        ("seed", -1),
        ("reference_language", "english"),
    ],
)
def test_what_cannot_be_is_refused_by_name(key, value):
    with pytest.raises(UsageError, match=key):
        SyntheticSpeakers(**{key: value})


def test_unknown_speakers_languages_and_too_few_prompts(tmp_path):
    speakers = SyntheticSpeakers(count=2)
    with pytest.raises(UsageError, match="synthetic-002"):
        speakers.voice("synthetic-002", "en", prompts=prompts, folder=tmp_path)
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        speakers.ids("xx")
    with pytest.raises(UsageError, match="need 7 sentences in 'en'"):
        speakers.voice("synthetic-000", "en", prompts=lambda _: ["One."] * 6, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_references_and_enrolment_are_disjoint_and_in_the_text_s_language(tmp_path):
    speakers = SyntheticSpeakers(references=2, enrolment=3, seed=4)
    audio = speakers.voice("synthetic-001", "de", prompts=prompts, folder=tmp_path)
    assert [reference.text for reference in audio.references] == ["Ein Tag.", "Zwei Tage."]
    assert {reference.language for reference in audio.references} == {"de"}
    assert audio.reference_language == "de"
    paths = [reference.audio for reference in audio.references] + list(audio.enrolment)
    assert len(set(paths)) == 5 == len(list(tmp_path.iterdir()))
    for path in paths:
        assert comment_of(path) == tag(400_001)
        assert soundfile.info(path).subtype == "PCM_16"


def test_cross_lingual_speakers_were_recorded_in_their_own_language(tmp_path):
    speakers = SyntheticSpeakers(reference_language="en")
    in_german = speakers.voice("synthetic-000", "de", prompts=prompts, folder=tmp_path)
    in_english = speakers.voice("synthetic-000", "en", prompts=prompts, folder=tmp_path)
    assert in_german == in_english
    assert in_german.reference_language == "en"


def test_clips_are_made_once_and_named_by_content(tmp_path):
    def make(folder, **options):
        speakers = SyntheticSpeakers(**options)
        return speakers.voice("synthetic-000", "en", prompts=prompts, folder=folder)

    first = make(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert make(tmp_path, count=7) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times
    elsewhere = make(tmp_path / "other")
    assert [path.name for path in elsewhere.enrolment] == [path.name for path in first.enrolment]
    for here, there in zip(first.enrolment, elsewhere.enrolment, strict=True):
        assert here.read_bytes() == there.read_bytes()
    assert not set(make(tmp_path, seed=1).enrolment) & set(first.enrolment)


def test_the_system_espeak_speaks_as_the_very_speaker(tmp_path):
    """The oracle: given the reference, saying the enrolment text makes the enrolment clip."""
    speakers = SyntheticSpeakers(enrolment=1)
    audio = speakers.voice("synthetic-003", "en", prompts=prompts, folder=tmp_path)
    system = EspeakSystem()
    (spoken,) = system.synthesise([Request("Six days.", "en", audio.references, seed=0)])
    assert isinstance(spoken, Synthesis)
    (enrolment,) = audio.enrolment
    expected, _ = soundfile.read(enrolment, dtype="float32")
    assert np.abs(spoken.audio.samples.numpy() - expected).max() <= 1.5 / 32768
    plain = EspeakSystem(speaker="default")
    (other,) = plain.synthesise([Request("Six days.", "en", audio.references, seed=0)])
    assert other.audio.samples.shape != spoken.audio.samples.shape


def test_a_clip_names_its_speaker():
    assert variant_of(tag(12)) == draw(12)
    assert variant_of("recorded in a studio") is None
    assert variant_of("") is None
    with pytest.raises(ValueError, match="version 9"):
        variant_of(tag(12).replace(f"version={VERSION}", "version=9"))
