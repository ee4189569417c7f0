"""Batches of speech: from (seed, number) alone, split over processes, and what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import tone_corpus
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae, DvaeConfig
from xtts_lab.text.sounds import sounds
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.speech import draws
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import LADDER, Bank, waveform
from xtts_lab.training.speech.ears import Ears, MelStats, frame_mask
from xtts_lab.training.stage import Shard


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus.open(tone_corpus.write(tmp_path_factory.mktemp("tones")))


@pytest.fixture(scope="module")
def bank(corpus: Corpus) -> Bank:
    return Bank([corpus], "train", Alphabet.of([corpus]))


lengths_of = st.lists(st.integers(1, 5000), min_size=1, max_size=60).map(np.array)


@given(lengths_of, st.integers(1, 40000), st.integers(1, 4), st.integers(0, 99))
def test_like_lengths_fill_their_budget(
    lengths: np.ndarray, budget: int, least: int, index: int
) -> None:
    order = np.argsort(lengths)
    drawn = draws.like_lengths(order, lengths, budget, least, draws.generator(0, 0, index))
    again = draws.like_lengths(order, lengths, budget, least, draws.generator(0, 0, index))
    assert drawn.tolist() == again.tolist()
    assert len(drawn) >= least
    assert len(drawn) == least or len(drawn) * lengths[drawn].max() <= budget
    if len(drawn) <= len(lengths):
        assert len(set(drawn.tolist())) == len(drawn)


@given(lengths_of, st.integers(1, 20), st.integers(1, 2000), st.integers(0, 99))
def test_crops_lie_within_their_utterances(
    lengths: np.ndarray, count: int, size: int, index: int
) -> None:
    drawn = draws.crops(lengths, count, size, draws.generator(1, 0, index))
    ends = drawn.starts + np.minimum(size, lengths[drawn.items])
    assert bool((drawn.starts >= 0).all())
    assert bool((ends <= lengths[drawn.items]).all())


def test_every_second_of_speech_is_as_likely(bank: Bank) -> None:
    counts = np.zeros(len(bank))
    for index in range(100):
        drawn = draws.crops(bank.lengths, 64, 100, draws.generator(0, 0, index))
        counts += np.bincount(drawn.items, minlength=len(bank))
    expected = bank.lengths / bank.lengths.sum() * counts.sum()
    assert float(np.abs(counts - expected).max() / expected.max()) < 0.25


def test_batches_differ_by_seed_stream_and_number_alone(bank: Bank) -> None:
    def drawn(seed: int, stream: int, index: int) -> torch.Tensor:
        return bank.crops(seed, stream, index, 4, 1000)["samples"]

    assert torch.equal(drawn(0, 0, 7), drawn(0, 0, 7))
    others = [drawn(1, 0, 7), drawn(0, 1, 7), drawn(0, 0, 8)]
    assert not any(torch.equal(drawn(0, 0, 7), other) for other in others)


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_out_the_rows_of_one_batch(bank: Bank, processes: int) -> None:
    whole = bank.utterances(0, 0, 3, 12.0)
    parts = [bank.utterances(0, 0, 3, 12.0, Shard(i, processes)) for i in range(processes)]
    rows = {
        tuple(row[:count].tolist())
        for part in parts
        for row, count in zip(part["symbols"], part["symbol_lengths"], strict=True)
    }
    assert sum(len(part["samples"]) for part in parts) == len(whole["samples"])
    assert rows == {
        tuple(row[:count].tolist())
        for row, count in zip(whole["symbols"], whole["symbol_lengths"], strict=True)
    }
    shares = sum(float(part["share"]) for part in parts) / processes
    assert shares == pytest.approx(1.0)
    assert float(whole["share"]) == 1.0


def test_batches_come_in_few_shapes(bank: Bank) -> None:
    """Kernels are chosen, and graphs recorded, for each."""
    batches = [bank.utterances(0, 0, index, 6.0) for index in range(30)]
    shapes = {(batch["samples"].shape, batch["symbols"].shape) for batch in batches}
    lengths = {batch["samples"].shape[1] for batch in batches}
    assert len(shapes) <= 2 * len(lengths)
    assert all(length % (bank.sample_rate * LADDER) == 0 for length in lengths)


def test_a_batch_holds_what_the_corpus_holds(corpus: Corpus, bank: Bank) -> None:
    batch = bank.whole(bank.order[[0, -1]])
    table = corpus.split("train")
    for row, item in enumerate(bank.order[[0, -1]]):
        number, told = int(table.index[item]), table["text"].iloc[item]
        length = int(batch["lengths"][row])
        assert batch["samples"][row, :length].tolist() == corpus.samples(number).tolist()
        assert not bool(batch["samples"][row, length:].any())
        symbols = batch["symbols"][row, : int(batch["symbol_lengths"][row])]
        assert Alphabet.of([corpus]).decode(symbols.tolist()) == told
    assert float(waveform(batch).abs().max()) == pytest.approx(0.3, abs=0.02)


def test_symbols_are_sounds_without_stress_and_marks(corpus: Corpus) -> None:
    alphabet = Alphabet.of([corpus])
    assert alphabet.symbols == "".join(sorted(tone_corpus.SYMBOLS))
    assert alphabet.languages == ("en", "es")
    assert alphabet.decode(alphabet.encode("ˈaˌe i?x", "es")) == "aei"
    assert sounds("həlˈoʊ, wˈɜːld!") == "həloʊwɜːld"
    assert sounds("pa\u0303 5") == "pa\u03035"


@pytest.mark.parametrize(
    ("language", "ipa", "expected"),
    [
        ("en", "wˈɜːdz ɐbˈaʊt ɹˈoʊzᵻz", "wɜɹdzəbaʊtɹoʊzɪz"),
        ("en", "bˈɛɾɚ fˈɑːðɚ", "bɛɾəɹfɑðəɹ"),
        ("de", "fˈʏnf vˈɜ", "fynfvɐ"),
        ("it", "tˈɛrɾa lɪ kʊ", "tɛrraliku"),
        ("es", "aˈɾiːβa", "aɾiːβa"),
        ("pt", "kˈɐ̃w", "kɐ̃w"),
    ],
)
def test_what_the_voices_say_alike_is_written_alike(language: str, ipa: str, expected: str) -> None:
    """The classes are those that `kokoro.symbols` joins: their sounds differ on paper alone."""
    assert sounds(ipa, language) == expected
    assert sounds(expected, language) == expected


def test_a_split_without_audio_is_refused(tmp_path: Path) -> None:
    corpus = Corpus.open(tone_corpus.write(tmp_path, utterances=8))
    with pytest.raises(UsageError, match="nothing of their split 'test'"):
        Bank([corpus], "test", Alphabet.of([corpus]))


def test_ears_hear_what_the_dvae_hears(bank: Bank) -> None:
    """At the DVAE's own rate nothing is resampled, and the mel is its own but for its scale."""
    samples = waveform(bank.whole(bank.order[:1]))
    dvae = Dvae(DvaeConfig(codes=8, code_width=4, width=4))
    torch.testing.assert_close(Ears(22050)(samples), dvae.mel(samples))
    heard = Ears(24000)(samples)
    frames = Ears(24000).frames(torch.tensor([samples.shape[1]]))
    assert heard.shape == (1, 80, int(frames))
    assert frame_mask(frames, heard.shape[2] + 2).sum() == frames


def test_the_scale_of_a_mel_is_its_root_mean_square(bank: Bank) -> None:
    ears = Ears(24000)
    stats = MelStats.of(bank, ears, utterances=10**6)
    mels = [ears(waveform(bank.whole(bank.order[at : at + 1])))[0] for at in range(len(bank))]
    joined = torch.cat(mels, dim=1).double()
    torch.testing.assert_close(stats.scale.double(), joined.square().mean(1).sqrt())
    torch.testing.assert_close(stats.mean.double(), joined.mean(1))
