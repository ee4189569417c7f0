"""How soon four ways to decode are heard, and have said everything, by the length of what they say.

Random weights at published sizes, so latencies alone: `single` is XTTS (GPT of 30 x 1024 at 21.5
codes a second, HiFi-GAN), `ar_nar` VALL-E (twice 12 x 1024, 75 frames of 8 codes), `masked`
SoundStorm (a Conformer of 12 x 1024, 50 frames of 12 codes, behind an autoregressive first level)
and `masked_all` the same without it (27 passes, duration given), `delay` MusicGen small (24 x 1024,
50 frames of 4 codes). Every step, pass and vocoder is one CUDA graph; prefill is run as it is.
Whoever cannot stream is heard when everything is said.

  python benchmarks/decoders.py --out decoders.json                      # one GPU, bf16
  python benchmarks/decoders.py --sizes tiny --seconds 0.5,1 --trials 3  # anywhere, in seconds

p95 stands where a point has 40 trials, the greatest everywhere. A point ends after --budget s.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xtts_lab.decoders.base import Decoder
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.sampling import draw as draw_codes
from xtts_lab.model import ModelConfig, build, part
from xtts_lab.nn.attention import KVCache
from xtts_lab.nn.frame_net import FrameNet, Frames
from xtts_lab.nn.gpt import Gpt, GptConfig
from xtts_lab.nn.masking import MASKED, draw, least_certain, still_masked
from xtts_lab.nn.rvq import RvqCodec, RvqConfig
from xtts_lab.vocoders import stages as chain
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.stages import Local, Stage

PREFIX, TEXT_PER_S = 32, 15
FIRST_S = 0.1
"""How much sound is a first audio."""
P95_FROM = 40
SEEDS = torch.Generator().manual_seed(0)


@dataclass(frozen=True)
class Arm:
    """What is measured: sizes of the GPT (`layers` 0: none), a decoder's settings, a codec."""

    name: str
    decoder: dict[str, Any]
    layers: int
    width: int
    heads: int
    codec: RvqConfig | None = None


def arms(sizes: str) -> list[Arm]:
    """The arms at published sizes, or at `tiny` ones."""
    tiny = sizes == "tiny"
    width, heads, (few, many, more) = (32, 2, (1, 1, 1)) if tiny else (1024, 16, (12, 24, 30))
    small = {"width": 16, "inner": 32, "encoder_layers": 2, "decoder_layers": 1, "codes": 32}
    large = {"width": 512, "inner": 1536, "encoder_layers": 4, "decoder_layers": 8}

    def codec(rate: float, levels: int) -> RvqConfig:
        own: dict[str, Any] = small if tiny else large
        return RvqConfig(frame_rate=rate, levels=levels, **own)

    net = {"layers": few, "width": width, "heads": heads}
    storm = {"name": "masked", **net, "blocks": "conformer"}
    return [
        Arm("single", {"name": "single"}, more, width, heads),
        Arm("ar_nar", {"name": "ar_nar", **net}, few, width, heads, codec(75, 8)),
        Arm("masked", storm, few, width, heads, codec(50, 12)),
        Arm("masked_all", {**storm, "first": "masked"}, 0, width, heads, codec(50, 12)),
        Arm("delay", {"name": "delay"}, many, width, heads, codec(50, 4)),
    ]


class Steps:
    """The GPT's steps of one length as a graph that draws, embeds and decodes."""

    def __init__(self, gpt: Gpt, decoder: Decoder, prompt: Tensor, steps: int) -> None:
        self.gpt, self.decoder, self.prompt = gpt, decoder, prompt
        device, width = prompt.device, prompt.shape[1]
        self.lengths = torch.tensor([width], device=device)
        self.cache: KVCache = gpt.empty_cache(1, width + steps)
        self.at = torch.zeros(1, dtype=torch.long, device=device)
        self.noise = torch.rand(steps, decoder.depth, generator=SEEDS).to(device)
        self.hidden = torch.zeros_like(prompt[:, 0])
        self.states = torch.zeros(steps, prompt.shape[2], device=device, dtype=prompt.dtype)
        self.codes = torch.zeros(decoder.depth, steps, dtype=torch.long, device=device)
        self.step = Graphed(self._step, device)

    def prefill(self) -> None:
        self.at.zero_()
        self.hidden.copy_(self.gpt.prefill(self.prompt, self.lengths, self.cache))

    def _step(self) -> None:
        gpt, decoder = self.gpt, self.decoder
        at = self.at.clamp(max=self.states.shape[0] - 1)
        count = gpt.config.audio_tokens - 2
        logits = [gpt.audio_head(self.hidden)[:, :count]]
        if decoder.depth > 1:
            logits += decoder.others(self.hidden).unbind(1)
        noise = self.noise.index_select(0, at)[0]
        drawn = [
            draw_codes(one.float().softmax(-1), noise[i : i + 1]) for i, one in enumerate(logits)
        ]
        codes = torch.stack(drawn, 1)
        self.states.index_copy_(0, at, self.hidden)
        self.codes.index_copy_(1, at, codes.t())
        x = gpt.embed_audio(codes[:, :1], (at + 1)[:, None])[:, 0]
        if decoder.depth > 1:
            x = x + decoder.beside(codes[:, 1:, None])[:, 0]
        self.hidden.copy_(gpt.decode(x, self.lengths + at, self.cache))
        self.at += 1


class Passes:
    """All passes of a network over frames as one graph; `steps` for its first level."""

    def __init__(self, net: FrameNet, given: Frames, begin: int, steps: int) -> None:
        self.net, self.given, self.begin = net, given, begin
        self.codes = given.codes
        frames = self.codes.shape[2]
        self.noise = torch.rand(steps, frames, generator=SEEDS).to(self.codes.device)
        self.counts = still_masked(frames, steps)
        self.run = Graphed(self._run, self.codes.device)

    def _run(self) -> None:
        self.codes[:, self.begin :] = MASKED
        for level in range(self.begin, self.codes.shape[1]):
            counts = self.counts if level == self.begin else [0]
            masked = torch.ones_like(self.codes[0, level], dtype=torch.bool)
            for number, left in enumerate(counts):
                which = torch.full_like(self.codes[:, 0, 0], level)
                logits = self.net(self.given, which)[0].float()
                heat = 1.0 - (number + 1) / len(counts)
                drawn = draw(logits, self.noise[number], heat)
                sure = logits.log_softmax(-1).gather(-1, drawn.unsqueeze(-1)).squeeze(-1)
                keep = least_certain(sure, masked, left)
                row = self.codes[0, level]
                row.copy_(torch.where(masked & ~keep, drawn, row))
                masked = keep


class Bench:
    """One arm at one length: `first` and `whole` are what is timed."""

    def __init__(self, arm: Arm, seconds: float, device: str, dtype: torch.dtype) -> None:
        self.device = torch.device(device)
        config = _config(arm, seconds)
        torch.manual_seed(0)
        text = max(int(seconds * TEXT_PER_S), 1)
        gpt, decoder, vocoder, codec = _built(config, self.device, dtype)
        rate = config.sizes.codes_per_s
        self.frames = max(round(seconds * rate), 2)
        prompt = torch.randn(1, PREFIX + text + 3, arm.width, generator=SEEDS).to(
            self.device, dtype
        )
        self.stages = _stages(vocoder, codec, config)
        vocoder_rate = vocoder.sample_rate if codec is None else codec.sample_rate
        self.steps = self.passes = None
        behind = decoder.depth - 1
        if decoder.drafts:
            self.steps = Steps(gpt, decoder, prompt, self.frames + behind)
        if decoder.repeated:
            codes = torch.zeros(1, decoder.levels, self.frames, dtype=torch.long).to(self.device)
            words = torch.ones(text, dtype=torch.long, device=self.device)
            given = replace(Frames.of(prompt[0, :PREFIX], words, codes[0]), codes=codes)
            begin = 1 if decoder.drafts else 0
            steps = 16 if arm.decoder["name"] == "masked" else 1
            self.passes = Passes(decoder.net, given, begin, steps)  # type: ignore[arg-type]
        self.streams = decoder.streams
        needed = self.frames
        if self.streams:
            enough = (
                n
                for n in range(1, self.frames + 1)
                if chain.settled(self.stages, n) >= FIRST_S * vocoder_rate
            )
            needed = next(enough, self.frames)
        self.needed, self.behind = needed, behind
        self._sound = {n: self._vocoding(n) for n in {needed, self.frames}}

    def _vocoding(self, frames: int) -> Callable[[], None]:
        """The vocoder on the first frames, as a graph."""
        if self.passes is not None:
            inputs = self.passes.codes[:, :, :frames]
        elif self.steps is not None and self.steps.codes.shape[0] > 1:
            inputs = self.steps.codes[None, :, :frames]
        else:
            assert self.steps is not None
            inputs = self.steps.states[:frames].t().unsqueeze(0).float()
        values = inputs.clamp(min=0) if inputs.dtype == torch.long else inputs
        return Graphed(lambda: self._kept(chain.whole(self.stages, values)), self.device)

    def _kept(self, samples: Tensor) -> None:
        self.samples = samples

    def first(self) -> None:
        """Until the first sound."""
        self._decode(self.needed)

    def whole(self) -> None:
        """Until everything is said."""
        self._decode(self.frames)

    def _decode(self, frames: int) -> None:
        if self.steps is not None:
            self.steps.prefill()
            for _ in range(frames + self.behind):
                self.steps.step()
        if self.passes is not None:
            self.passes.run()
        self._sound[frames]()


def _config(arm: Arm, seconds: float) -> ModelConfig:
    codes = 1024 if arm.codec is None else arm.codec.codes
    rate = 22 if arm.codec is None else arm.codec.frame_rate
    gpt = GptConfig(
        layers=arm.layers, width=arm.width, heads=arm.heads, text_tokens=512, start_text=261,
        audio_tokens=codes + 2, start_audio=codes, stop_audio=codes + 1,
        max_audio=math.ceil(seconds * rate) + 32,
    )  # fmt: skip
    small = {"channels": 32} if arm.width < 1024 else {}
    vocoder = part("vocoders", "codec") if arm.codec else part("vocoders", "hifigan", **small)
    return replace(
        ModelConfig(), gpt=gpt, codec=arm.codec, decoder=part("decoders", **arm.decoder),
        vocoder=vocoder,
    )  # fmt: skip


def _built(
    config: ModelConfig, device: torch.device, dtype: torch.dtype
) -> tuple[Gpt, Decoder, Vocoder, RvqCodec | None]:
    gpt = Gpt(config.gpt).to(device, dtype).eval()
    decoder: Decoder = build("decoders", config.decoder, config.sizes).to(device, dtype).eval()
    vocoder: Vocoder = build("vocoders", config.vocoder, config.sizes).to(device).eval()
    codec = None if config.codec is None else RvqCodec(config.codec).to(device).eval()
    return gpt, decoder, vocoder, codec


def _stages(vocoder: Vocoder, codec: RvqCodec | None, config: ModelConfig) -> tuple[Stage, ...]:
    """From states or codes to samples, in fp32."""
    if codec is None:
        vector = torch.zeros(1, config.sizes.embedding)
        device = next(vocoder.parameters()).device
        return vocoder.stages(vector.to(device))
    return (Local(lambda c: codec.decode(c).unsqueeze(1), codec.code_hop, codec.context_codes),)


def timed(what: Callable[[], None], trials: int, budget_s: float, device: str) -> dict[str, Any]:
    """Median and spread of a call's milliseconds, after warm-ups."""
    for _ in range(2):
        what()
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < trials and (not times or time.perf_counter() - begun < budget_s):
        _synchronise(device)
        start = time.perf_counter()
        what()
        _synchronise(device)
        times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    p95 = times[math.ceil(0.95 * len(times)) - 1] if len(times) >= P95_FROM else None
    return {
        "p50_ms": statistics.median(times), "p95_ms": p95, "max_ms": times[-1],
        "trials": len(times),
    }  # fmt: skip


def _synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def crossings(points: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Where the medians of two arms change places, in seconds of speech, on straight lines."""
    found = []
    by_arm: dict[str, dict[float, float]] = {}
    for point in points:
        by_arm.setdefault(point["arm"], {})[point["seconds"]] = point[key]["p50_ms"]
    for one, two in combinations(by_arm, 2):
        common = sorted(set(by_arm[one]) & set(by_arm[two]))
        gaps = [by_arm[one][s] - by_arm[two][s] for s in common]
        for (a, x), (b, y) in pairwise(zip(common, gaps, strict=True)):
            if x * y < 0:
                found.append({"arms": [one, two], "seconds": round(a + (b - a) * x / (x - y), 2)})
    return found


@torch.inference_mode()
def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every arm at every length."""
    device = arguments.device
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    points = []
    for arm in arms(arguments.sizes):
        if arguments.arms and arm.name not in arguments.arms.split(","):
            continue
        for seconds in (float(s) for s in arguments.seconds.split(",")):
            bench = Bench(arm, seconds, device, dtype)
            point: dict[str, Any] = {
                "arm": arm.name, "seconds": seconds, "frames": bench.frames,
                "streams": bench.streams, "first_after_frames": bench.needed,
            }  # fmt: skip
            point["utterance"] = timed(bench.whole, arguments.trials, arguments.budget, device)
            point["first_audio"] = (
                timed(bench.first, arguments.trials, arguments.budget, device)
                if bench.streams else point["utterance"]
            )  # fmt: skip
            points.append(point)
            _write(arguments.out, _found(arguments, points, dtype))
            told = f"{point['first_audio']['p50_ms']:9.2f} {point['utterance']['p50_ms']:9.2f}"
            print(f"{arm.name:11} {seconds:5.1f} s  first, whole (ms): {told}", flush=True)
            del bench
    return _found(arguments, points, dtype)


def _found(
    arguments: argparse.Namespace, points: list[dict[str, Any]], dtype: torch.dtype
) -> dict[str, Any]:
    device = arguments.device
    name = torch.cuda.get_device_name() if device.startswith("cuda") else "cpu"
    return {
        "device": name, "torch": torch.__version__, "dtype": str(dtype), "sizes": arguments.sizes,
        "points": points,
        "crossings": {key: crossings(points, key) for key in ("first_audio", "utterance")},
    }  # fmt: skip


def _write(out: Path | None, found: dict[str, Any]) -> None:
    """Write what there is so far: a run that is cut keeps its points."""
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", choices=["published", "tiny"], default="published")
    parser.add_argument("--seconds", default="1,2,3,5,7.5,10,15,20,30")
    parser.add_argument("--arms", default="", help="names, with commas; all by default")
    parser.add_argument("--trials", type=int, default=P95_FROM)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds a point")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args(given)
    found = measure(arguments)
    print(json.dumps(found["crossings"]))
    _write(arguments.out, found)


if __name__ == "__main__":
    main()
