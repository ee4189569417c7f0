"""The snippets of CONTRIBUTING.md run on the bench, as a third-party package would bring them."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pandas as pd
import pytest

from tests.level_models import RVQ, model_of, prompt_of
from xtts_lab.cli import run_app

GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"
EXPERIMENT = """\
name: snippets
systems: {hum: {name: hum, pitch_hz: 200.0}}
texts: {name: builtin, languages: [en], per_language: 2}
speakers: {name: synthetic, count: 2}
metrics: [{name: long-pause}]
sanity: false
"""


def _snippets() -> dict[str, str]:
    found = re.findall(r"```python (\w+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


def _install(folder: Path) -> None:
    """Lay out what `pip install` of a package with entry points would."""
    for name, code in _snippets().items():
        (folder / f"plugin_{name}.py").write_text(code)
    info = folder / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[xtts_lab.metrics]\nlong-pause = plugin_metric:LongPause\n"
        "[xtts_lab.conditioners]\nmean-mel = plugin_conditioner:MeanMel\n"
        "[xtts_lab.decoders]\nheld = plugin_decoder:HeldDecoder\n"
        "[xtts_lab.vocoders]\nnoise = plugin_vocoder:NoiseVocoder\n"
        "[xtts_lab.systems]\nhum = plugin_system:Hum\n"
        "[xtts_lab.instruments]\nloudness = plugin_instrument:Loudness\n"
    )
    assert PathDistribution(info).name == "plugin"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    _install(folder)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in _snippets():
        sys.modules.pop(f"plugin_{name}", None)


def test_the_map_leads_to_files_that_exist() -> None:
    """A newcomer's questions have a line each, and what the line names is there."""
    guide = GUIDE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| (`[^|]+) \|$", guide, re.MULTILINE)
    asked = " ".join(what for what, _ in rows)
    for word in ("sampling default", "cache key", "language", "interval", "Whisper", "table of"):
        assert word in asked
    named = [path for _, places in rows for path in re.findall(r"`(xtts_lab/[^`]+)`", places)]
    assert len(rows) >= 15
    assert len(named) >= len(rows)
    for path in named:
        assert (GUIDE.parent / path).exists(), path


def test_snippets_are_short() -> None:
    kinds = {"conditioner", "decoder", "vocoder", "metric", "system", "instrument"}
    assert set(_snippets()) == kinds
    assert all(code.count("\n") < 30 for code in _snippets().values())


@pytest.mark.usefixtures("plugin")
def test_plugins_are_listed_and_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_app(["list", "metrics"]) == 0
    assert "long-pause: Share of trials" in capfd.readouterr().out
    (tmp_path / "x.yaml").write_text(EXPERIMENT)
    assert run_app(["run", "x.yaml"]) == 0
    scores = pd.read_parquet("runs/snippets/scores.parquet")
    assert set(scores["metric"]) == {"long-pause.rate"}
    assert len(scores) == 2


PARTS = """\
name: plugin-parts
systems: {xtts: {name: xtts, checkpoint: random-tiny, max_codes: 20}}
ablate:
  systems.xtts.conditioner.name: [perceiver, mean-mel]
  systems.xtts.vocoder.name: [hifigan, noise]
texts: {name: builtin, languages: [en], per_language: 1}
speakers: {name: synthetic, count: 1}
metrics: [{name: long-pause}]
sanity: false
"""


@pytest.mark.usefixtures("plugin")
def test_parts_of_a_plugin_are_listed_and_swapped_in(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_app(["list", "conditioners"]) == run_app(["list", "vocoders"]) == 0
    listed = capfd.readouterr().out
    assert "mean-mel: The mean of the log mel" in listed
    assert "noise: Noise as loud as the mel" in listed
    assert "    slots: int = 1" in listed
    assert "sizes" not in listed.replace("same sizes", "")  # the model's, not a setting
    (tmp_path / "x.yaml").write_text(PARTS)
    assert run_app(["run", "x.yaml"]) == 0
    trials = pd.read_parquet("runs/plugin-parts/trials.parquet")
    assert (trials["status"] == "ok").all()
    own = trials.loc[~trials["untrained"], "arm"].tolist()
    # The noise vocoder has nothing to train; the conditioner has, and was not.
    assert own == [
        "xtts[conditioner.name=perceiver,vocoder.name=hifigan]",
        "xtts[conditioner.name=perceiver,vocoder.name=noise]",
    ]


@pytest.mark.usefixtures("plugin")
def test_a_decoder_of_a_plugin_decodes(capfd: pytest.CaptureFixture[str]) -> None:
    from xtts_lab.inference.decoding import decode
    from xtts_lab.model import build, part

    assert run_app(["list", "decoders"]) == 0
    assert "held: The first level from the GPT" in capfd.readouterr().out
    model = model_of("single")
    model.decoder = build("decoders", part("decoders", "held", code=3), model.config.sizes)
    made = decode(model, [prompt_of(1)])[0].levels
    assert made is not None
    assert len(made) == RVQ.levels
    assert set(made[1:].flatten().tolist()) == {3}


@pytest.mark.usefixtures("plugin")
def test_an_instrument_of_a_plugin_measures(tmp_path: Path) -> None:
    import torch

    from xtts_lab import audio, registry
    from xtts_lab.types import Audio, Clip

    audio.save(tmp_path / "a.wav", Audio(torch.full((800,), 0.5), 16_000))
    (output,) = registry.lookup("instruments", "loudness")().measure([Clip(tmp_path / "a.wav")])
    assert output["rms"] == pytest.approx(0.5, abs=1e-4)
