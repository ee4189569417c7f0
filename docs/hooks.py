"""What the site takes from outside `docs/`: the README as its first page, CONTRIBUTING, figures.

Links are written for whoever reads the repository; here they are turned to the site's own pages.
What is not on the site (reports, experiments, code) is named, and not linked.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"(?P<bang>!?)\[(?P<text>[^\]]*)\]\((?P<to>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and figures that lie elsewhere in the repository."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for figure in sorted((ROOT / "reports").glob("*.svg")):
        place = f"reports/{figure.name}"
        files.append(File.generated(config, place, abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: Any) -> str:
    """Turn links of the repository into links of the site."""
    at = page.file.src_uri
    home = next((source for source, name in PAGES.items() if name == at), f"docs/{at}")
    return LINK.sub(lambda found: _link(found, home, at, files), markdown)


def _link(found: re.Match[str], home: str, at: str, files: Files) -> str:
    to, anchor = found["to"], found["anchor"] or ""
    if not to or "://" in to:
        return found[0]
    place = posixpath.normpath(posixpath.join(posixpath.dirname(home), to))
    name = PAGES.get(place, place.removeprefix("docs/"))
    if files.get_file_from_path(name) is not None:
        near = posixpath.relpath(name, posixpath.dirname(at) or ".")
        return f"{found['bang']}[{found['text']}]({near}{anchor})"
    if not (ROOT / place).exists():
        return found[0]  # broken, and the strict build says so
    text = found["text"]
    named = PurePosixPath(place).as_posix()
    return text if named in text or text.startswith("`") else f"{text} (`{named}`)"
