"""Vocoders: GPT states or codes in, waveform out.

A vocoder is an `nn.Module` with one `forward`; `base.Vocoder` declares what callers read of it
instead of asking for its type. One that streams also says of which `stages` it consists
(`stages.py`), so that any part of its waveform can be had from the part of its input that it needs
(`streaming.py`).
"""
