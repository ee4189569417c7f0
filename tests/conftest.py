"""Shared fixtures: every test has a cache of its own, and no test reaches a hub."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# What is imported stays: the garbage collector looks once, when all is collected.
gc.disable()
os.environ["HF_HUB_OFFLINE"] = "1"
# Before torch is imported, here and in every process that tests start: a waiting thread of OpenMP
# sleeps instead of spinning, which beside another busy process costs several times the work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where the environment asks for no bytecode, every process that a test starts would compile anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# On shared and loaded machines how long, or how many tries, drawing an example takes says nothing.
_PATIENT = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile("local", deadline=None, suppress_health_check=_PATIENT, max_examples=60)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# Files of 7 s and more, longest first, so that the processes of `pytest -n` end together.
_LONGEST = (
    "deaths", "recognition", "kill_and_resume", "kokoro", "published_runs", "training_loop",
    "corpora", "text_cases", "quality", "codec_training", "parts", "checkpoint_mistakes",
    "instruments", "text_normalise", "fast_decoding", "serving", "hostile", "engine",
    "request_failures", "speech", "finetuning", "latency_runs", "statistics", "swapped_parts",
    "score", "compare", "restating", "corpus_test_set", "gpt_training", "espeak", "consistency",
    "vocoders", "conditioners", "prosody", "api_limits", "xtts_voice", "language_identity",
)  # fmt: skip
_RANK = {f"test_{name}.py": place for place, name in enumerate(_LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the longest files first; all others stay in their order, as does each file's inside."""
    items.sort(key=lambda item: _RANK.get(item.path.name, len(_RANK)))


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what has been imported and collected, which stays.

    And look less often: what many small objects cost is the looking.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked folder is refused at once, where nobody is about to release it."""
    monkeypatch.setattr("xtts_lab.runs.store.DYING_S", 0.05)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep audio and evidence of tests out of the user's cache, but share converted weights."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("XTTS_LAB_CACHE", str(folder))


@pytest.fixture(scope="session")
def speech_pack() -> Path:
    """The folder of human speech that XTTS_LAB_SPEECH names; skips where there is none."""
    folder = os.environ.get("XTTS_LAB_SPEECH")
    if not folder or not (Path(folder) / "manifest.csv").is_file():
        pytest.skip("XTTS_LAB_SPEECH names no folder of speech with a manifest.csv")
    return Path(folder)
