"""How a report looks: Markdown, LaTeX, drawings, colours."""
