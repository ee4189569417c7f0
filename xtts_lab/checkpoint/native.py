"""Our own format: safetensors with our names, the configuration as JSON, and a model card."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from xtts_lab.checkpoint.config_json import from_json
from xtts_lab.checkpoint.reading import read_safetensors, require_finite
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.types import Voice

FORMAT = "xtts_lab"
VERSION = 2
WEIGHTS = "model.safetensors"
VOICES = "voices.safetensors"

CARD = """---
library_name: xtts_lab
pipeline_tag: text-to-speech
language: [{languages}]
---
# {name}

An XTTS model in the format of `xtts_lab` (version {version}): `{weights}` holds {millions:.1f}
million parameters, `config.json` the sizes and defaults, `vocab.json` the tokenizer.

{note}

```python
from xtts_lab import XTTS

model = XTTS.from_pretrained("path/to/this/folder")
```
"""


def is_native(data: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is of our format."""
    return data.get("format") == FORMAT


def config_of(data: Mapping[str, Any]) -> ModelConfig:
    """Return the configuration of our `config.json`."""
    if data.get("version") != VERSION:
        raise UsageError(f"config.json: format version {data.get('version')} is not {VERSION}")
    return from_json(ModelConfig, data.get("model"), "config.json: model")


def export(
    folder: Path,
    model: XttsModel,
    vocabulary: Path,
    voices: Mapping[str, Voice] | None = None,
    note: str = "",
    random: bool = False,
    name: str | None = None,
) -> None:
    """Write a checkpoint that `load` reads: no pickle, our names, a model card.

    `name` (by default the folder's) and `note` go into the card: what it was trained on, its
    licence. Raises `UsageError` where `folder` already holds weights.
    """
    from safetensors.torch import save_file

    if (folder / WEIGHTS).exists():
        raise UsageError(f"{folder.name}: already holds {WEIGHTS}; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_contiguous(model.state_dict()), folder / WEIGHTS, {"format": FORMAT})
    if voices:
        save_file(_voice_tensors(voices), folder / VOICES, {"format": FORMAT})
    data = {"format": FORMAT, "version": VERSION, "model": dataclasses.asdict(model.config)}
    if random:
        data["weights_random"] = True
    (folder / "config.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(vocabulary, folder / "vocab.json")
    (folder / "README.md").write_text(_card(name or folder.name, model, note), encoding="utf-8")


def text_tokens(weights: Path) -> int | None:
    """Return how many text tokens our weights know; None where they cannot be read."""
    from safetensors import safe_open

    try:
        with safe_open(str(weights), framework="pt") as file:
            return int(file.get_slice("gpt.text_embedding.weight").get_shape()[0])
    except Exception:  # whatever it is, loading reports it
        return None


def load_voices(folder: Path) -> dict[str, Voice]:
    """Return the voices of our format; none where there is no file."""
    path = folder / VOICES
    if not path.is_file():
        return {}
    tensors = read_safetensors(path)
    require_finite(tensors, path.name)
    names = sorted({name.rpartition("/")[0] for name in tensors})
    try:
        return {n: Voice(tensors[f"{n}/prefix"], tensors[f"{n}/embedding"]) for n in names}
    except KeyError as error:
        raise UsageError(f"{path.name}: lacks {error.args[0]}") from error


def _voice_tensors(voices: Mapping[str, Voice]) -> dict[str, Tensor]:
    prefixes = {f"{name}/prefix": voice.prefix for name, voice in voices.items()}
    embeddings = {f"{name}/embedding": voice.embedding for name, voice in voices.items()}
    return _contiguous({**prefixes, **embeddings})


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _card(name: str, model: XttsModel, note: str) -> str:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return CARD.format(
        languages=", ".join(sorted({tag.split("-")[0] for tag in model.config.languages})),
        name=name,
        version=VERSION,
        weights=WEIGHTS,
        millions=parameters / 1e6,
        note=note or "Nothing is known about its training.",
    )
