"""Colours of the arms, for pages and for plots."""

from __future__ import annotations

LIGHT = ("#1f6cb0", "#c2500e", "#0d8060", "#a8397f", "#8a6d00", "#5a55b8", "#5c6570")
DARK = ("#6cb0f0", "#f39352", "#4cc5a0", "#e88bc4", "#d9bb4a", "#aaa5f5", "#a9b2bd")

INK, SOFT, LINE = "#1b1d21", "#595f69", "#dcdfe4"
"""Text, quiet text, and lines, on white."""
