"""A whole utterance on the CPU at XTTS-v2's sizes, ours beside coqui-tts in one run.

    python benchmarks/cpu_utterance.py [--folder DIR] [--codes 60] [--repeats 5] [--sampled]

Text tokens to waveform, greedy, 45 text tokens, a fixed number of codes, voice ready; the systems
take turns, so that a busy machine slows all of them. Ours in fp32 and in reduced precision.
`--sampled` draws with the defaults: codes of random weights are then the hardest to guess ahead.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import full_size as full
import torch

from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.precision import reduce
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.speech import PlainSpeech

REFERENCE = "coqui-tts float32"
NOTES = [
    "XTTS-v2's sizes, random weights whose stop token is never drawn; text tokens to waveform, "
    "greedy unless the command says --sampled, voice ready; the systems take turns; first round "
    "untimed.",
    "wall_s and cpu_s: medians; ratio: to the reference's, the median over rounds.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--codes", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sampled", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        folder = asked.folder or Path(temporary)
        full.checkpoint(folder, asked.layers)
        ways = dict(speakers(folder, asked.codes, asked.sampled))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(asked.repeats + 1):
            for name, say in ways.items():
                wall, cpu = time.perf_counter(), time.process_time()
                say()
                taken = time.perf_counter() - wall, time.process_time() - cpu
                print(f"round {number} {name}: {taken[0]:.2f} s, CPU {taken[1]:.2f} s", flush=True)
                if number:
                    times[name].append(taken)
    rows = [row(name, times) for name in times]
    for one in rows:
        print(one)
    full.write(asked.out, "An utterance on the CPU", rows, NOTES)


def row(name: str, times: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Medians of a system, and their ratios to the reference's."""
    made: dict[str, Any] = {"what": "utterance", "system": name}
    for index, key in enumerate(("wall_s", "cpu_s")):
        taken = [one[index] for one in times[name]]
        made[key] = round(statistics.median(taken), 3)
        if REFERENCE in times:
            beside = [one[index] for one in times[REFERENCE]]
            ratios = [mine / its for mine, its in zip(taken, beside, strict=True)]
            made[f"{key} ratio"] = round(statistics.median(ratios), 3)
    return made


def speakers(folder: Path, codes: int, sampled: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name and call of every way to say the utterance."""
    options = SamplingOptions() if sampled else SamplingOptions(temperature=0.0)
    reference = full.reference(folder, "cpu")
    for name in ("float32", "float16"):
        model = full.ours(folder, "cpu")
        prompt = replace(full.prompts(model, codes)[0], sampling=options)
        vector = full.speaker(model)
        if reference is not None and name == "float32":
            yield REFERENCE, partial(spoken_by_reference, reference, prompt, vector, codes)
        reduce(model, full.DTYPES[name])
        speech = PlainSpeech(model, "")
        yield f"ours {name}", partial(speech.speak, [prompt], [vector])


def spoken_by_reference(model: Any, prompt: Prompt, vector: torch.Tensor, codes: int) -> Any:
    """What the reference's `inference` does after its text front end."""
    gpt, text = model.gpt, prompt.text[None]
    options = prompt.sampling
    drawn = {} if options.greedy else {
        "temperature": options.temperature, "top_k": options.top_k, "top_p": options.top_p,
    }  # fmt: skip
    made = gpt.generate(
        cond_latents=prompt.prefix[None], text_inputs=text, do_sample=not options.greedy,
        num_beams=1, repetition_penalty=options.repetition_penalty, max_new_tokens=codes, **drawn,
    )  # fmt: skip
    length = torch.tensor([made.shape[-1] * gpt.code_stride_len])
    states = gpt(
        text, torch.tensor([text.shape[1]]), made, length, cond_latents=prompt.prefix[None],
        return_latent=True,
    )  # fmt: skip
    return model.hifigan_decoder(states, g=vector[None, :, None])


if __name__ == "__main__":
    main()
