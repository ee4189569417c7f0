"""The stage `gpt`: text, a reference and codes, with any conditioner; and what it needs before."""
