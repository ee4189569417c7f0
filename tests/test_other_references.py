"""A system that is given other references: which, for whom, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from xtts_lab import audio, config
from xtts_lab.errors import UsageError
from xtts_lab.experiment.construction import content_of
from xtts_lab.systems.null import NullSystem
from xtts_lab.systems.other_references import OtherReferencesSystem
from xtts_lab.types import Audio, Failure, Reference, Request, Synthesis
from xtts_lab.yaml_file import Document, Where

ROWS = [
    ("a", "en", "Anna"),
    ("b", "en", "Ben"),
    ("c", "en", "Anna"),
    ("d", "de", "Dora"),
    ("e", "de", "Emil"),
]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    lines = ["id,text,language,speaker,references"]
    for i, (name, language, speaker) in enumerate(ROWS):
        audio.save(tmp_path / f"{name}.wav", Audio(torch.full((1600,), 0.1 * (i + 1)), 16_000))
        lines.append(f"{name},Hello.,{language},{speaker},{name}.wav")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests that reach the inner system."""
    seen: list[Request] = []
    plain = NullSystem.synthesise

    def listen(self: NullSystem, requests: Sequence[Request]) -> Iterator[Any]:
        seen.extend(requests)
        return plain(self, requests)

    monkeypatch.setattr(NullSystem, "synthesise", listen)
    return seen


def request(name: str, path: Path) -> Request:
    return Request("Hello.", "en", (Reference(path.parent / "own.wav"),), 3, id=name)


@pytest.mark.parametrize(
    ("whose", "expected"),
    [("same", "abcde"), ("another", "bcbed")],  # of the language, the next by somebody else
)
def test_references_are_the_manifests(
    manifest: Path, heard: list[Request], whose: Any, expected: str
) -> None:
    system = OtherReferencesSystem(system={"name": "null"}, manifest=manifest, whose=whose)
    made = list(system.synthesise([request(name, manifest) for name, *_ in ROWS]))
    assert all(isinstance(one, Synthesis) for one in made)
    assert "".join(one.references[0].audio.stem for one in heard) == expected
    assert {one.seed for one in heard} == {3}


def test_an_id_that_the_manifest_lacks_fails_alone(manifest: Path, heard: list[Request]) -> None:
    system = OtherReferencesSystem(system={"name": "null"}, manifest=manifest)
    made = list(system.synthesise([request(name, manifest) for name in ("b", "x", "a")]))
    assert [type(one) for one in made] == [Synthesis, Failure, Synthesis]
    assert "'x'" in str(made[1])
    assert [one.id for one in heard] == ["b", "a"]


def test_the_identity_follows_system_and_references(manifest: Path) -> None:
    def key(whose: Any = "same", **system: Any) -> Any:
        written = {"name": "other_references", "manifest": str(manifest), "whose": whose}
        spec = config.resolve(
            "systems", {**written, "system": {"name": "null", **system}}, Where(Document("x"))
        )
        part = config.build("systems", spec, Where(Document("x")))
        return content_of(part, spec, None)

    first = key()
    assert key() == first
    assert key("another") != first
    assert key(duration_s=0.7) != first
    moved = manifest.rename(manifest.with_name("moved.csv"))
    manifest = moved
    assert key() == first  # the path is free, the references count
    audio.save(manifest.parent / "a.wav", Audio(torch.zeros(1600), 16_000))
    assert key() != first


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ({"name": "other_references", "system": {"name": "null"}}, "does not stand in itself"),
        ({"name": "nul"}, "did you mean"),
        ({"name": "null", "seconds": 1}, "seconds"),
    ],
)
def test_mistakes_in_the_system_are_named(manifest: Path, system: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        OtherReferencesSystem(system=system, manifest=manifest)


def test_nobody_else_in_the_language_is_named(manifest: Path) -> None:
    kept = [line for line in manifest.read_text().splitlines() if "Emil" not in line]
    manifest.write_text("\n".join(kept) + "\n")
    with pytest.raises(UsageError, match=r"no references for 'd' \(another speaker\)"):
        OtherReferencesSystem(system={"name": "null"}, manifest=manifest, whose="another")
