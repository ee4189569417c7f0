"""The UTMOS22 strong learner as a module (Saeki et al. 2022), sized by its checkpoint.

wav2vec 2.0 frames, joined with the embeddings of a data domain and of a listener, through a
bidirectional LSTM and two linear layers to a score per frame; the mean over frames, times 2 plus 3,
is the opinion score. The phoneme encoder of the paper is not part of the published checkpoint.

Two layouts of the same weights are read: the state dict of the authors' Lightning module (with
embedding tables, of which their inference takes domain 0 and listener 288), and SpeechMOS's, which
keeps these two rows alone. Both keep fairseq's names within wav2vec 2.0; the implementation used
here is transformers', which writes them differently. B batch, T samples, F frames, D width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from xtts_lab.instruments.optional import import_optional

DOMAIN, JUDGE = 0, 288
STRIDES = (5, 2, 2, 2, 2, 2, 2)
HEAD_WIDTH = 64

_LIGHTNING = {
    r"feature_extractors\.0\.ssl_model\.": "wav2vec2.",
    r"output_layers\.0\.decoder_rnn\.": "blstm.",
    r"output_layers\.1\.net\.0\.": "projection.0.",
    r"output_layers\.1\.net\.3\.": "projection.2.",
}
_POSITION = "encoder.pos_conv_embed.conv.parametrizations.weight.original"
_FAIRSEQ = {
    r"feature_extractor\.conv_layers\.(\d+)\.0\.": r"feature_extractor.conv_layers.\1.conv.",
    r"feature_extractor\.conv_layers\.(\d+)\.2\.": r"feature_extractor.conv_layers.\1.layer_norm.",
    r"layer_norm\.": "feature_projection.layer_norm.",
    r"post_extract_proj\.": "feature_projection.projection.",
    r"encoder\.pos_conv\.0\.weight_g": f"{_POSITION}0",
    r"encoder\.pos_conv\.0\.weight_v": f"{_POSITION}1",
    r"encoder\.pos_conv\.0\.bias": "encoder.pos_conv_embed.conv.bias",
    r"encoder\.layers\.(\d+)\.self_attn\.": r"encoder.layers.\1.attention.",
    r"encoder\.layers\.(\d+)\.self_attn_layer_norm\.": r"encoder.layers.\1.layer_norm.",
    r"encoder\.layers\.(\d+)\.fc1\.": r"encoder.layers.\1.feed_forward.intermediate_dense.",
    r"encoder\.layers\.(\d+)\.fc2\.": r"encoder.layers.\1.feed_forward.output_dense.",
}
_PRETRAINING = re.compile(r"wav2vec2\.(mask_emb|quantizer|project_q|final_proj|target_glu)\b")


class UtmosNetwork(nn.Module):
    """Waveforms at 16 kHz, float [B, T], to predicted opinion scores [B].

    Batches must hold clips of one length: there is no mask, as in the reference.
    """

    domain_emb: Tensor
    judge_emb: Tensor

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Build and load; raises `ValueError` for weights of another architecture."""
        super().__init__()
        try:
            tensors = _canonical(weights)
            self.wav2vec2 = _wav2vec2(tensors)
            self.register_buffer("domain_emb", torch.empty_like(tensors["domain_emb"]))
            self.register_buffer("judge_emb", torch.empty_like(tensors["judge_emb"]))
            rnn, hidden = tensors["blstm.weight_ih_l0"], tensors["projection.0.weight"]
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"no UTMOS22 strong learner ({error})") from error
        self.blstm = nn.LSTM(rnn.shape[1], rnn.shape[0] // 4, batch_first=True, bidirectional=True)
        self.projection = nn.Sequential(
            nn.Linear(hidden.shape[1], hidden.shape[0]), nn.ReLU(), nn.Linear(hidden.shape[0], 1)
        )
        try:
            self.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(
                f"no UTMOS22 strong learner ({' '.join(str(error).split())})"
            ) from error
        self.eval()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return scores [B] of waveforms [B, T] at 16 kHz."""
        frames = self.wav2vec2(waveforms).last_hidden_state  # [B, F, D]
        rows = [e.expand(*frames.shape[:2], -1) for e in (self.domain_emb, self.judge_emb)]
        scores: Tensor = self.projection(self.blstm(torch.cat([frames, *rows], dim=2))[0])
        return scores.mean(dim=(1, 2)) * 2.0 + 3.0


def _canonical(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under this module's names, without what only pretraining needs.

    Raises `IndexError` for an embedding table that lacks the row of inference.
    """
    named: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        ours = _rename(name, _LIGHTNING)
        if ours == "feature_extractors.1.embedding.weight":
            named["domain_emb"] = tensor[DOMAIN][None]
        elif ours == "output_layers.0.judge_embedding.weight":
            named["judge_emb"] = tensor[JUDGE][None]
        elif ours.startswith("wav2vec2."):
            if not _PRETRAINING.match(ours):
                named["wav2vec2." + _rename(ours.removeprefix("wav2vec2."), _FAIRSEQ)] = tensor
        else:
            named[ours] = tensor
    return named


def _rename(name: str, rules: Mapping[str, str]) -> str:
    for pattern, replacement in rules.items():
        renamed, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            return renamed
    return name


def _wav2vec2(tensors: Mapping[str, Tensor]) -> nn.Module:
    """Build wav2vec 2.0 of the sizes that the tensors show; strides and head width are fixed."""
    transformers = import_optional("transformers", "quality")
    stem = "wav2vec2.feature_extractor.conv_layers."
    kernels = [tensors[f"{stem}{i}.conv.weight"] for i in range(len(STRIDES))]
    width = tensors["wav2vec2.feature_projection.projection.weight"].shape[0]
    position = tensors[f"wav2vec2.{_POSITION}1"]
    layers = {n.split(".")[3] for n in tensors if n.startswith("wav2vec2.encoder.layers.")}
    inner = tensors["wav2vec2.encoder.layers.0.feed_forward.intermediate_dense.weight"].shape[0]
    settings = transformers.Wav2Vec2Config(
        hidden_size=width,
        num_hidden_layers=len(layers),
        num_attention_heads=width // HEAD_WIDTH,
        intermediate_size=inner,
        conv_dim=[kernel.shape[0] for kernel in kernels],
        conv_kernel=[kernel.shape[2] for kernel in kernels],
        conv_stride=list(STRIDES),
        conv_bias=False,
        feat_extract_norm="group",
        do_stable_layer_norm=False,
        num_conv_pos_embeddings=position.shape[2],
        num_conv_pos_embedding_groups=width // position.shape[1],
        mask_time_prob=0.0,
        mask_feature_prob=0.0,
    )
    network: nn.Module = transformers.Wav2Vec2Model(settings)
    return network
