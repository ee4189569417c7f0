"""Corpora: planned from a seed, rendered in shards by any number of processes, read by memmap."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tests.text_support import ANY
from xtts_lab.cli import run_app
from xtts_lab.data.sentences import builtin
from xtts_lab.training.corpora import colour, nuisance, planning, rendering, texts
from xtts_lab.training.corpora import folder as layout
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.corpora.worlds import world
from xtts_lab.types import LANGUAGES

HOURS = "0.03"


def _make(folder: Path, *flags: str) -> int:
    small = ["--utterances", "5", "--languages", "en,es,ar,ja"]
    return run_app(["corpus", "formant16", "--out", str(folder), *small, *flags])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora") / "whole"
    assert _make(folder, "--hours", HOURS) == 0
    return folder


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "audio").glob("*.pcm")))


def test_the_folder_is_what_the_contract_says(whole: Path) -> None:
    corpus = Corpus.open(whole)
    assert tuple(corpus.items.columns) == layout.COLUMNS
    assert corpus.sample_rate == 24000
    total = sum(len(corpus.samples(index)) for index in range(len(corpus.items)))
    assert total == len(_bytes(whole)) // 2 == corpus.items["samples"].sum()
    clip = corpus.samples(3)
    assert clip.dtype == np.int16
    assert 1000 < np.abs(clip.astype(int)).max() < 32768
    hours = corpus.card["hours"]
    assert sum(hours.values()) == pytest.approx(total / 24000 / 3600, abs=1e-3)
    assert sum(hours.values()) == pytest.approx(42 * world("formant16").seconds / 3600, rel=0.2)


def test_speakers_and_texts_of_the_splits_are_disjoint(whole: Path) -> None:
    items = Corpus.open(whole).items
    for column in ("speaker", "text"):
        sets = [set(part[column]) for _, part in items.groupby("split")]
        assert len(sets) == 3
        assert sum(map(len, sets)) == len(set.union(*sets))


def test_held_out_speakers_have_enrolment_and_several_languages(whole: Path) -> None:
    items = Corpus.open(whole).items
    for _, part in items.groupby("speaker"):
        roles = part["role"].value_counts().to_dict()
        apart = 0 if part["split"].iloc[0] == "train" else planning.ENROLMENT
        assert roles.get("enrolment", 0) == apart
        assert roles["utterance"] == 5
        assert part["language"].nunique() == planning.LANGUAGES_A_SPEAKER


def test_test_speakers_read_built_in_sentences_and_nobody_else_does(whole: Path) -> None:
    items = Corpus.open(whole).items
    known = {(x, s.text) for x in LANGUAGES for s in builtin(x)}
    built_in = [pair in known for pair in zip(items["language"], items["text"], strict=True)]
    reads = items[built_in]
    assert set(reads["split"]) == {"test"}
    assert set(reads["role"]) == {"utterance"}
    assert (reads.groupby("speaker").size() == 5).all()  # all utterances: fewer than READINGS
    assert not reads.duplicated(["speaker", "text"]).any()


def test_several_processes_make_the_same_samples(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parallel"
    assert _make(folder, "--hours", HOURS, "--workers", "2") == 0
    assert _bytes(folder) == _bytes(whole)
    assert (folder / "items.parquet").read_bytes() == (whole / "items.parquet").read_bytes()
    assert layout.read_card(folder) == layout.read_card(whole)


def test_a_lost_shard_is_made_again_the_same(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "resumed"
    assert _make(folder, "--hours", HOURS, "--plan-only") == 0
    with pytest.raises(Exception, match="not rendered"):
        Corpus.open(folder)
    plan = pd.read_parquet(layout.plan_path(folder))
    audio = layout.shard_path(whole, 0).read_bytes()
    path = layout.shard_path(folder, 0)
    path.parent.mkdir()
    path.write_bytes(audio[:1000])  # killed while it wrote: its lengths are not there
    rendering.index(folder, plan)
    assert not layout.items_path(folder).exists()
    assert _make(folder) == 0  # no --hours: goes on with the plan
    assert _bytes(folder) == _bytes(whole)


def test_a_corpus_half_rendered_can_be_read(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    assert _make(folder, "--hours", HOURS, "--plan-only") == 0
    plan = pd.read_parquet(layout.plan_path(folder))
    whole_corpus = Corpus.open(whole)
    first = whole_corpus.items[whole_corpus.items["shard"] == 0]
    clips = [whole_corpus.samples(index) for index in first.index]
    layout.write_shard(folder, 0, clips)
    rendering.index(folder, plan)
    half = Corpus.open(folder)
    assert list(half.items["id"]) == list(first["id"])
    assert np.array_equal(half.samples(1), whole_corpus.samples(1))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["corpus", "formant17", "--hours", "1"], "did you mean 'formant16'?"),
        (["corpus", "formant16"], "--hours"),
        (["corpus", "formant16", "--hours", "-1"], "--hours"),
        (["corpus", "formant16", "--hours", "nan"], "--hours"),
        (["corpus", "formant16", "--hours", "1", "--languages", "en,xx"], "language"),
        (["corpus", "formant16", "--hours", "1", "--utterances", "0"], "--utterances"),
        (["corpus", "formant16", "--hours", "1", "--held-out", "0"], "--held-out"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    flags: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app([*flags, "--out", str(tmp_path / "corpus")]) == 2
    message = capsys.readouterr().err.strip()
    assert told in message
    assert "\n" not in message
    assert not (tmp_path / "corpus").exists()


def test_another_corpus_in_the_folder_is_refused(whole: Path) -> None:
    before = layout.read_card(whole)
    assert _make(whole, "--hours", "2") == 2
    assert _make(whole, "--hours", HOURS, "--seed", "1") == 2
    assert run_app(["corpus", "neural16", "--out", str(whole)]) == 2
    assert layout.read_card(whole) == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_keep_to_their_split_and_avoid_test_sentences(language: str) -> None:
    source = random.Random(f"test {language}")
    first = texts.draw_text(source, language, "test", avoid=frozenset())
    again = random.Random(f"test {language}")
    other = texts.draw_text(again, language, "test", avoid=frozenset({texts.folded(first)}))
    assert texts.split_of(first) == "test"
    assert texts.folded(other) != texts.folded(first)
    assert {texts.folded(s.text) for s in builtin(language)}.isdisjoint({texts.folded(first)})
    assert "{" not in first


def test_texts_of_all_splits_are_about_as_many_as_said() -> None:
    counted = [texts.split_of(f"sentence {number}") for number in range(4000)]
    assert 0.035 < counted.count("test") / 4000 < 0.067
    assert 0.035 < counted.count("validation") / 4000 < 0.067


@given(st.text(ANY))
def test_folding_ignores_case_marks_and_width(text: str) -> None:
    assert texts.folded(f" {text}! ") == texts.folded(text)
    assert texts.folded("ＡＢ" + text) == texts.folded("ab" + text)


@pytest.mark.parametrize("factor", [0.8, 0.97, 1.0, 1.03, 1.25])
def test_resampling_moves_a_tone_by_its_factor(factor: float) -> None:
    rate, hertz, count = 24000, 1000.0, 12000
    tone = np.sin(2 * np.pi * hertz * np.arange(count) / rate).astype(np.float32)
    played = nuisance.resampled(tone, factor)
    assert len(played) == round(count / factor)
    expected = np.sin(2 * np.pi * hertz * factor * np.arange(len(played)) / rate)
    middle = slice(1000, len(played) - 1000)
    # A tone that is cut off rings at its ends; in the middle it is the faster one.
    assert np.abs(played - expected)[middle].max() < 0.15


def test_nuisance_has_the_level_noise_and_band_that_it_says() -> None:
    source = np.random.default_rng(0)
    speech = (0.1 * source.standard_normal(48000)).astype(np.float32)
    plain = nuisance.Nuisance(1.0, 1.0, -26.0, 0.0, 0.0, 0.0)
    pcm = nuisance.apply(speech, plain, "x").astype(float) / 32767
    assert 20 * np.log10(np.sqrt(np.mean(pcm**2))) == pytest.approx(-26.0, abs=0.05)
    noisy = nuisance.Nuisance(1.0, 1.0, -26.0, 20.0, 0.0, 0.0)
    noise = nuisance.apply(speech, noisy, "x").astype(float) / 32767 - pcm
    assert np.std(noise) / np.std(pcm) == pytest.approx(0.1, rel=0.15)
    narrow = nuisance.Nuisance(1.0, 1.0, -26.0, 0.0, 0.0, 5000.0)
    spectrum = np.abs(np.fft.rfft(nuisance.apply(speech, narrow, "x").astype(float)))
    above = int(7000 / 24000 * 48000)
    assert spectrum[above:].mean() < 0.05 * spectrum[: above // 2].mean()


def test_half_of_the_seed_decides_nothing_alone() -> None:
    """Another seed is another corpus; the same seed the same plan."""
    made_of = world("formant16")
    source = [made_of.speaker(random.Random(f"{seed} voice")) for seed in (0, 0, 1)]
    assert source[0] == source[1] != source[2]


def test_a_colour_of_nothing_changes_nothing() -> None:
    source = np.random.default_rng(0)
    speech = (0.1 * source.standard_normal(24000)).astype(np.float32)
    same = colour.coloured(speech, colour.Colour(1.0, (0.0, 0.0, 0.0)))
    assert len(same) == len(speech)
    assert np.abs(same - speech).max() < 1e-4


@pytest.mark.parametrize("formants", [0.88, 1.0, 1.13])
def test_a_colour_moves_formants_and_leaves_the_pitch(formants: float) -> None:
    """A vowel: pulses at 120 Hz through one resonance at 1,000 Hz."""
    pulses = np.zeros(24000)
    pulses[::200] = 1.0
    pole = 0.98 * np.exp(2j * np.pi * 1000 / 24000)
    vowel = scipy.signal.lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], pulses)
    changed = colour.coloured(vowel.astype(np.float32), colour.Colour(formants, (0.0, 0.0, 0.0)))
    power = np.abs(np.fft.rfft(changed * np.hanning(24000))) ** 2
    harmonics = power[120 * np.arange(1, 60)]
    centre = np.average(120 * np.arange(1, 60), weights=harmonics)
    original = np.abs(np.fft.rfft(vowel * np.hanning(24000))) ** 2
    before = np.average(120 * np.arange(1, 60), weights=original[120 * np.arange(1, 60)])
    # The envelope is smooth, and what it smoothed away stays: most of the way, never beyond it.
    assert centre / before == pytest.approx(1 + 0.75 * (formants - 1), abs=0.05)
    assert harmonics.sum() > 20 * power[60 + 120 * np.arange(1, 60)].sum()


def test_bends_tilt_the_spectrum_by_what_they_say() -> None:
    source = np.random.default_rng(0)
    noise = source.standard_normal(96000).astype(np.float32)
    tilted = colour.coloured(noise, colour.Colour(1.0, (6.0, 0.0, 0.0)))
    power = [np.abs(np.fft.rfft(x)) ** 2 for x in (noise, tilted)]
    change = 10 * np.log10(power[1] / power[0])
    assert np.median(change[:200]) == pytest.approx(6.0, abs=0.5)
    assert np.median(change[-2000:]) == pytest.approx(-6.0, abs=0.5)


RENDER_ALONE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"wordfreq", "espeakng_loader", "fugashi", "soundfile"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from pathlib import Path
from xtts_lab.training.corpora import rendering
assert rendering.render(Path(sys.argv[1]))
"""


def test_neural16_is_rendered_where_there_is_neither_espeak_nor_wordfreq(tmp_path: Path) -> None:
    folder = tmp_path / "neural"
    flags = ["--hours", "0.01", "--utterances", "2", "--held-out", "1", "--plan-only"]
    assert run_app(["corpus", "neural16", "--out", str(folder), *flags]) == 0
    plan = pd.read_parquet(layout.plan_path(folder))
    assert set(plan["language"]) <= set(world("neural16").languages)
    layout.write_table(layout.plan_path(folder), plan.head(1))
    subprocess.run([sys.executable, "-c", RENDER_ALONE, str(folder)], check=True)
    corpus = Corpus.open(folder)
    assert corpus.card["content_sha256"]
    for index, row in corpus.items.iterrows():
        seconds = len(corpus.samples(int(str(index)))) / 24000
        assert len(row["phonemes"]) / 30 < seconds < len(row["phonemes"]) / 6
        assert np.abs(corpus.samples(int(str(index))).astype(int)).max() > 1000
