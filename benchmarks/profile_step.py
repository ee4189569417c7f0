"""Where a decoding step's time goes, kernel by kernel (XTTS-v2's sizes, random weights, one GPU).

python benchmarks/profile_step.py
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.profiler import ProfilerActivity, profile

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.tuning import Tuning
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig
from xtts_lab.nn.gpt import Gpt


def main() -> None:
    torch.manual_seed(0)
    gpt = Gpt(ModelConfig().gpt).to("cuda").eval()
    prompt = Prompt(torch.randn(32, 1024), torch.randint(3, 250, (45,)), 0, SamplingOptions(), 200)
    for rows, pdl in ((1, False), (1, True), (128, False)):
        tuning = replace(Tuning.choose(torch.device("cuda"), rows), pdl=pdl)
        engine = DecodingEngine(
            gpt, prompt.sampling, rows=rows, steps=200, prompt=128, dtype=torch.bfloat16,
            tuning=tuning, banned=gpt.config.stop_audio,
        )  # fmt: skip
        engine.start([replace(prompt, seed=seed) for seed in range(rows)])
        engine.advance(60)
        torch.cuda.synchronize()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        engine.advance(20)
        end.record()
        torch.cuda.synchronize()
        print(f"rows {rows} pdl {pdl}: {start.elapsed_time(end) / 20:.3f} ms a step")
        with profile(activities=[ProfilerActivity.CUDA]) as made:
            engine.advance(20)
            torch.cuda.synchronize()
        for row in sorted(made.key_averages(), key=lambda r: -r.device_time_total)[:14]:
            spent, calls = row.device_time_total / 20, row.count / 20
            print(f"{spent:9.1f} us a step {calls:6.1f} x {row.key[:70]}")


if __name__ == "__main__":
    main()
