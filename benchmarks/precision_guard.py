"""What less precision does to the next code's distribution: the engine against itself in fp32.

    python benchmarks/precision_guard.py [CHECKPOINT ...] [--reference VOICE.wav] [--out FILE]
    python benchmarks/precision_guard.py nano --experiment experiments/precision.yaml --device cuda

Without checkpoints: random weights at XTTS-v2's sizes. The fp32 engine speaks `--texts` prompts;
the others are made to say the same codes, and at every one of them their distributions are
compared (softmax of the logits at temperature 1): Kullback-Leibler divergence in nats, and whether
the most likely code is the same. Limits: a mean divergence of 1e-3, 99 % of equal codes.

`--experiment`: what is heard, too. Each checkpoint speaks the experiment's texts in its arms, and
their character error rate and speaker similarity are held to the baseline's: limits .5 points, .01.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import full_size as full
import pandas as pd
import torch
from torch import Tensor

from xtts_lab.api import XTTS
from xtts_lab.espeak.speakers import SyntheticSpeakers
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.precision import dtype_named
from xtts_lab.types import Reference

DIVERGENCE, EQUAL = 1e-3, 0.99
HEARD = {"cer.": 0.005, "secs.": 0.01}
"""Metrics whose differences count, by the beginnings of their names, and how far they may be."""
SENTENCES = (
    "The train leaves at seven in the morning.", "She closed the window and sat down.",
    "Nobody knew where the old map had come from.", "We walked along the river until it was dark.",
    "Please leave the keys on the table.", "It has been raining since the day before yesterday.",
    "The market opens early and closes at noon.", "He read the letter twice and said nothing.",
)  # fmt: skip
FORCED = 1e4
NOTES = [
    "The fp32 engine's own codes, said by both; distributions are softmaxes at temperature 1.",
    f"Within limits: a mean divergence of at most {DIVERGENCE:g} nats, {EQUAL:.0%} of codes equal.",
    "Heard: differences to the arm in fp32, the same voices, texts and seeds; error rates and "
    "similarities from 0 to 1. Within limits: at most .005 of an error rate, .01 of a similarity.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="*")
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--reference-text", help="what it says, for conditioners that read it")
    parser.add_argument("--codes", type=int, default=120)
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--dtypes", default="bfloat16,float16")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--experiment", type=Path, help="what to hear of the checkpoints, too")
    parser.add_argument("--runs", type=Path, help="keeps its run folders; a run goes on there")
    parser.add_argument("--limit", type=int, help="items of the experiment, at most")
    parser.add_argument("--set", action="append", default=[], help="its settings: repeats=4")
    asked = parser.parse_args()
    full.exact()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        given = asked.checkpoints
        if not given:
            folder = asked.folder or Path(temporary)
            full.checkpoint(folder, asked.layers)
            given = [str(folder)]
        runs = asked.runs or Path(temporary) / "runs"
        for name in given:
            for row in (*guarded(name, asked), *heard(name, asked, runs)):
                rows.append(row)
                print(row, flush=True)
                full.write(asked.out, "Less precision against fp32", rows, NOTES)


def heard(name: str, asked: argparse.Namespace, runs: Path) -> Iterator[dict[str, Any]]:
    """Error rates and similarities of the experiment's arms, against its baseline's."""
    if asked.experiment is None:
        return
    folder = runs / Path(name).name
    command = [
        sys.executable, "-m", "xtts_lab.cli", "run", str(asked.experiment), "--out", str(folder),
        "--device", asked.device, f"systems.nano.checkpoint={name}", *asked.set,
        *(["--limit", str(asked.limit)] if asked.limit else []),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    summary = pd.read_csv(folder / "summary.csv")
    whole = summary[summary.language == "all"].set_index(["arm", "metric"])
    compared = pd.read_csv(folder / "comparisons.csv")
    for _, one in compared[compared.language == "all"].iterrows():
        limit = next((HEARD[key] for key in HEARD if one.metric.startswith(key)), None)
        if limit is None:
            continue
        found = whole.loc[one.arm, one.metric]
        yield {
            "what": "heard", "checkpoint": Path(name).name, "arm": one.arm, "metric": one.metric,
            "mean": float(found["mean"]), "trials": int(found.n), "difference": one.difference,
            "ci_low": one.ci_low, "ci_high": one.ci_high,
            "within_limits": bool(abs(one.difference) <= limit),
        }  # fmt: skip


def guarded(name: str, asked: argparse.Namespace) -> list[dict[str, Any]]:
    model = XTTS.from_pretrained(name, device=asked.device, engine="fast")
    prompts = spoken_prompts(model, asked)
    codes, wanted = distributions(model, model.model.gpt, prompts, None)
    rows = []
    for dtype in asked.dtypes.split(","):
        less = copy.deepcopy(model.model.gpt).to(dtype_named(dtype))
        _, found = distributions(model, less, prompts, codes)
        divergence, equal = compared(wanted, found)
        shown = "random, XTTS-v2's sizes" if not asked.checkpoints else Path(name).name
        within = divergence.mean() <= DIVERGENCE and equal.double().mean() >= EQUAL
        rows.append({
            "what": "precision", "checkpoint": shown, "dtype": dtype, "codes": int(equal.numel()),
            "divergence_mean": float(divergence.mean()), "divergence_max": float(divergence.max()),
            "equal_argmax": float(equal.double().mean()),
            "within_limits": bool(within),
        })  # fmt: skip
        del less
    return rows


def spoken_prompts(model: XTTS, asked: argparse.Namespace) -> list[Prompt]:
    """Sentences with the voice that was asked for, else a studio or a synthetic voice."""
    if asked.reference is not None:
        voice = model.clone_voice([Reference(asked.reference, asked.reference_text, "en")])
    elif model.voices:
        voice = model.voice(next(iter(model.voices)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            one = SyntheticSpeakers(count=1).voice(
                "synthetic-000", "en", prompts=lambda _language: SENTENCES, folder=Path(folder)
            )
            voice = model.clone_voice(one.references)
    ids = [model.tokenizer.pieces(text, "en")[0].ids for text in SENTENCES[: asked.texts]]
    prefix, codes, before = model._prompted(voice, "en")
    return [
        Prompt(prefix, torch.tensor(before + one), seed, model.sampling, asked.codes, codes)
        for seed, one in enumerate(ids)
    ]


@torch.inference_mode()
def distributions(
    model: XTTS, gpt: Any, prompts: Sequence[Prompt], forced: list[Tensor] | None
) -> tuple[list[Tensor], list[Tensor]]:
    """Codes [n] and log probabilities [n, V] of every prompt; `forced` codes are said as given."""
    dtype = gpt.audio_embedding.weight.dtype
    steps = max(p.max_codes or 0 for p in prompts)
    engine = DecodingEngine(gpt, model.sampling, steps=steps, dtype=dtype)
    said, scores = [], []
    for number, prompt in enumerate(prompts):
        engine.start([prompt])
        count = steps if forced is None else forced[number].shape[0]
        logits = []
        for step in range(count):
            engine._catch_up()  # the last code is drawn, and read only when more are wanted
            logits.append(engine.state.logits[0].double().log_softmax(dim=0).cpu())
            if forced is not None:
                engine.state.logits.fill_(-FORCED)
                engine.state.logits[0, forced[number][step]] = FORCED
            engine.advance(1)
        codes = engine.codes(count)[0] if count else torch.zeros(0, dtype=torch.long)
        ends = (codes == gpt.config.stop_audio).nonzero()
        length = int(ends[0]) + 1 if ends.numel() else count
        said.append(codes[:length])
        scores.append(torch.stack(logits)[:length])
    return said, scores


def compared(wanted: Sequence[Tensor], found: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Divergence of each distribution in nats, and whether the most likely code is the same."""
    one, other = torch.cat(list(wanted)), torch.cat(list(found))
    divergence = (one.exp() * (one - other)).sum(dim=1).clamp(min=0.0)
    return divergence, one.argmax(dim=1) == other.argmax(dim=1)


if __name__ == "__main__":
    main()
