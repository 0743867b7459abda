"""Layers that are a function with options: they call it with them, print them, and compile to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import nn
from brasa.nn import functional as F
from tests.frontend.functions.harness import flat, same_bits

brasa.manual_seed(5)
SIGNAL, IMAGE, VOLUME = brasa.randn(2, 4, 9), brasa.randn(2, 4, 6, 5), brasa.randn(1, 4, 4, 5, 4)
ROWS, OTHER, THIRD = brasa.randn(3, 6), brasa.randn(3, 6), brasa.randn(3, 6)
CHANCES, SIGNS, CLASSES = brasa.rand(3, 6), brasa.tensor([1.0, -1.0, 1.0]), brasa.tensor([2, 0, 5])
POOLED, PLACES = F.max_pool2d(IMAGE[..., :4], 2, return_indices=True)

Row = tuple[nn.Module, tuple[Any, ...], Callable[..., Any], str]

ELEMENTWISE: list[Row] = [
    (nn.Mish(), (ROWS,), F.mish, "Mish()"), (nn.SELU(), (ROWS,), F.selu, "SELU()"),
    (nn.Hardsigmoid(), (ROWS,), F.hardsigmoid, "Hardsigmoid()"), (nn.Hardswish(), (ROWS,), F.hardswish, "Hardswish()"),
    (nn.Hardtanh(-0.5, 2.0), (ROWS,), lambda x: F.hardtanh(x, -0.5, 2.0), "Hardtanh(min_val=-0.5, max_val=2.0)"),
    (nn.ReLU6(), (ROWS,), F.relu6, "ReLU6()"), (nn.ELU(0.5), (ROWS,), lambda x: F.elu(x, 0.5), "ELU(alpha=0.5)"),
    (nn.CELU(2.0), (ROWS,), lambda x: F.celu(x, 2.0), "CELU(alpha=2.0)"),
    (nn.Threshold(0.1, 20.0), (ROWS,), lambda x: F.threshold(x, 0.1, 20.0), "Threshold(threshold=0.1, value=20.0)"),
    (nn.RReLU(0.1, 0.3).eval(), (ROWS,), lambda x: F.rrelu(x, 0.1, 0.3), "RReLU(lower=0.1, upper=0.3)"),
    (nn.PReLU(6, 0.2), (ROWS,), lambda x: F.prelu(x, brasa.full((6,), 0.2)), "PReLU(num_parameters=6)"),
    (nn.GLU(1), (ROWS,), lambda x: F.glu(x, 1), "GLU(dim=1)"),
    (nn.Hardshrink(0.3), (ROWS,), lambda x: F.hardshrink(x, 0.3), "Hardshrink(0.3)"),
    (nn.Softshrink(0.3), (ROWS,), lambda x: F.softshrink(x, 0.3), "Softshrink(0.3)"),
    (nn.Softplus(2.0, 5.0), (ROWS,), lambda x: F.softplus(x, 2.0, 5.0), "Softplus(beta=2.0, threshold=5.0)"),
    (nn.LogSigmoid(), (ROWS,), F.logsigmoid, "LogSigmoid()"), (nn.Softsign(), (ROWS,), F.softsign, "Softsign()"),
    (nn.Tanhshrink(), (ROWS,), F.tanhshrink, "Tanhshrink()"),
    (nn.Softmin(1), (ROWS,), lambda x: F.softmin(x, 1), "Softmin(dim=1)"),
    (nn.Softmax2d(), (IMAGE,), lambda x: F.softmax(x, 1), "Softmax2d()"),
]  # fmt: skip

WINDOWS: list[Row] = [
    (nn.MaxPool1d(2), (SIGNAL,), lambda x: F.max_pool1d(x, 2),
     "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
    (nn.MaxPool3d(2, 1, return_indices=True), (VOLUME,), lambda x: F.max_pool3d(x, 2, 1, return_indices=True),
     "MaxPool3d(kernel_size=2, stride=1, padding=0, dilation=1, ceil_mode=False)"),
    (nn.MaxUnpool2d(2), (POOLED, PLACES), lambda x, i: F.max_unpool2d(x, i, 2),
     "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"),
    (nn.AvgPool1d(3, 2, 1, count_include_pad=False), (SIGNAL,),
     lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
     "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))"),
    (nn.AvgPool2d(2, divisor_override=3), (IMAGE,), lambda x: F.avg_pool2d(x, 2, divisor_override=3),
     "AvgPool2d(kernel_size=2, stride=2, padding=0)"),
    (nn.AvgPool3d(2, ceil_mode=True), (VOLUME,), lambda x: F.avg_pool3d(x, 2, ceil_mode=True),
     "AvgPool3d(kernel_size=2, stride=2, padding=0)"),
    (nn.LPPool1d(2, 3), (SIGNAL,), lambda x: F.lp_pool1d(x, 2.0, 3),
     "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)"),
    (nn.LPPool2d(3, 2, 1), (IMAGE.abs(),), lambda x: F.lp_pool2d(x, 3.0, 2, 1),
     "LPPool2d(norm_type=3, kernel_size=2, stride=1, ceil_mode=False)"),
    (nn.AdaptiveAvgPool1d(4), (SIGNAL,), lambda x: F.adaptive_avg_pool1d(x, 4), "AdaptiveAvgPool1d(output_size=4)"),
    (nn.AdaptiveAvgPool2d((3, None)), (IMAGE,), lambda x: F.adaptive_avg_pool2d(x, (3, None)),
     "AdaptiveAvgPool2d(output_size=(3, None))"),
    (nn.AdaptiveAvgPool3d(2), (VOLUME,), lambda x: F.adaptive_avg_pool3d(x, 2), "AdaptiveAvgPool3d(output_size=2)"),
    (nn.AdaptiveMaxPool1d(4), (SIGNAL,), lambda x: F.adaptive_max_pool1d(x, 4), "AdaptiveMaxPool1d(output_size=4)"),
    (nn.AdaptiveMaxPool2d(3, return_indices=True), (IMAGE,), lambda x: F.adaptive_max_pool2d(x, 3, True),
     "AdaptiveMaxPool2d(output_size=3)"),
    (nn.AdaptiveMaxPool3d(2), (VOLUME,), lambda x: F.adaptive_max_pool3d(x, 2), "AdaptiveMaxPool3d(output_size=2)"),
    (nn.ConstantPad1d(2, 1.5), (SIGNAL,), lambda x: F.pad(x, (2, 2), value=1.5),
     "ConstantPad1d(padding=(2, 2), value=1.5)"),
    (nn.ZeroPad2d((1, 0, 2, 1)), (IMAGE,), lambda x: F.pad(x, (1, 0, 2, 1)), "ZeroPad2d((1, 0, 2, 1))"),
    (nn.ReflectionPad2d(1), (IMAGE,), lambda x: F.pad(x, (1,) * 4, "reflect"), "ReflectionPad2d((1, 1, 1, 1))"),
    (nn.ReplicationPad3d(1), (VOLUME,), lambda x: F.pad(x, (1,) * 6, "replicate"),
     "ReplicationPad3d((1, 1, 1, 1, 1, 1))"),
    (nn.CircularPad1d((1, 2)), (SIGNAL,), lambda x: F.pad(x, (1, 2), "circular"), "CircularPad1d((1, 2))"),
    (nn.Unflatten(1, (2, 3)), (ROWS,), lambda x: x.reshape(3, 2, 3), "Unflatten(dim=1, unflattened_size=(2, 3))"),
    (nn.PixelShuffle(2), (IMAGE,), lambda x: F.pixel_shuffle(x, 2), "PixelShuffle(upscale_factor=2)"),
    (nn.PixelUnshuffle(2), (IMAGE[..., :4],), lambda x: F.pixel_unshuffle(x, 2), "PixelUnshuffle(downscale_factor=2)"),
    (nn.ChannelShuffle(2), (IMAGE,), lambda x: F.channel_shuffle(x, 2), "ChannelShuffle(groups=2)"),
    (nn.Unfold(2, stride=2), (IMAGE,), lambda x: F.unfold(x, 2, stride=2),
     "Unfold(kernel_size=2, dilation=1, padding=0, stride=2)"),
    (nn.Fold((4, 5), 2), (brasa.ones(2, 8, 12),), lambda x: F.fold(x, (4, 5), 2),
     "Fold(output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=1)"),
    (nn.Upsample(scale_factor=2, mode="bilinear"), (IMAGE,),
     lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"), "Upsample(scale_factor=2.0, mode='bilinear')"),
    (nn.UpsamplingNearest2d(7), (IMAGE,), lambda x: F.interpolate(x, 7), "UpsamplingNearest2d(size=7, mode='nearest')"),
]  # fmt: skip

LOSSES: list[Row] = [
    (nn.SmoothL1Loss(beta=0.5), (ROWS, OTHER), lambda x, t: F.smooth_l1_loss(x, t, beta=0.5), "SmoothL1Loss()"),
    (nn.HuberLoss("sum", 0.5), (ROWS, OTHER), lambda x, t: F.huber_loss(x, t, "sum", 0.5), "HuberLoss()"),
    (nn.PoissonNLLLoss(full=True), (ROWS, CHANCES), lambda x, t: F.poisson_nll_loss(x, t, full=True),
     "PoissonNLLLoss()"),
    (nn.GaussianNLLLoss(), (ROWS, OTHER, CHANCES), F.gaussian_nll_loss, "GaussianNLLLoss()"),
    (nn.KLDivLoss(reduction="batchmean"), (ROWS, CHANCES), lambda x, t: F.kl_div(x, t, reduction="batchmean"),
     "KLDivLoss()"),
    (nn.BCELoss(), (CHANCES, CHANCES), F.binary_cross_entropy, "BCELoss()"),
    (nn.BCEWithLogitsLoss(pos_weight=brasa.ones(6) * 2), (ROWS, CHANCES),
     lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=brasa.ones(6) * 2), "BCEWithLogitsLoss()"),
    (nn.MultiLabelSoftMarginLoss(), (ROWS, CHANCES), F.multilabel_soft_margin_loss, "MultiLabelSoftMarginLoss()"),
    (nn.MultiMarginLoss(2, 0.5), (ROWS, CLASSES), lambda x, t: F.multi_margin_loss(x, t, 2, 0.5), "MultiMarginLoss()"),
    (nn.MarginRankingLoss(0.5), (ROWS[:, 0], OTHER[:, 0], SIGNS),
     lambda x, y, t: F.margin_ranking_loss(x, y, t, 0.5), "MarginRankingLoss()"),
    (nn.CosineEmbeddingLoss(0.5), (ROWS, OTHER, SIGNS), lambda x, y, t: F.cosine_embedding_loss(x, y, t, 0.5),
     "CosineEmbeddingLoss()"),
    (nn.HingeEmbeddingLoss(2.0), (ROWS[:, 0], SIGNS), lambda x, t: F.hinge_embedding_loss(x, t, 2.0),
     "HingeEmbeddingLoss()"),
    (nn.SoftMarginLoss(), (ROWS[:, 0], SIGNS), F.soft_margin_loss, "SoftMarginLoss()"),
    (nn.TripletMarginLoss(0.5, swap=True), (ROWS, OTHER, THIRD),
     lambda a, p, n: F.triplet_margin_loss(a, p, n, 0.5, swap=True), "TripletMarginLoss()"),
    (nn.CosineSimilarity(), (ROWS, OTHER), F.cosine_similarity, "CosineSimilarity()"),
    (nn.PairwiseDistance(3.0), (ROWS, OTHER), lambda x, y: F.pairwise_distance(x, y, 3.0), "PairwiseDistance()"),
    (nn.LocalResponseNorm(3), (IMAGE,), lambda x: F.local_response_norm(x, 3),
     "LocalResponseNorm(3, alpha=0.0001, beta=0.75, k=1.0)"),
]  # fmt: skip

ROWS_OF_ALL = [*ELEMENTWISE, *WINDOWS, *LOSSES]


@pytest.mark.parametrize("row", ROWS_OF_ALL, ids=lambda row: row[3].partition("(")[0])
def test_a_layer_is_its_function(row: Row) -> None:
    module, inputs, function, text = row
    assert repr(module) == text
    found = flat(module(*inputs))
    for one, other in zip(found, flat(function(*inputs)), strict=True):
        same_bits(one, other)
    for one, other in zip(found, flat(brasa.compile(module, fullgraph=True)(*inputs)), strict=True):
        same_bits(one, other)


PARAMETRIC: list[tuple[Callable[[], nn.Module], Any, Callable[[Any, Any], Any], str]] = [
    (lambda: nn.Conv1d(4, 2, 3, padding="same"), SIGNAL, lambda m, x: F.conv1d(x, m.weight, m.bias, padding=1),
     "Conv1d(4, 2, kernel_size=(3,), stride=(1,), padding=same)"),
    (lambda: nn.Conv2d(4, 2, 3, padding=(1, 2), padding_mode="reflect", bias=False), IMAGE,
     lambda m, x: F.conv2d(F.pad(x, (2, 2, 1, 1), "reflect"), m.weight),
     "Conv2d(4, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 2), padding_mode=reflect, bias=False)"),
    (lambda: nn.Conv3d(4, 4, 2, groups=2), VOLUME, lambda m, x: F.conv3d(x, m.weight, m.bias, groups=2),
     "Conv3d(4, 4, kernel_size=(2, 2, 2), stride=(1, 1, 1), groups=2)"),
    (lambda: nn.ConvTranspose1d(4, 2, 3, stride=2, output_padding=1), SIGNAL,
     lambda m, x: F.conv_transpose1d(x, m.weight, m.bias, 2, 0, 1),
     "ConvTranspose1d(4, 2, kernel_size=(3,), stride=(2,), output_padding=(1,))"),
    (lambda: nn.ConvTranspose2d(4, 2, 3, 2, padding=1), IMAGE,
     lambda m, x: F.conv_transpose2d(x, m.weight, m.bias, 2, 1),
     "ConvTranspose2d(4, 2, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))"),
    (lambda: nn.ConvTranspose3d(4, 2, 2), VOLUME, lambda m, x: F.conv_transpose3d(x, m.weight, m.bias),
     "ConvTranspose3d(4, 2, kernel_size=(2, 2, 2), stride=(1, 1, 1))"),
    (lambda: nn.GroupNorm(2, 4), IMAGE, lambda m, x: F.group_norm(x, 2, m.weight, m.bias),
     "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
    (lambda: nn.RMSNorm(6), ROWS, lambda m, x: F.rms_norm(x, (6,), m.weight),
     "RMSNorm((6,), eps=None, elementwise_affine=True)"),
    (lambda: nn.BatchNorm3d(4), VOLUME, lambda m, x: F.batch_norm(x, None, None, m.weight, m.bias, True),
     "BatchNorm3d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"),
    (lambda: nn.InstanceNorm2d(4, affine=True), IMAGE, lambda m, x: F.instance_norm(x, weight=m.weight, bias=m.bias),
     "InstanceNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)"),
    (lambda: nn.EmbeddingBag(9, 3, mode="sum"), brasa.tensor([[0, 8, 1], [2, 2, 2]]),
     lambda m, i: F.embedding_bag(i, m.weight, mode="sum"), "EmbeddingBag(9, 3, mode='sum')"),
    (lambda: nn.Embedding(9, 3, padding_idx=1, max_norm=2.0), brasa.tensor([0, 8, 1]),
     lambda m, i: F.embedding(i, m.weight, 1, 2.0), "Embedding(9, 3, padding_idx=1, max_norm=2.0)"),
]  # fmt: skip


@pytest.mark.parametrize("row", PARAMETRIC, ids=lambda row: row[3].partition("(")[0])
def test_a_layer_gives_its_parameters_to_its_function(row: Any) -> None:
    make, input, function, text = row
    brasa.manual_seed(2)
    module = make()
    assert repr(module) == text
    for parameter in module.parameters():
        brasa.nn.init.uniform_(parameter, 0.5, 1.5)
    wanted = function(module, input)
    same_bits(module(input), wanted)
    same_bits(brasa.compile(module, fullgraph=True)(input), wanted)


def test_bilinear() -> None:
    module = nn.Bilinear(6, 6, 4)
    assert repr(module) == "Bilinear(in1_features=6, in2_features=6, out_features=4, bias=True)"
    same_bits(module(ROWS, OTHER), F.bilinear(ROWS, OTHER, module.weight, module.bias))
    assert float(module.weight.abs().max()) <= 6**-0.5


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_dropouts(kind: Any) -> None:
    input = VOLUME if kind is nn.Dropout3d else IMAGE if kind is not nn.Dropout1d else SIGNAL
    module = kind(0.5)
    assert repr(module) == f"{kind.__name__}(p=0.5, inplace=False)"
    same_bits(module.eval()(input), input)
    brasa.manual_seed(3)
    eager = module.train()(input)
    brasa.manual_seed(3)
    same_bits(brasa.compile(module)(input), eager)
    assert not bool((eager == input).all())


def test_sizes_of_transposed_convolutions() -> None:
    module = nn.ConvTranspose2d(4, 2, 3, 2, padding=1)
    assert tuple(module(IMAGE, (12, 10)).shape) == (2, 2, 12, 10)
    with pytest.raises(ValueError, match="axis 0 of the result can have 11 to 12 elements, not 13"):
        module(IMAGE, (13, 10))


def test_instances_without_a_batch() -> None:
    module = nn.InstanceNorm1d(4, track_running_stats=True)
    assert tuple(module(SIGNAL[0]).shape) == (4, 9)
    same_bits(module.eval()(SIGNAL)[:1], module.eval()(SIGNAL[:1]))
    assert float(module.running_mean.abs().sum()) > 0


ERRORS: dict[str, Callable[[], object]] = {
    "Conv2d: padding_mode must be zeros or reflect or replicate or circular, not 'mirror'":
        lambda: nn.Conv2d(1, 1, 1, padding_mode="mirror"),
    "ConvTranspose1d: padding_mode must be zeros, not 'reflect'":
        lambda: nn.ConvTranspose1d(1, 1, 1, padding_mode="reflect"),
    "GroupNorm: 4 channels do not divide into 3 groups": lambda: nn.GroupNorm(3, 4),
    "Dropout2d: p must be in 0..1, not 2": lambda: nn.Dropout2d(2),
    "FractionalMaxPool2d: needs either output_size or output_ratio": lambda: nn.FractionalMaxPool2d(2),
    "Softmax2d: input must have 3 or 4 axes, it has 2": lambda: nn.Softmax2d()(ROWS),
    "InstanceNorm1d: input must have 2 or 3 axes, it has 4": lambda: nn.InstanceNorm1d(4)(IMAGE),
    "Hardtanh: min_val 1.0 must be below max_val 1.0": lambda: nn.Hardtanh(1.0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("message", ERRORS)
def test_errors(message: str) -> None:
    with pytest.raises(ValueError) as caught:
        ERRORS[message]()
    assert str(caught.value) == message
