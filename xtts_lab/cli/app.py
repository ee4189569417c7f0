"""The commands and their flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from xtts_lab.cli.options import (
    Address,
    AllowMixed,
    CheckpointName,
    Device,
    Executor,
    ExperimentFile,
    Floors,
    HeldOut,
    Hours,
    JobsPerDevice,
    Language,
    Languages,
    Layout,
    Limit,
    MaxCodes,
    Minutes,
    NoCache,
    Out,
    Overrides,
    PlanOnly,
    References,
    Remeasure,
    Seed,
    Source,
    TestItems,
    TestLanguages,
    TestSet,
    TestSpeakers,
    Text,
    VoiceName,
    Workers,
    WorkersDevices,
)

app = typer.Typer(
    name="xtts-lab",
    help="Take an XTTS-style multilingual TTS apart, swap one part, and measure what it did.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Take an XTTS-style multilingual TTS apart, swap one part, and measure what it did."""


@app.command()
def run(
    context: typer.Context,
    experiment: ExperimentFile,
    overrides: Overrides = None,
    out: Out = None,
    device: Device = None,
    limit: Limit = None,
    languages: Languages = None,
    workers: Workers = 1,
    no_cache: NoCache = False,
    remeasure: Remeasure = False,
    executor: Executor = "local",
    address: Address = None,
) -> int:
    """Plan, synthesise, measure, score, summarise and report. Run again, it resumes."""
    from xtts_lab.cli.asked import Choice, Labour  # light: it has workers import first

    asked = Choice(overrides or (), out, device, limit, languages, careful=bool(context.obj))
    at = Labour(workers, executor, address)
    return at.run(experiment, asked, use_cache=not no_cache, remeasure=remeasure)


@app.command()
def plan(
    context: typer.Context,
    experiment: ExperimentFile,
    overrides: Overrides = None,
    out: Out = None,
    device: Device = None,
    limit: Limit = None,
    languages: Languages = None,
) -> int:
    """Show arms, trials, expected time and disk, without running."""
    from xtts_lab.cli.experiments import Choice, show_plans

    asked = Choice(overrides or (), out, device, limit, languages, careful=bool(context.obj))
    return show_plans(experiment, asked)


@app.command()
def score(
    context: typer.Context,
    manifest: Annotated[
        Path,
        typer.Argument(metavar="MANIFEST", help="CSV, JSONL, meta.lst, LJSpeech or hf:owner/name."),
    ],
    audio: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--audio", metavar="DIR", help="Audio as DIR/<id>.wav; else column `audio`."),
    ] = None,
    system: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--system", metavar="NAME", help="What made it.  [default: DIR's name]"),
    ] = None,
    language: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--language", metavar="xx", help="Of rows that do not say, as in meta.lst."),
    ] = None,
    speaker: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--speaker", help="Of rows that do not say, as in LJSpeech."),
    ] = None,
    metrics: Annotated[
        str, typer.Option("--metrics", metavar="a,b", help="See xtts-lab list metrics.")
    ] = "wer,cer,secs,duration",
    file_format: Annotated[
        str,
        typer.Option(
            "--format",
            help="csv, csv-bar, tsv, jsonl, meta-lst, ljspeech, coqui, hf, ...",
        ),
    ] = "auto",
    split: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--split", help="Only the rows of this split."),
    ] = None,
    root: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--root", metavar="DIR", help="Clips may lie anywhere below it."),
    ] = None,
    max_duration_s: Annotated[
        float, typer.Option("--max-duration-s", help="Longer audio is a failure.")
    ] = 600.0,
    out: Out = None,
    device: Device = None,
    limit: Limit = None,
    languages: Languages = None,
    workers: Workers = 1,
    no_cache: NoCache = False,
) -> int:
    """Score audio that another program made, listed in a manifest. Run again, it resumes."""
    from xtts_lab.cli.score import Audio, score_manifest
    from xtts_lab.experiment.workers.host import Host

    made = Audio(manifest, audio, system, file_format, language, speaker, split, root)
    data = made.experiment(metrics, limit, languages, max_duration_s)
    host = Host(careful=bool(context.obj))
    return score_manifest(data, out, device, host, workers=workers, use_cache=not no_cache)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    resamples: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--resamples", metavar="N", help="First draw the intervals anew."),
    ] = None,
    allow_mixed: AllowMixed = False,
) -> int:
    """Rebuild the report of a run from its tables."""
    from xtts_lab.cli.experiments import rebuild_report

    return rebuild_report(run, resamples, allow_mixed=allow_mixed)


@app.command()
def compare(
    run: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder.")],
    other: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="[RUN_B]", help="The run folder that is compared with it."),
    ] = None,
    published: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--published", metavar="NAME", help="A published table, as xtts-paper."),
    ] = None,
    arm: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--arm", metavar="ARM[=ARM_B]", help="Only these.  [default: same names]"),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", metavar="DIR", help="Write compare.html, .md and .csv there."),
    ] = None,
    allow_mixed: AllowMixed = False,
) -> int:
    """Test how two runs differ on common items, or put one beside a published table."""
    from xtts_lab.cli.compare import compare as compare_with

    return compare_with(run, other, published, arm or (), out, allow_mixed=allow_mixed)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the log goes.")],
    to: Annotated[str, typer.Option("--to", metavar="SINK", help="tensorboard or mlflow.")],
) -> int:
    """Hand a run's results to an experiment tracker."""
    from xtts_lab.cli.export import export as export_to

    return export_to(run, folder, to)


@app.command()
def synthesise(
    text: Text,
    language: Language,
    checkpoint: CheckpointName,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The WAV to write.")],
    reference: References = None,
    voice: VoiceName = None,
    seed: Seed = 0,
    max_codes: MaxCodes = None,
    device: Device = None,
) -> int:
    """Say a text with a cloned or a studio voice, into a WAV file."""
    from xtts_lab.cli import speaking

    speech = speaking.Speech(
        text, language, checkpoint, tuple(reference or ()), voice, seed, max_codes, device or "auto"
    )
    return speaking.synthesise(speech, out)


@app.command()
def stream(
    text: Text,
    language: Language,
    checkpoint: CheckpointName,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--out", "-o", metavar="FILE", help="The WAV to write.  [default: raw PCM to stdout]"
        ),
    ] = None,
    reference: References = None,
    voice: VoiceName = None,
    seed: Seed = 0,
    max_codes: MaxCodes = None,
    device: Device = None,
) -> int:
    """Say a text in chunks as they are ready, and when each was."""
    from xtts_lab.cli import speaking

    speech = speaking.Speech(
        text, language, checkpoint, tuple(reference or ()), voice, seed, max_codes, device or "auto"
    )
    return speaking.stream(speech, out)


@app.command()
def latency(
    systems: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[SYSTEM]...", help="A system's name, or a checkpoint's."),
    ] = None,
    checkpoint: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--checkpoint", help="Of ours: a folder, hub id or name; repeatable."),
    ] = None,
    dtype: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--dtype", metavar="a,b", help="float32, bfloat16, float16: each of them."),
    ] = None,
    chunks: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--chunks", metavar="a,b", help="Codes a chunk, as 20 or 6:2:40: each."),
    ] = None,
    load: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--load", metavar="RATE,...", help="Requests a second, open loop."),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Streams of each system.")] = 10,
    warmups: Annotated[int, typer.Option("--warmups", min=0, help="Before them, untimed.")] = 2,
    load_trials: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--load-trials", min=1, help="Requests at each rate.  [default: --trials]"),
    ] = None,
    streams: Annotated[int, typer.Option("--streams", min=1, help="At once, under load.")] = 16,
    language: Language = "en",
    reference: References = None,
    voice: VoiceName = None,
    max_codes: MaxCodes = None,
    seed: Seed = 0,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", metavar="DIR", help="Write latency.json and a report there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
    device: Device = None,
) -> int:
    """Time first audio, stages and load of streaming systems."""
    from xtts_lab.cli import latency as timing

    choice = timing.Choice(
        tuple(systems or ()), tuple(checkpoint or ()), timing.parsed_list(dtype),
        timing.parsed_list(chunks), language, tuple(reference or ()), voice, trials, warmups,
        timing.parsed_rates(load), load_trials, streams, max_codes, seed, device,
    )  # fmt: skip
    return timing.latency(choice, out, as_json=as_json)


@app.command()
def voices(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="As for synthesise.")],
) -> int:
    """List the studio voices that come with a checkpoint."""
    from xtts_lab.cli import speaking

    return speaking.voices(checkpoint)


@app.command()
def train(
    training: Annotated[
        Path, typer.Argument(metavar="TRAINING", help="A YAML file, or a folder of them.")
    ],
    overrides: Overrides = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the runs stand, side by side.")
    ] = Path("runs/train"),
    devices: Annotated[
        str, typer.Option("--devices", metavar="a,b", help="cpu, cuda:0,cuda:1, ...")
    ] = "auto",
    jobs_per_device: JobsPerDevice = 1,
    minutes: Minutes = None,
) -> int:
    """Train the parts of a model. Run again, it resumes."""
    from xtts_lab.cli.training import train as train_all

    return train_all(training, tuple(overrides or ()), out, devices, jobs_per_device, minutes)


@app.command()
def corpus(
    name: Annotated[str, typer.Argument(metavar="NAME", help="neural16, formant16 or recordings.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The corpus folder.")],
    hours: Hours = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same corpus.")] = 0,
    languages: Languages = None,
    utterances: Annotated[int, typer.Option("--utterances", help="Of each speaker.")] = 20,
    held_out: HeldOut = None,
    source: Source = None,
    layout: Layout = None,
    devices: WorkersDevices = "cpu",
    workers: Workers = 1,
    minutes: Minutes = None,
    plan_only: PlanOnly = False,
    test_set: TestSet = None,
    test_speakers: TestSpeakers = None,
    test_items: TestItems = 4,
    test_languages: TestLanguages = None,
    floors: Floors = None,
) -> int:
    """Make a corpus to train on, of synthetic or recorded speech: plan, then render. Resumes."""
    from xtts_lab.cli import corpus as corpora

    asked = corpora.Asked(name, out, hours, seed, languages, utterances, held_out, source, layout)
    rendering = corpora.Rendering(tuple(devices.split(",")), workers, minutes)
    done = corpora.make(asked, rendering, plan_only=plan_only)
    if floors is not None:
        from xtts_lab.cli.corpus_floors import note_floors

        note_floors(out, floors)
    if test_set is None or plan_only:
        return done
    chosen = corpora.TestSet(test_set, test_speakers, test_items, test_languages)
    return corpora.write_test_set(out, chosen)


@app.command(name="list")
def list_kind(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help="systems, conditioners, vocoders, metrics, ..."),
    ],
) -> int:
    """List what an experiment can name, with the settings of each."""
    from xtts_lab.cli.catalogue import show

    return show(kind)


@app.command()
def doctor() -> int:
    """Check that everything needed works here, and say what to do where it does not."""
    from xtts_lab.cli.doctor import examine

    return examine()
