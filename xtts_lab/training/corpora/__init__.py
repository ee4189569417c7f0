"""Corpora of speech to train on: planned from a seed, rendered shard by shard, read by memmap.

`texts` and `speakers` say what is spoken by whom, `planning` writes it down as a table, `rendering`
turns the table into audio with any number of processes, and `reader` is what training sees.
`formant16` and `neural16` are the two worlds; `recordings` brings real
corpora into the same folder.
"""
