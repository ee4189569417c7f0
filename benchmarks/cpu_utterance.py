"""A whole utterance on the CPU at XTTS-v2's sizes, ours beside coqui-tts in one run.

    python benchmarks/cpu_utterance.py [--folder DIR] [--codes 60] [--repeats 5] [--threads 2]

Text tokens to waveform, greedy, 45 text tokens, a fixed number of codes, voice ready; the systems
take turns, so that a busy machine slows all of them. Ours in fp32 and in reduced precision.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import full_size as full
import torch

from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions

NOTES = [
    "XTTS-v2's sizes, random weights whose stop token is never drawn; text tokens to waveform, "
    "greedy, voice ready; the systems take turns; first round untimed.",
    "wall_s and cpu_s: medians; ratio: to the reference's in the same run.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--codes", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        folder = asked.folder or Path(temporary)
        full.checkpoint(folder, asked.layers)
        ways = dict(speakers(folder, asked.codes))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(asked.repeats + 1):
            for name, speak in ways.items():
                wall, cpu = time.perf_counter(), time.process_time()
                speak()
                taken = time.perf_counter() - wall, time.process_time() - cpu
                print(f"round {number} {name}: {taken[0]:.2f} s, CPU {taken[1]:.2f} s", flush=True)
                if number:
                    times[name].append(taken)
    rows = [row(name, taken, times) for name, taken in times.items()]
    for one in rows:
        print(one)
    full.write(asked.out, "An utterance on the CPU", rows, NOTES)


def row(name: str, taken: list[tuple[float, float]], times: Any) -> dict[str, Any]:
    made = {"what": f"{taken and 'utterance'}", "system": name}
    for index, key in enumerate(("wall_s", "cpu_s")):
        middle = statistics.median(one[index] for one in taken)
        made[key] = round(middle, 3)  # type: ignore[assignment]
        if "coqui-tts fp32" in times:
            base = statistics.median(one[index] for one in times["coqui-tts fp32"])
            made[f"{key} ratio"] = round(middle / base, 3)  # type: ignore[assignment]
    return made


def speakers(folder: Path, codes: int) -> Any:
    """Name and call of every way to say the utterance."""
    from xtts_lab.inference.speech import speech_of

    model = full.ours(folder, "cpu")
    greedy = SamplingOptions(temperature=0.0)
    prompt = replace(full.prompts(model, codes)[0], sampling=greedy)
    vector = full.speaker(model)
    reference = full.reference(folder, "cpu")
    if reference is not None:
        yield "coqui-tts fp32", lambda: spoken_by_reference(reference, prompt, vector, codes)
    for name in ("float32", "bfloat16"):
        speech = speech_of(model, name)
        yield f"ours {name}", _saying(speech, prompt, vector)


def _saying(speech: Any, prompt: Prompt, vector: torch.Tensor) -> Callable[[], Any]:
    return lambda: speech.speak([prompt], [vector])


def spoken_by_reference(model: Any, prompt: Prompt, vector: torch.Tensor, codes: int) -> Any:
    """What the reference's `inference` does after its text front end."""
    gpt, text = model.gpt, prompt.text[None]
    made = gpt.generate(
        cond_latents=prompt.prefix[None], text_inputs=text, do_sample=False, num_beams=1,
        repetition_penalty=5.0, max_new_tokens=codes,
    )  # fmt: skip
    length = torch.tensor([made.shape[-1] * gpt.code_stride_len])
    states = gpt(
        text, torch.tensor([text.shape[1]]), made, length, cond_latents=prompt.prefix[None],
        return_latent=True,
    )  # fmt: skip
    return model.hifigan_decoder(states, g=vector[None, :, None])


if __name__ == "__main__":
    main()
