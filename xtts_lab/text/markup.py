"""Light markup in a text to speak: HTML entities and tags, and Markdown, without their marks.

What a web page or a chat program leaves in a text is decoded or dropped; nothing of it is spoken.
A sign that could be arithmetic ("3 < 5", "2 * 3", "snake_case") stays.
"""

from __future__ import annotations

import html
import re

_BLOCKS = "p|br|div|li|ul|ol|h[1-6]|tr|td|th|table|section|article|blockquote|pre|hr|title"
_INLINE = (
    "a|abbr|b|big|cite|code|del|em|font|i|img|ins|kbd|mark|q|rb|ruby|s|small|span|strike|strong|sub|sup|tt|u"
    "|var|speak|prosody|voice|break|emphasis|say-as|phoneme|audio|html|body|head|meta|input|button"
)
_HIDDEN = re.compile(
    r"<!--.*?-->|<(script|style|rt|rp)\b[^<>]{0,2000}>.*?</\1\s*>", re.DOTALL | re.IGNORECASE
)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCKS})\b[^<>]{{0,2000}}>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?:\s[^<>]{{0,2000}})?/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_MARKDOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), kept)
    for pattern, kept in (
        (r"^\s{0,3}(?:```|~~~)[\w+-]*\s*$", ""),  # fences
        (r"^\s{0,3}#{1,6}[ \t]+(?=\S)", ""),  # headings
        (
            r"^\s{0,3}>[ \t]?(?=\S)(?![$£€¥₽]?\d[\d.,]*\s?[%°$£€¥₽]?C?\s*$)",
            "",
        ),  # quotations; "> 5" compares
        (r"^\s{0,3}[*+][ \t]+(?=\S)", ""),  # lists
        (r"^\s{0,3}-[ \t]+(?=[^\W\d])", ""),
        (r"!?\[([^\[\]\n]{1,500})\]\([^()\s]{1,1000}\)", r"\1"),  # links
        (r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]{0,500}[^\s*])\1(?![\w*])", r"\2"),
        (r"(?<![\w])(_{1,3})(?=[^\s_])([^_\n]{0,500}[^\s_])\1(?![\w])", r"\2"),
        (r"~~(?=\S)([^~\n]{0,500}\S)~~", r"\1"),
        (r"(`{1,3})(?=[^\s`])([^`\n]{0,500})\1", r"\2"),
    )
)


def plain(text: str) -> str:
    """Return `text` without markup; what follows a tag of a block begins a new line."""
    if "<" in text:
        text = _BLOCK_TAG.sub("\n", _HIDDEN.sub(" ", text))
        text = _INLINE_TAG.sub("", text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
        text = _INLINE_TAG.sub("", text)  # of markup that was escaped once more
    if re.search(r"[*_`~#>\]+]|^\s*-\s", text, re.MULTILINE):
        for pattern, kept in _MARKDOWN:
            text = pattern.sub(kept, text)
    return text
