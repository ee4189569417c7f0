"""Works that a methods paragraph cites, as they are published."""

from __future__ import annotations

from collections.abc import Mapping

WORKS: Mapping[str, str] = {
    "bell2002": "Bell, R. M., McCaffrey, D. F. (2002). Bias Reduction in Standard Errors for "
    "Linear Regression with Multi-Stage Samples. Survey Methodology 28(2), 169–181.",
    "cameron2011": "Cameron, A. C., Gelbach, J. B., Miller, D. L. (2011). Robust inference with "
    "multiway clustering. Journal of Business & Economic Statistics 29(2), 238–249.",
    "casanova2024": "Casanova, E. et al. (2024). XTTS: a Massively Multilingual Zero-Shot "
    "Text-to-Speech Model. Interspeech 2024. arXiv:2406.04904.",
    "chen2022": "Chen, S. et al. (2022). WavLM: Large-Scale Self-Supervised Pre-Training for Full "
    "Stack Speech Processing. IEEE Journal of Selected Topics in Signal Processing 16(6), "
    "1505–1518.",
    "clopper1934": "Clopper, C. J., Pearson, E. S. (1934). The Use of Confidence or Fiducial "
    "Limits Illustrated in the Case of the Binomial. Biometrika 26(4), 404–413.",
    "desplanques2020": "Desplanques, B., Thienpondt, J., Demuynck, K. (2020). ECAPA-TDNN: "
    "Emphasized Channel Attention, Propagation and Aggregation in TDNN Based Speaker Verification. "
    "Interspeech 2020, 3830–3834.",
    "ernst2004": "Ernst, M. D. (2004). Permutation Methods: A Basis for Exact Inference. "
    "Statistical Science 19(4), 676–685.",
    "espeakng": "eSpeak NG: text-to-speech synthesiser and phoneme front end. Software, "
    "github.com/espeak-ng/espeak-ng.",
    "fay1997": "Fay, M. P., Feuer, E. J. (1997). Confidence intervals for directly standardized "
    "rates: a method based on the gamma distribution. Statistics in Medicine 16(7), 791–801.",
    "graves2006": "Graves, A., Fernández, S., Gomez, F., Schmidhuber, J. (2006). Connectionist "
    "Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks. "
    "ICML 2006, 369–376.",
    "hall1988": "Hall, P. (1988). Theoretical Comparison of Bootstrap Confidence Intervals. The "
    "Annals of Statistics 16(3), 927–953.",
    "hesterberg2015": "Hesterberg, T. C. (2015). What Teachers Should Know About the Bootstrap: "
    "Resampling in the Undergraduate Statistics Curriculum. The American Statistician 69(4), "
    "371–386.",
    "holm1979": "Holm, S. (1979). A Simple Sequentially Rejective Multiple Test Procedure. "
    "Scandinavian Journal of Statistics 6(2), 65–70.",
    "jiwer": "jiwer: similarity measures for automatic speech recognition evaluation. Software, "
    "github.com/jitsi/jiwer.",
    "korn1998": "Korn, E. L., Graubard, B. I. (1998). Confidence Intervals for Proportions With "
    "Small Expected Number of Positive Counts Estimated From Survey Data. Survey Methodology "
    "24(2), 193–201.",
    "kubichek1993": "Kubichek, R. F. (1993). Mel-cepstral distance measure for objective speech "
    "quality assessment. IEEE Pacific Rim Conference on Communications, Computers and Signal "
    "Processing, 125–128.",
    "manski1990": "Manski, C. F. (1990). Nonparametric Bounds on Treatment Effects. The American "
    "Economic Review 80(2), 319–323.",
    "mauch2014": "Mauch, M., Dixon, S. (2014). pYIN: A fundamental frequency estimator using "
    "probabilistic threshold distributions. ICASSP 2014, 659–663.",
    "owen2007": "Owen, A. B. (2007). The pigeonhole bootstrap. The Annals of Applied Statistics "
    "1(2), 386–411.",
    "radford2023": "Radford, A., Kim, J. W., Xu, T., Brockman, G., McLeavey, C., Sutskever, I. "
    "(2023). Robust Speech Recognition via Large-Scale Weak Supervision. ICML 2023. "
    "arXiv:2212.04356.",
    "reddy2022": "Reddy, C. K. A., Gopal, V., Cutler, R. (2022). DNSMOS P.835: A Non-Intrusive "
    "Perceptual Objective Speech Quality Metric to Evaluate Noise Suppressors. ICASSP 2022, "
    "886–890.",
    "saeki2022": "Saeki, T., Xin, D., Nakata, W., Koriyama, T., Takamichi, S., Saruwatari, H. "
    "(2022). UTMOS: UTokyo-SaruLab System for VoiceMOS Challenge 2022. Interspeech 2022, "
    "4521–4525.",
    "satterthwaite1946": "Satterthwaite, F. E. (1946). An Approximate Distribution of Estimates of "
    "Variance Components. Biometrics Bulletin 2(6), 110–114.",
    "stahl2025": "Stahl, B., Gamper, H. (2025). Distillation and Pruning for Scalable "
    "Self-Supervised Representation-Based Speech Quality Assessment. arXiv:2502.05356.",
    "searle1992": "Searle, S. R., Casella, G., McCulloch, C. E. (1992). Variance Components. "
    "Wiley.",
    "wan2018": "Wan, L., Wang, Q., Papir, A., Lopez Moreno, I. (2018). Generalized End-to-End Loss "
    "for Speaker Verification. ICASSP 2018, 4879–4883.",
    "wang2019": "Wang, Q. et al. (2019). VoiceFilter: Targeted Voice Separation by "
    "Speaker-Conditioned Spectrogram Masking. Interspeech 2019, 2728–2732.",
    "zou2008": "Zou, G. Y., Donner, A. (2008). Construction of confidence limits about effect "
    "measures: A general approach. Statistics in Medicine 27(10), 1693–1702.",
}

OF_INSTRUMENT: Mapping[str, tuple[str, str]] = {
    "contour": ("pitch and mel cepstra over time", "mauch2014"),
    "distillmos": ("DistillMOS", "stahl2025"),
    "dnsmos": ("DNSMOS P.835", "reddy2022"),
    "ecapa": ("ECAPA-TDNN", "desplanques2020"),
    "pitch": ("pYIN", "mauch2014"),
    "resemblyzer": ("Resemblyzer's GE2E d-vectors", "wan2018"),
    "utmos": ("UTMOS22 strong", "saeki2022"),
    "voicefilter": ("VoiceFilter's d-vectors", "wang2019"),
    "wavlm_sv": ("WavLM speaker embeddings", "chen2022"),
    "whisper": ("Whisper", "radford2023"),
    "world_ctc": ("our phoneme recogniser of the synthetic worlds", "graves2006"),
}
"""Registered name -> how a paper calls it, and the work."""

OF_SYSTEM: Mapping[str, tuple[str, str]] = {
    "espeak": ("eSpeak NG", "espeakng"),
    "xtts": ("XTTS", "casanova2024"),
}

OF_METRIC: Mapping[str, str] = {
    "wer": "jiwer", "cer": "jiwer", "target_distance": "kubichek1993",
}  # fmt: skip
