"""Loading and speaking at full size, ours beside the reference implementation (coqui-tts).

    python benchmarks/xtts_load_and_speed.py [--folder DIR] [--layers 30] [--repeats 5]

A checkpoint of XTTS-v2's sizes with random weights is written once. Loading is timed in fresh
processes that have already imported everything; peak memory is the growth of the process's peak
over what it was before loading, with every weight touched once. Speaking is timed in one process,
the two taking turns: an utterance of 40 greedy codes, text tokens to waveform, in fp32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CODES = 40
TEXT_TOKENS = 45


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", choices=("ours", "reference"))
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure_loading(arguments.child, arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        make(folder, arguments.layers)
        compare_loading(folder, arguments.repeats)
        compare_speaking(folder, arguments.repeats)


def make(folder: Path, layers: int) -> None:
    from xtts_lab.checkpoint import random_checkpoint
    from xtts_lab.model import ModelConfig

    if not (folder / "model.pth").is_file():
        random_checkpoint(folder, ModelConfig().reduced(layers), speakers=("Ana",))
    print(f"weights: {(folder / 'model.pth').stat().st_size / 1e6:.0f} MB")


def load_ours(folder: Path) -> Any:
    from xtts_lab.checkpoint import load

    return load(folder)


def load_reference(folder: Path) -> Any:
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    config.load_json(str(folder / "config.json"))
    model = Xtts(config)
    model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
    return model


def measure_loading(which: str, folder: Path) -> dict[str, float]:
    """Load once in this fresh process: seconds, and megabytes of peak growth."""
    from xtts_lab.torchaudio_cpu import import_torchaudio

    import_torchaudio("functional")

    if which == "reference":
        import TTS.tts.models.xtts  # noqa: F401
    before = memory_mb("VmRSS")
    start = time.perf_counter()
    loaded = load_ours(folder) if which == "ours" else load_reference(folder)
    loaded_s = time.perf_counter() - start
    model = loaded.model if which == "ours" else loaded
    total = sum(float(parameter.detach().sum()) for parameter in model.parameters())
    assert total == total
    touched_s = time.perf_counter() - start
    peak = memory_mb("VmHWM") - before
    return {"load_s": loaded_s, "load_and_touch_s": touched_s, "peak_mb": peak}


def memory_mb(field: str) -> float:
    """VmRSS (now) or VmHWM (peak) of this process, in MB. getrusage's peak survives an exec."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith(field))
    return int(kilobytes) * 1024 / 1e6


def compare_loading(folder: Path, repeats: int) -> None:
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "reference": []}
    for _ in range(repeats):
        for which, results in runs.items():
            command = [sys.executable, __file__, "--child", which, "--folder", str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    for key in ("load_s", "load_and_touch_s", "peak_mb"):
        ours, reference = (statistics.median(r[key] for r in runs[w]) for w in runs)
        print(f"{key}: ours {ours:.2f}, reference {reference:.2f}, ratio {ours / reference:.2f}")


def compare_speaking(folder: Path, repeats: int) -> None:
    import torch

    from xtts_lab.torchaudio_cpu import import_torchaudio

    import_torchaudio("functional")
    ours, reference = load_ours(folder), load_reference(folder)
    voice = ours.voices["Ana"]
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(3, 250, (TEXT_TOKENS,), generator=generator)
    speakers: dict[str, Callable[[], Any]] = {
        "ours": lambda: speak_ours(ours.model, text, voice),
        "reference": lambda: speak_reference(reference, text, voice),
    }
    times: dict[str, list[float]] = {name: [] for name in speakers}
    for repeat in range(repeats + 1):
        for name, speak in speakers.items():
            start = time.perf_counter()
            length = speak()
            if repeat:  # the first round warms up
                times[name].append(time.perf_counter() - start)
            print(f"  round {repeat} {name}: {time.perf_counter() - start:.2f} s, {length} samples")
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["ours"] / medians["reference"]
    ours_s, reference_s = medians["ours"], medians["reference"]
    best = {name: min(values) for name, values in times.items()}
    print(f"fastest_s: ours {best['ours']:.2f}, reference {best['reference']:.2f}")
    print(f"utterance_s: ours {ours_s:.2f}, reference {reference_s:.2f}, ratio {ratio:.2f}")


def speak_ours(model: Any, text: Any, voice: Any) -> int:
    from xtts_lab.inference.generate import Prompt
    from xtts_lab.inference.sampling import SamplingOptions
    from xtts_lab.inference.speak import speak

    options = SamplingOptions(temperature=0.0, coqui_compat=True)
    prompt = Prompt(voice.prefix, text, 0, options, max_codes=CODES)
    return int(speak(model, [prompt], [voice.embedding])[0].samples.shape[0])


def speak_reference(model: Any, text: Any, voice: Any) -> int:
    """What the reference's `inference` does after its text front end."""
    import torch

    gpt = model.gpt
    prefix, embedding = voice.prefix[None], voice.embedding[None, :, None]
    with torch.inference_mode():
        codes = gpt.generate(
            cond_latents=prefix,
            text_inputs=text[None],
            do_sample=False,
            num_beams=1,
            repetition_penalty=5.0,
            max_new_tokens=CODES,
        )
        length = torch.tensor([codes.shape[-1] * gpt.code_stride_len])
        states = gpt(
            text[None],
            torch.tensor([text.shape[0]]),
            codes,
            length,
            cond_latents=prefix,
            return_latent=True,
        )
        return int(model.hifigan_decoder(states, g=embedding).shape[-1])


if __name__ == "__main__":
    main()
