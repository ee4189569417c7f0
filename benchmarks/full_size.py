"""What the speed benchmarks share: XTTS-v2's sizes, random weights, prompts; ours and coqui-tts.

The stop token is suppressed in the weights, so that lengths are fixed on both sides.
"""

from __future__ import annotations

import platform
import shlex
import statistics
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.runs import measurements
from xtts_lab.runs.measurements import Measured, Measurements

TEXT_TOKENS, PREFIX, TEXTS = 45, 32, 20
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def checkpoint(folder: Path, layers: int) -> None:
    """Write a random checkpoint whose stop token is never drawn, once."""
    from xtts_lab.checkpoint import random_checkpoint

    if (folder / "silenced").is_file():
        return
    random_checkpoint(folder, ModelConfig().reduced(layers), speakers=("Ana",))
    state = torch.load(folder / "model.pth", weights_only=True)
    config = ModelConfig().reduced(layers)
    state["model"]["gpt.mel_head.bias"][config.gpt.stop_audio] = -1e4
    torch.save(state, folder / "model.pth")
    (folder / "silenced").write_text("")


def ours(folder: Path, device: str) -> XttsModel:
    """Our model of a checkpoint."""
    from xtts_lab.checkpoint import load

    return load(folder).model.to(device).eval()


def exact() -> None:
    """TF32 off, as for evaluation, and no sums in half precision."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def prompts(model: XttsModel, codes: int, texts: int = TEXTS) -> list[Prompt]:
    """Texts of `TEXT_TOKENS` tokens for one voice whose prefix is ready on the device."""
    made = torch.Generator().manual_seed(0)
    prefix = torch.randn(PREFIX, model.config.gpt.width, generator=made).to(model.device)
    words = [torch.randint(3, 250, (TEXT_TOKENS,), generator=made) for _ in range(texts)]
    return [Prompt(prefix, one, i, SamplingOptions(), codes) for i, one in enumerate(words)]


def speaker(model: XttsModel) -> torch.Tensor:
    """One speaker's vector [E], on the device."""
    made = torch.Generator().manual_seed(1)
    vector = torch.randn(model.config.sizes.embedding, generator=made)
    return torch.nn.functional.normalize(vector, dim=0).to(model.device)


def reference(folder: Path, device: str) -> Any | None:
    """The reference implementation with the same weights, None where it is not installed."""
    try:
        version("coqui-tts")
    except PackageNotFoundError:
        return None
    from xtts_lab.torchaudio_cpu import import_torchaudio

    import_torchaudio("functional")
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    model = Xtts(config)
    model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
    return model.to(device)


class Tokens:
    """Stands in for the reference's tokenizer: its text front end is not what is timed."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = list(ids)

    def encode(self, _text: str, lang: str) -> list[int]:  # noqa: ARG002  its signature
        return self.ids


def reference_stream(
    model: Any, prompt: Prompt, vector: torch.Tensor, codes: int, chunk: int = 20
) -> Iterator[torch.Tensor]:
    """What `inference_stream` yields for a prompt, on the host."""
    model.tokenizer = Tokens(prompt.text.tolist())
    pieces = model.inference_stream(
        "-", "en", prompt.prefix[None].float(), vector[None, :, None].float(),
        stream_chunk_size=chunk, max_new_tokens=codes,
    )  # fmt: skip
    for piece in pieces:
        yield piece.cpu()


def machine() -> dict[str, str]:
    """Hardware and versions."""
    said = {"python": platform.python_version(), "torch": torch.__version__}
    if torch.cuda.is_available():
        said |= {"device": torch.cuda.get_device_name(), "cuda": str(torch.version.cuda)}
    else:
        said |= {"device": "cpu", "threads": str(torch.get_num_threads())}
    for name in ("triton", "transformers", "coqui-tts"):
        try:
            said[name] = version(name)
        except PackageNotFoundError:
            continue
    return said


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between order statistics."""
    return float(torch.tensor(list(values), dtype=torch.float64).quantile(share))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median; 95th percentile from 200 values on."""
    found = {"p50": round(statistics.median(values), 3), "n": len(values)}
    if len(values) >= 200:
        found["p95"] = round(percentile(values, 0.95), 3)
    return found


def write(out: Path | None, title: str, rows: Sequence[dict[str, Any]], notes: list[str]) -> None:
    """Rows so far as measurements: a table for each `what`, figures of figures side by side."""
    if out is None:
        return
    flat = [{k: v for key, value in row.items() for k, v in _flat(key, value)} for row in rows]
    kinds = dict.fromkeys(row["what"] for row in flat)
    tables = [_table(kind, [row for row in flat if row["what"] == kind]) for kind in kinds]
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *_told(sys.argv[1:])])
    made = Measurements(title, command, machine(), tables, notes, date.today().isoformat())
    out.parent.mkdir(parents=True, exist_ok=True)
    measurements.write(out, made)


def _told(words: Sequence[str]) -> Iterator[str]:
    """What was asked for, without the places where things lie on this machine."""
    after = [*words[1:], ""]
    for word, following in zip(words, after, strict=True):
        if not (Path(word).is_absolute() or Path(following).is_absolute()):
            yield word


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{key} {inner}", one) for inner, one in value.items())
    else:
        told = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        yield key, ", ".join(map(str, told)) if isinstance(told, list) else told


def _table(kind: str, rows: Sequence[dict[str, Any]]) -> Measured:
    columns = [name for name in dict.fromkeys(n for row in rows for n in row) if name != "what"]
    return Measured(kind, columns, [[row.get(name) for name in columns] for row in rows], labels=2)
