"""Where a decoding step's time goes, kernel by kernel (XTTS-v2's sizes, random weights, one GPU).

python benchmarks/profile_step.py
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.profiler import ProfilerActivity, profile

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.step import Tuning
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig
from xtts_lab.nn.gpt import Gpt


def main() -> None:
    torch.manual_seed(0)
    gpt = Gpt(ModelConfig().gpt).to("cuda").eval()
    prompt = Prompt(torch.randn(32, 1024), torch.randint(3, 250, (45,)), 0, SamplingOptions(), 200)
    for pdl in (False, True):
        tuning = replace(Tuning(), pdl=pdl)
        engine = DecodingEngine(
            gpt, prompt.sampling, steps=200, dtype=torch.bfloat16, tuning=tuning, banned=1025
        )
        engine.start([prompt])
        engine.advance(60)
        torch.cuda.synchronize()
        with profile(activities=[ProfilerActivity.CUDA]) as made:
            engine.advance(20)
            torch.cuda.synchronize()
        print("pdl", pdl)
        print(
            made.key_averages().table(
                sort_by="cuda_time_total", row_limit=12, max_name_column_width=40
            )
        )


if __name__ == "__main__":
    main()
