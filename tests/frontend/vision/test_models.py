"""Models of images: their published sizes and names, their results, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import brasa
from brasa import nn
from brasa.nn import init
from brasa.vision import models
from brasa.vision.models.blocks import StochasticDepth, make_divisible
from tests.frontend.functions.harness import same_bits
from tests.frontend.nn.training import same_after_training

# What torchvision publishes: parameters, and entries of the state.
PUBLISHED = {
    "resnet18": (11_689_512, 122), "resnet34": (21_797_672, 218), "resnet50": (25_557_032, 320),
    "resnet101": (44_549_160, 626), "resnet152": (60_192_808, 932), "vgg11": (132_863_336, 22),
    "vgg11_bn": (132_868_840, 62), "vgg13": (133_047_848, 26), "vgg13_bn": (133_053_736, 76),
    "vgg16": (138_357_544, 32), "vgg16_bn": (138_365_992, 97), "vgg19": (143_667_240, 38),
    "vgg19_bn": (143_678_248, 118), "alexnet": (61_100_840, 16), "mobilenet_v2": (3_504_872, 314),
    "mobilenet_v3_small": (2_542_856, 244), "mobilenet_v3_large": (5_483_032, 312),
    "efficientnet_b0": (5_288_548, 360), "densenet121": (7_978_856, 727), "vit_b_16": (86_567_656, 152),
    "vit_b_32": (88_224_232, 152),
}  # fmt: skip

# Names in the published files: the first, some, and the last.
KEYS = {
    "resnet18": ("conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn2.running_var", "fc.bias"),
    "resnet50": ("conv1.weight", "layer1.0.conv3.weight", "layer4.2.bn3.num_batches_tracked", "fc.bias"),
    "vgg16": ("features.0.weight", "features.28.bias", "classifier.3.weight", "classifier.6.bias"),
    "vgg16_bn": ("features.0.weight", "features.41.running_mean", "classifier.6.bias"),
    "alexnet": ("features.0.weight", "features.10.bias", "classifier.1.weight", "classifier.6.bias"),
    "mobilenet_v2": ("features.0.0.weight", "features.1.conv.0.0.weight", "features.17.conv.3.running_var",
                     "features.18.1.bias", "classifier.1.bias"),
    "mobilenet_v3_small": ("features.0.0.weight", "features.1.block.1.fc1.weight", "features.12.0.weight",
                           "classifier.3.bias"),
    "mobilenet_v3_large": ("features.0.0.weight", "features.4.block.2.fc2.bias", "features.15.block.3.1.weight",
                           "classifier.3.bias"),
    "efficientnet_b0": ("features.0.0.weight", "features.1.0.block.1.fc1.weight", "features.7.0.block.3.1.bias",
                        "features.8.1.running_var", "classifier.1.bias"),
    "densenet121": ("features.conv0.weight", "features.denseblock4.denselayer16.conv2.weight",
                    "features.transition3.conv.weight", "features.norm5.running_var", "classifier.bias"),
    "vit_b_16": ("class_token", "conv_proj.bias", "encoder.pos_embedding",
                 "encoder.layers.encoder_layer_11.self_attention.in_proj_weight",
                 "encoder.layers.encoder_layer_0.self_attention.out_proj.bias",
                 "encoder.layers.encoder_layer_0.mlp.3.bias", "encoder.ln.weight", "heads.head.bias"),
}  # fmt: skip


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """First weights are left as they are, so that the memory of large ones is never touched."""
    for name in ("uniform_", "normal_", "constant_", "trunc_normal_"):
        monkeypatch.setattr(init, name, lambda tensor, *args, **kwargs: tensor)


@pytest.mark.usefixtures("undrawn")
def test_sizes_and_names_are_the_published_ones() -> None:
    for name, (parameters, entries) in PUBLISHED.items():
        model = getattr(models, name)()
        assert (sum(each.numel() for each in model.parameters()), len(model.state_dict())) == (parameters, entries), (
            name
        )
        keys = list(model.state_dict())
        wanted = KEYS.get(name, ())
        assert set(wanted) <= set(keys), name
        assert not wanted or (wanted[0], wanted[-1]) == (keys[0], keys[-1]), name
        last = [module for module in getattr(models, name)(num_classes=7).modules() if isinstance(module, nn.Linear)][
            -1
        ]
        assert last.out_features == 7, name


@pytest.mark.usefixtures("undrawn")
@pytest.mark.long
@pytest.mark.parametrize("name", ["alexnet", "vgg11"])
def test_large_models_give_scores(name: str) -> None:
    with brasa.no_grad():
        assert getattr(models, name)(num_classes=10)(brasa.zeros(2, 3, 64, 64)).shape == (2, 10)


SMALL: dict[str, Callable[[], nn.Module]] = {
    "resnet18": lambda: models.resnet18(num_classes=10),
    "mobilenet_v3_small": lambda: models.mobilenet_v3_small(num_classes=10),
    "bottlenecks": lambda: models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], 10, groups=2, width_per_group=4,
                                         replace_stride_with_dilation=[False, True, True]),
    "mobilenet_v2": lambda: models.MobileNetV2(10, 0.5, [(1, 16, 1, 1), (6, 24, 2, 2)]),
    "efficientnet": lambda: models.EfficientNet(models.efficientnet._B0[:2], 0.2, 0.5, 10),
    "densenet": lambda: models.DenseNet(8, (2, 2), 16, num_classes=10),
    "vision_transformer": lambda: models.VisionTransformer(32, 16, 2, 2, 16, 32, num_classes=10),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_small_models_give_scores(name: str) -> None:
    brasa.manual_seed(0)
    model = SMALL[name]().eval()
    images = brasa.randn(2, 3, 32, 32)
    scores = model(images)
    assert scores.shape == (2, 10)
    if name in ("resnet18", "mobilenet_v3_small"):
        same_bits(brasa.compile(model)(images), scores)


def test_compiled_training_of_a_unet_has_the_bits_of_eager() -> None:
    same_after_training(lambda: models.unet(3, 2, (4,)), brasa.randn(2, 3, 4, 4))


def test_unet_sizes() -> None:
    unet = models.unet(1, 2, (2, 4, 6)).eval()
    assert unet(brasa.zeros(1, 1, 8, 16)).shape == (1, 2, 8, 16)
    message = r"UNet: the sides of images must divide by 8, they are 8 x 12"
    with pytest.raises(ValueError, match=message):
        unet(brasa.zeros(1, 1, 8, 12))


def test_blocks_that_start_as_the_identity() -> None:
    for block in (models.resnet.BasicBlock, models.resnet.Bottleneck):
        net = models.ResNet(block, [2, 1, 1, 1], zero_init_residual=True)
        x = brasa.rand(1, 64 * block.expansion, 4, 4)
        same_bits(net.layer1[1](x), x)


def test_first_weights() -> None:
    brasa.manual_seed(0)
    net = models.resnet18(num_classes=10)
    kernel = net.layer3[0].conv2.weight  # 256 x 256 x 3 x 3, deviation sqrt(2 / (256 * 9))
    assert abs(kernel.std().item() / (2 / (256 * 9)) ** 0.5 - 1) < 0.01
    head = models.mobilenet_v3_small(num_classes=100).classifier[3]
    assert abs(head.weight.std().item() / 0.01 - 1) < 0.02
    assert head.bias.eq(0).all()
    vit = models.VisionTransformer(32, 16, 1, 2, 64, 128)
    assert vit.heads.head.weight.eq(0).all()
    assert abs(vit.conv_proj.weight.std().item() * (3 * 16 * 16) ** 0.5 - 1) < 0.02


def test_memory_efficient_densenet_has_the_same_gradients() -> None:
    grads = []
    for memory_efficient in (False, True):
        brasa.manual_seed(0)
        net = models.DenseNet(4, (2,), 8, num_classes=3, memory_efficient=memory_efficient)
        net(brasa.ones(2, 3, 8, 8)).square().sum().backward()
        grads.append([each.grad for each in net.parameters()])
    for one, other in zip(*grads, strict=True):
        same_bits(one, other)


def test_files_with_older_names_load() -> None:
    """Published files of DenseNets have norm.1 for norm1, those of ViTs linear_1; the oldest count no batches."""
    dense = models.DenseNet(4, (1,), 8, num_classes=3)
    vit = models.VisionTransformer(16, 8, 1, 1, 4, 8)
    olds: list[tuple[Any, Any, dict[str, str]]] = [
        (dense, models.DenseNet(4, (1,), 8, num_classes=3),
         {"layer1.norm1": "layer1.norm.1", "layer1.norm2": "layer1.norm.2", "layer1.conv1": "layer1.conv.1",
          "layer1.conv2": "layer1.conv.2"}),
        (vit, models.VisionTransformer(16, 8, 1, 1, 4, 8), {"mlp.0": "mlp.linear_1", "mlp.3": "mlp.linear_2"}),
    ]  # fmt: skip
    for model, other, names in olds:
        state = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
        for new, old in names.items():
            state = {key.replace(new, old): value for key, value in state.items()}
        other.load_state_dict(state)
        assert any(old in key for old in names.values() for key in state)
        for one, two in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
            same_bits(one, two)


def test_stochastic_depth() -> None:
    brasa.manual_seed(0)
    layer = StochasticDepth(0.25, "row")
    rows = layer(brasa.ones(4000, 2, 1, 1))[:, :, 0, 0]
    assert rows[:, 0].eq(rows[:, 1]).all()
    assert sorted(set(rows[:, 0].tolist())) == pytest.approx([0, 4 / 3])
    assert abs(rows.mean().item() - 1) < 0.03
    assert len(set(StochasticDepth(0.5, "batch")(brasa.ones(8, 2)).flatten().tolist())) == 1
    same_bits(layer.eval()(brasa.ones(3, 2)), brasa.ones(3, 2))
    with pytest.raises(ValueError, match=r"StochasticDepth: p must be in 0\.\.1, not 2"):
        StochasticDepth(2, "row")
    with pytest.raises(ValueError, match="mode must be 'batch' or 'row', not 'column'"):
        StochasticDepth(0.1, "column")


def test_channels_are_rounded_to_multiples() -> None:
    assert [make_divisible(value) for value in (3, 12, 11.9, 18, 90)] == [8, 16, 16, 24, 88]


def test_weights_are_refused() -> None:
    message = r"resnet18: weights are not downloaded: .* load_state_dict\(brasa\.load\(path\)\)"
    for asked in ({"weights": "DEFAULT"}, {"pretrained": True}):
        with pytest.raises(ValueError, match=message):
            models.resnet18(**asked)
    with pytest.raises(AttributeError, match=r"ResNet18_Weights: weights are not downloaded"):
        _ = models.ResNet18_Weights
    with pytest.raises(AttributeError, match="has no attribute 'resnet19'"):
        _ = models.resnet19


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="VisionTransformer: patches of 5 pixels do not divide 32 pixels"):
        models.VisionTransformer(32, 5, 1, 1, 4, 4)
    with pytest.raises(ValueError, match="images must have 16 x 16 pixels, these have 16 x 32"):
        models.VisionTransformer(16, 8, 1, 1, 4, 8)(brasa.zeros(1, 3, 16, 32))
    with pytest.raises(ValueError, match="replace_stride_with_dilation must have 3 elements, it has 1"):
        models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], replace_stride_with_dilation=[True])
    with pytest.raises(ValueError, match="BasicBlock: only groups=1 and base_width=64 are possible"):
        models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], groups=2)
    with pytest.raises(NotImplementedError, match="BasicBlock: dilation must be 1"):
        models.ResNet(models.resnet.BasicBlock, [1, 1, 2, 1], replace_stride_with_dilation=[False, True, False])
    with pytest.raises(ValueError, match="must be a list of 4 numbers for each stage"):
        models.MobileNetV2(inverted_residual_setting=[(1, 2)])
    for make in (models.MobileNetV3, models.EfficientNet):
        with pytest.raises(ValueError, match="inverted_residual_setting must not be empty"):
            make([], 8)
    with pytest.raises(ValueError, match="UNet: features must not be empty"):
        models.unet(features=())


@pytest.mark.parametrize("name", PUBLISHED)
def test_results_equal_torchvisions(name: str) -> None:
    torchvision = pytest.importorskip("torchvision")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    side = 224 if name.startswith("vit") else 64
    images = torch.randn(2, 3, side, side)
    theirs = getattr(torchvision.models, name)(num_classes=5)
    last = [module for module in theirs.modules() if isinstance(module, torch.nn.Linear)][-1]
    torch.nn.init.normal_(last.weight)  # which is 0 in vision transformers
    theirs(images)  # so that statistics are those of something
    theirs.eval()
    ours = getattr(models, name)(num_classes=5).eval()
    state = {key: brasa.from_numpy(value.numpy()) for key, value in theirs.state_dict().items()}
    assert [(key, tuple(value.shape)) for key, value in state.items()] == [
        (key, tuple(value.shape)) for key, value in ours.state_dict().items()
    ]
    ours.load_state_dict(state)
    with torch.no_grad(), brasa.no_grad():
        wanted = theirs(images)
        found = torch.from_numpy(ours(brasa.from_numpy(images.numpy())).numpy())
    assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-5 * float(wanted.abs().max()))
