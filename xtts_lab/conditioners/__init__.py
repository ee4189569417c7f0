"""Conditioners: references in, a prefix of the GPT out.

A conditioner is an `nn.Module` with one `forward`, from samples of a chunk of reference audio,
[B, T] at its `sample_rate`, to a prefix of the GPT's sequence, [B, N, D] (or codes [B, N] where
`prefix_kind` is "codes"). What a kind of conditioner needs beyond that, it declares as class
attributes, which callers read instead of asking for its type:

- `sample_rate: int` (Hz) and `chunking: Chunking`, how references become chunks;
- `prefix_kind: Literal["latents", "codes"]`: latents may be averaged and blended, codes may not;
- `needs_text: bool`: the reference's transcript goes before the target text, and the codes go on
  where the prompt's end.

`references.py` cuts references of any number and length into chunks in flat memory and averages
what a conditioner makes of them.
"""
