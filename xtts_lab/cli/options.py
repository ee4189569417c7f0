"""Arguments and flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

ExperimentFile = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT", help="A YAML file, or a folder of them.")
]
Overrides = Annotated[
    Optional[list[str]],  # noqa: UP045  typer reads this at run time
    typer.Argument(metavar="[path.to.key=value]...", help="Settings that replace the file's."),
]
Out = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", metavar="DIR", help="The run folder.  [default: runs/NAME]"),
]
Device = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--device", help="cpu, cuda, cuda:1, ...  [default: CUDA where there is one]"),
]
Limit = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--limit", min=1, help="Only the first N trials of every arm."),
]
Languages = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--languages", metavar="a,b", help="Only these languages."),
]
Workers = Annotated[
    int, typer.Option("--workers", min=1, max=1024, help="Processes that share the work.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Neither take from nor add to what runs share.")
]
Remeasure = Annotated[
    bool, typer.Option("--remeasure", help="Make the audio again, and take all timings again.")
]
Executor = Annotated[
    str,
    typer.Option("--executor", metavar="local|ray", help="Where workers live: here, or with Ray."),
]
Address = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--address", metavar="ADDRESS", help="A Ray cluster's; auto finds it."),
]
AllowMixed = Annotated[
    bool,
    typer.Option(
        "--allow-mixed", help="Print what was judged otherwise side by side, without a verdict."
    ),
]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What to say.")]
Language = Annotated[str, typer.Option("--language", "-l", help="Its language, as in en, zh-cn.")]
CheckpointName = Annotated[
    str,
    typer.Option(
        "--checkpoint",
        help="A folder, owner/name[@commit] on the hub, or random-tiny (random weights).",
    ),
]
References = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option("--reference", "-r", metavar="FILE", help="A recording to clone; repeatable."),
]
VoiceName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--voice", help="A studio voice of the checkpoint (see xtts-lab voices)."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same speech.")]
MaxCodes = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--max-codes", min=1, help="Cap a sentence's length (a code of XTTS-v2: 46 ms)."),
]
Hours = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--hours", help="How much speech; needed unless DIR is planned already."),
]
HeldOut = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--held-out", help="Speakers of validation, and as many of test."),
]
Source = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--from", metavar="DIR", help="Where recordings lie."),
]
Layout = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--layout", help="Of recordings: ljspeech, libritts, mls, common_voice or manifest."
    ),
]
WorkersDevices = Annotated[
    str, typer.Option("--devices", metavar="cuda:0,cuda:1", help="The workers take turns.")
]
JobsPerDevice = Annotated[
    int, typer.Option("--jobs-per-device", min=1, help="Runs on a device at once.")
]
Minutes = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--minutes", help="Stop after so long; the same command goes on."),
]
PlanOnly = Annotated[
    bool, typer.Option("--plan-only", help="Only the table of what is to be said.")
]
TestSet = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--test-set", metavar="DIR", help="Also the test speakers, as manifests."),
]
TestSpeakers = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--test-speakers", min=1, help="In the test set: only the first so many."),
]
TestItems = Annotated[
    int, typer.Option("--test-items", min=1, help="What each of them says in a language.")
]
TestLanguages = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--test-languages",
        min=1,
        help="Of each speaker: 2 is English and one of the others in turn.",
    ),
]
Floors = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--floors", metavar="RUN", help="Note how a run judged the test set's natural speech."
    ),
]
