"""Names for everything that an experiment can swap, resolved lazily.

A built-in is one line here (`name: "module:Class"`); a third-party package adds its own through
the entry-point groups `xtts_lab.systems`, `.conditioners`, `.decoders`, `.vocoders`, `.metrics`,
`.instruments`, `.stages` (of training), `.texts` and `.speakers`. Nothing is imported before it is
asked for.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.languages import meant

BUILTIN: Mapping[str, Mapping[str, str]] = {
    "systems": {
        "blend": "xtts_lab.systems.blend:BlendSystem",
        "command": "xtts_lab.systems.command:CommandSystem",
        "coqui": "xtts_lab.systems.coqui:CoquiSystem",
        "copy_synthesis": "xtts_lab.systems.copy_synthesis:CopySynthesisSystem",
        "espeak": "xtts_lab.systems.espeak:EspeakSystem",
        "fewer_references": "xtts_lab.systems.fewer_references:FewerReferencesSystem",
        "files": "xtts_lab.systems.files:FilesSystem",
        "generations": "xtts_lab.systems.generations:GenerationsSystem",
        "kokoro": "xtts_lab.systems.kokoro:KokoroSystem",
        "other_references": "xtts_lab.systems.other_references:OtherReferencesSystem",
        "null": "xtts_lab.systems.null:NullSystem",
        "openai_speech": "xtts_lab.systems.openai_speech:OpenAiSpeechSystem",
        "recordings": "xtts_lab.systems.recordings:RecordingsSystem",
        "xtts": "xtts_lab.systems.xtts:XttsSystem",
    },
    "conditioners": {
        "code_prompt": "xtts_lab.conditioners.code_prompt:CodePromptConditioner",
        "encoder_sequence": "xtts_lab.conditioners.encoder_sequence:EncoderSequenceConditioner",
        "learned_vector": "xtts_lab.conditioners.learned_vector:LearnedVectorConditioner",
        "no_reference": "xtts_lab.conditioners.no_reference:NoReferenceConditioner",
        "perceiver": "xtts_lab.conditioners.perceiver:PerceiverConditioner",
        "speaker_embedding": "xtts_lab.conditioners.speaker_embedding:SpeakerEmbeddingConditioner",
        "tortoise": "xtts_lab.conditioners.tortoise:TortoiseConditioner",
        "valle": "xtts_lab.conditioners.valle:ValleConditioner",
    },
    "decoders": {
        "ar_nar": "xtts_lab.decoders.ar_nar:ArNarDecoder",
        "delay": "xtts_lab.decoders.delay:DelayDecoder",
        "masked": "xtts_lab.decoders.masked:MaskedDecoder",
        "single": "xtts_lab.decoders.single:SingleDecoder",
    },
    "vocoders": {
        "codec": "xtts_lab.vocoders.codec:CodecVocoder",
        "diffusion": "xtts_lab.vocoders.diffusion:DiffusionVocoder",
        "griffin_lim": "xtts_lab.vocoders.griffin_lim:GriffinLimVocoder",
        "hifigan": "xtts_lab.vocoders.hifigan:HifiganVocoder",
        "mel_hifigan": "xtts_lab.vocoders.mel_hifigan:MelHifiganVocoder",
        "mel_vocos": "xtts_lab.vocoders.mel_vocos:MelVocosVocoder",
        "vocos": "xtts_lab.vocoders.vocos:VocosVocoder",
    },
    "metrics": {
        "blend": "xtts_lab.metrics.blend:Blend",
        "cer": "xtts_lab.metrics.error_rate:Cer",
        "consistency": "xtts_lab.metrics.consistency:Consistency",
        "drift": "xtts_lab.metrics.drift:Drift",
        "duration": "xtts_lab.metrics.duration:Duration",
        "identification": "xtts_lab.metrics.identification:Identification",
        "language_identity": "xtts_lab.metrics.language_identity:LanguageIdentity",
        "latency": "xtts_lab.metrics.latency:Latency",
        "load": "xtts_lab.metrics.load:Load",
        "naturalness": "xtts_lab.metrics.naturalness:Naturalness",
        "prosody": "xtts_lab.metrics.prosody:Prosody",
        "sanity": "xtts_lab.metrics.sanity:Sanity",
        "secs": "xtts_lab.metrics.secs:Secs",
        "speed": "xtts_lab.metrics.speed:Speed",
        "target_distance": "xtts_lab.metrics.target_distance:TargetDistance",
        "wer": "xtts_lab.metrics.error_rate:Wer",
    },
    "instruments": {
        "contour": "xtts_lab.instruments.contour:Contour",
        "distillmos": "xtts_lab.instruments.distillmos:DistillMos",
        "dnsmos": "xtts_lab.instruments.dnsmos:Dnsmos",
        "ecapa": "xtts_lab.instruments.ecapa:Ecapa",
        "faster_whisper": "xtts_lab.instruments.whisper.faster:FasterWhisper",
        "levels": "xtts_lab.instruments.levels:Levels",
        "pitch": "xtts_lab.instruments.pitch:Pitch",
        "resemblyzer": "xtts_lab.instruments.resemblyzer:Resemblyzer",
        "speaker_windows": "xtts_lab.instruments.speaker_windows:SpeakerWindows",
        "utmos": "xtts_lab.instruments.utmos.predictor:Utmos",
        "voicefilter": "xtts_lab.instruments.voicefilter:VoiceFilter",
        "wavlm_large_sv": "xtts_lab.instruments.wavlm_large.judge:WavLmLargeSv",
        "wavlm_sv": "xtts_lab.instruments.wavlm_sv:WavLmSv",
        "world_ctc": "xtts_lab.instruments.world_ctc:WorldCtc",
        "whisper": "xtts_lab.instruments.whisper.recogniser:Whisper",
    },
    "stages": {
        "codec_vocoder": "xtts_lab.training.codec.vocoder:CodecVocoderStage",
        "ctc": "xtts_lab.training.recogniser.stage:CtcStage",
        "decoder": "xtts_lab.training.decoders.stage:DecoderStage",
        "diffusion": "xtts_lab.training.codec.diffusion:DiffusionStage",
        "dvae": "xtts_lab.training.codec.dvae:DvaeStage",
        "finetune": "xtts_lab.training.gpt.finetune:FinetuneStage",
        "gpt": "xtts_lab.training.gpt.stage:GptStage",
        "rvq": "xtts_lab.training.codec.rvq:RvqStage",
        "sample": "xtts_lab.training.gpt.sampling:SampleTask",
        "speaker_encoder": "xtts_lab.training.speaker.stage:SpeakerEncoderStage",
        "states_vocoder": "xtts_lab.training.codec.states:StatesVocoderStage",
        "tokenise": "xtts_lab.training.gpt.tokenise:TokeniseTask",
    },
    "texts": {
        "builtin": "xtts_lab.data.builtin:BuiltinTexts",
        "manifest": "xtts_lab.data.manifest:ManifestTexts",
        "world": "xtts_lab.training.corpora.world_texts:WorldTexts",
    },
    "speakers": {
        "manifest": "xtts_lab.data.manifest:ManifestSpeakers",
        "synthetic": "xtts_lab.espeak.speakers:SyntheticSpeakers",
    },
}


BASES: Mapping[str, str] = {
    "systems": "xtts_lab.systems.base:BaseSystem",
    "metrics": "xtts_lab.metrics.base:BaseMetric",
    "instruments": "xtts_lab.instruments.base:BaseInstrument",
    "texts": "xtts_lab.data.base:BaseTexts",
    "speakers": "xtts_lab.data.base:BaseSpeakers",
}
"""What declares the defaults of a kind: given to a class that does not inherit them."""


def kinds() -> tuple[str, ...]:
    """The kinds of things that have names."""
    return tuple(sorted(BUILTIN))


def targets(kind: str) -> dict[str, str]:
    """Return name -> "module:Class" of one kind, built-in and installed; built-ins win."""
    if kind not in BUILTIN:
        raise UsageError(unknown("kind", kind, BUILTIN))
    return dict(sorted({**_installed(kind, _search_path()), **BUILTIN[kind]}.items()))


@lru_cache
def _installed(kind: str, _path: tuple[tuple[str, int], ...]) -> Mapping[str, str]:
    """Return what packages bring, read once (30 ms) as long as nothing is installed."""
    return {e.name: e.value for e in entry_points(group=f"xtts_lab.{kind}")}


def _search_path() -> tuple[tuple[str, int], ...]:
    """Return where packages are and when each folder changed: with every installation."""
    found = [(entry, Path(entry or ".")) for entry in sys.path]
    return tuple((entry, at.stat().st_mtime_ns) for entry, at in found if at.is_dir())


def candidates(kind: str, name: str) -> Mapping[str, str]:
    """Return targets among which a name is found if it is known at all."""
    built_in = BUILTIN.get(kind, {})
    # Built-ins win anyway, and need no look through the installed packages.
    return built_in if name in built_in else targets(kind)


def lookup(kind: str, name: str) -> type[Any]:
    """Import and return the class behind a name; an unknown name is a `UsageError`."""
    known = candidates(kind, name)
    if name not in known:
        raise UsageError(unknown(kind.removesuffix("s"), name, known))
    imported: Any = _loaded(kind, name, known[name])
    found: type[Any] = _with_defaults(kind, imported)
    return found


def _loaded(kind: str, name: str, target: str) -> type[Any]:
    """Import a class; what goes wrong in a package that brings it is a `UsageError`."""
    try:
        found = _imported(target)
    except (UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise UsageError(
            f"{kind.removesuffix('s')} '{name}' cannot be loaded from {target} "
            f"({type(error).__name__}: {error}); reinstall or remove the package that brings it"
        ) from error
    if not isinstance(found, type):
        raise UsageError(f"{kind.removesuffix('s')} '{name}': {target} is no class")
    return found


@cache
def _with_defaults(kind: str, found: Any) -> Any:
    """Return a class that has all that its kind may declare: what it leaves out is the base's."""
    if kind not in BASES or not isinstance(found, type):
        return found
    base = _imported(BASES[kind])
    if issubclass(found, base):
        return found
    named = {"__doc__": found.__doc__, "__module__": found.__module__}
    return type(found.__name__, (found, base), named)


def _imported(target: str) -> type[Any]:
    module, _, attribute = target.partition(":")
    found: type[Any] = getattr(importlib.import_module(module), attribute)
    return found


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Say in one line that `name` is not known, with the nearest name or all of them."""
    choices = sorted(known)
    near = _nearest(what, str(name), choices)
    hint = f"did you mean '{near}'?" if near else f"known: {', '.join(choices) or 'none'}"
    return f"unknown {what} '{name}'; {hint}"


def _nearest(what: str, name: str, choices: list[str]) -> str | None:
    if what.endswith("language"):
        code = meant(name, choices)
        if code is not None or len(name) == 2:  # of two letters any code is half the same
            return code
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    return near[0] if near else None
