"""The shared vocabulary in code.

Dimensions: T samples, N prefix length, D model width, E embedding width.
torch is imported for type checkers only, so that configuration, planning and reports stay light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from xtts_lab import languages

if TYPE_CHECKING:
    from torch import Tensor

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Direction: TypeAlias = Literal["higher", "lower", "none"]

LANGUAGES = languages.LANGUAGES


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono audio: `samples` float32 [T] in [-1, 1] on the CPU; `sample_rate` in Hz."""

    samples: Tensor
    sample_rate: int

    @property
    def duration_s(self) -> float:
        return float(self.samples.shape[-1]) / self.sample_rate


@dataclass(frozen=True)
class Reference:
    """A recording that tells a system how to sound; text and language where they are known."""

    audio: Path
    text: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Utterance:
    """A test item.

    `enrolment` is held-out audio of the speaker, disjoint from `references`: what SECS compares
    with. `target` is a natural recording of this very text. An empty `text` means that nobody
    knows what is said (an untranscribed recording): error rates do not apply to it. `spoken` is
    how the text is read aloud, in words, where that differs: what a recogniser ought to hear.
    `audio` is what another program made of the text, where that is what is judged.
    """

    id: str
    text: str
    language: str
    speaker: str
    references: tuple[Reference, ...] = ()
    enrolment: tuple[Path, ...] = ()
    target: Path | None = None
    spoken: str | None = None
    audio: Path | None = None


@dataclass(frozen=True)
class SpeakerAudio:
    """What is at hand of one speaker: clips to clone from, and held-out clips to judge by.

    Speakers of the same language and `impostor_group` (a source, say) are one another's impostors;
    None keeps a speaker, whose identity nobody knows, out of that.
    """

    references: tuple[Reference, ...]
    enrolment: tuple[Path, ...]
    reference_language: str | None
    impostor_group: str | None = ""


class Speakers(Protocol):
    """A source of speakers for an experiment."""

    def ids(self, language: str) -> tuple[str, ...]:
        """Return the speakers who can speak, or be cloned, in texts of a language."""
        ...

    def voice(
        self,
        speaker: str,
        language: str,
        *,
        prompts: Callable[[str], Sequence[str]],
        folder: Path,
        exclude: Path | None = None,
    ) -> SpeakerAudio:
        """Return a speaker's audio for texts of a language, never the clip `exclude`.

        `prompts(language)` gives sentences for sources that must make their audio, which they do
        below `folder`, under names that depend on the content alone.
        """
        ...


@dataclass(frozen=True, eq=False)
class Voice:
    """What a model knows of a speaker: `prefix` [N, D], or codes [N]; `embedding` [E].

    `reference_s` is how many seconds of sound went into the prefix, where that is known.
    `text` and `language` are what the audio behind the codes says, for models that read it.
    `left_out` has a line for each reference that was not used, and why.
    """

    prefix: Tensor
    embedding: Tensor
    reference_s: float | None = None
    text: str | None = None
    language: str | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSizes:
    """What the model around a part decides.

    `width` D of the GPT's states, `codes` in its codebook, `embedding` E of speaker vectors (or 0),
    `bands` of the DVAE's mel, `code_stride`, samples of a code at 22 050 Hz, `levels` of codes.
    """

    width: int
    codes: int
    embedding: int
    bands: int
    code_stride: int = 1024
    levels: int = 1
    text_tokens: int = 0

    @property
    def codes_per_s(self) -> float:
        return 22050 / self.code_stride


@dataclass(frozen=True)
class Part:
    """A registered part by name, with all its settings, JSON-like."""

    name: str
    settings: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One thing to say. The audio depends on these fields alone, never on batch or order.

    `target` is the natural recording of the text, where the test set has one; only the system
    `recordings` reads it. `audio`, what another program made of the text, and the utterance's
    `id` are read by the system `files` alone.
    """

    text: str
    language: str
    references: tuple[Reference, ...]
    seed: int
    target: Path | None = None
    audio: Path | None = None
    id: str = ""


@dataclass(frozen=True)
class Timings:
    """Wall times in milliseconds; None where a system has no such stage."""

    condition_ms: float | None = None
    prefill_ms: float | None = None
    first_audio_ms: float | None = None
    total_ms: float | None = None


@dataclass(frozen=True, eq=False)
class Synthesis:
    """Synthesised audio; `stop` is `limit` where a length cap ended it; `codes` int64 [N].

    `details` is what was measured on the way, determined by the request as the audio is:
    `prefix_length`, `reference_s` (seconds of reference used), `tight_steps` (how many codes
    were drawn with a sampling margin under 1e-4), `unspoken` (letters and symbols of the text
    that nothing read), `references_left_out` (which, and why) and `cost_usd` (what a service asks
    for it) are columns of a run's trials.
    """

    audio: Audio
    stop: Literal["end", "limit"] = "end"
    timings: Timings = field(default_factory=Timings)
    codes: Tensor | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A request or clip that could not be served; `error` is one line without paths of the run."""

    error: str


class System(Protocol):
    """Anything that turns (text, language, references, seed) into audio.

    Construction is cheap: weights load at the first use. `identity` is what determines the audio
    beside the request and the configuration: weights' hashes, engine and library versions.
    What else a system may say of itself stands in `xtts_lab.systems.base`.
    """

    languages: frozenset[str]
    sample_rate: int

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield one result per request, in order."""
        ...


@runtime_checkable
class StreamingSystem(Protocol):
    """A system that can also speak in chunks; joined, they equal `synthesise` of the request."""

    languages: frozenset[str]
    sample_rate: int

    def prepare(self, references: Sequence[Reference]) -> Any:
        """Return the voice, ready to speak."""
        ...

    def stream(self, request: Request, voice: Any) -> Iterator[Audio]: ...


@dataclass(frozen=True, eq=False)
class Delivery:
    """A piece of a served request: `audio` on the host (maybe empty), nothing after the `last`.

    `error`: why the request ended before its end, one line.
    """

    ticket: int
    audio: Audio
    last: bool
    error: str | None = None


class Server(Protocol):
    """Several streams at once, in one thread: whoever drives it submits and polls in turn.

    A poll does a bit of work, a few ms of it, and returns what it brought. The pieces of a request,
    joined, are what the system streams of it alone.
    """

    @property
    def idle(self) -> bool:
        """Whether nothing is left to say."""
        ...

    def submit(self, request: Request, voice: Any) -> int:
        """Take a request with a voice that is ready; return its ticket."""
        ...

    def poll(self) -> Sequence[Delivery]: ...


@dataclass(frozen=True)
class Clip:
    """Audio for an instrument; `language` is there for those that are told it (`uses_language`)."""

    path: Path
    language: str | None = None


class Instrument(Protocol):
    """A pretrained judge. Construction is cheap; weights load at the first use.

    `identity` (name, model, weights' SHA-256, options, version) enters every key of its output.
    The output for a clip depends on that clip alone. `fetch`-ing weights happens at construction
    only where a local cache lacks them, with an error that names the remedy.
    """

    uses_language: bool

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield one JSON-like output per clip, in order."""
        ...


@dataclass(frozen=True)
class Streaming:
    """What a metric asks of the latency driver.

    `warmups`: utterances that each arm streams untimed beforehand; `trials`: how many trials of
    each arm are streamed, from the first on, None for all; `silence_dbfs`: the level, relative to
    full scale, from which a sample counts as sound.
    """

    warmups: int
    trials: int | None
    silence_dbfs: float


@dataclass(frozen=True)
class Streamed:
    """How a trial's audio arrived, in ms from the moment its text was submitted, the voice ready.

    `arrivals_ms`: when the samples of each chunk lay in the memory of the host; `durations_ms`: how
    long each chunk plays; `total_ms`: when the stream had ended; `sound_at_ms`: where in the audio
    the first sound is, None without one. With a voice that is not ready, from the moment its
    references were handed over: `prepare_ms`, when it was, and `cold_first_audio_ms`, when the
    first chunk arrived. `difference`: the largest absolute difference to the samples of the
    trial's audio, None where rate or length differ.
    """

    arrivals_ms: tuple[float, ...]
    durations_ms: tuple[float, ...]
    total_ms: float
    sound_at_ms: float | None
    prepare_ms: float
    cold_first_audio_ms: float
    difference: float | None


@dataclass(frozen=True)
class Loading:
    """What a metric asks of the load driver.

    `rates`: requests a second, one load after the other; `streams`: how many a system speaks at
    once at most; `trials`: how many trials of each arm come at a rate, from the first on, None for
    all; `warmups`: streams beforehand, all at once, untimed; `seed` draws when they come.
    """

    rates: tuple[float, ...]
    streams: int
    trials: int | None
    warmups: int
    silence_dbfs: float
    seed: int


@dataclass(frozen=True)
class Loaded:
    """How a trial's audio arrived under a load of `rate` requests a second.

    In ms from when its text was due to come, the voice ready, as in `Streamed`. `error`: why it
    ended before its end; what is there then is what came before.
    """

    rate: float
    arrivals_ms: tuple[float, ...]
    durations_ms: tuple[float, ...]
    sound_at_ms: float | None
    difference: float | None
    error: str | None = None


@dataclass(frozen=True)
class Evidence:
    """What a metric may know of a trial.

    `outputs` maps each entry of the metric's `needs` to an instrument's output: a plain name to
    the output on the trial's audio, `name:role` (roles: enrolment, references, impostors, target)
    to the list of outputs on that role's clips, empty where the utterance has none. `speakers` maps
    each `name:impostors` to the speakers of its outputs, in the same order. `stream` is there for
    metrics that ask for `streaming`, where the trial was streamed, `loads`, one a rate, for those
    that ask for `loading`.
    """

    utterance: Utterance
    duration_s: float
    timings: Timings
    outputs: Mapping[str, Any]
    repeat: int = 0
    speakers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stream: Streamed | None = None
    loads: Sequence[Loaded] = ()


class Metric(Protocol):
    """A pure function of evidence, on a trial or on the group of a trial's repeats.

    `components` returns the summable parts of one unit (edits and length, say); an empty mapping
    means that the metric does not apply to it. `values` turns summed components into quantities.
    What else a metric may say of itself stands in `xtts_lab.metrics.base`.
    """

    level: Literal["trial", "repeats"]
    needs: tuple[str, ...]
    directions: Mapping[str, Direction]

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]: ...

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]: ...
