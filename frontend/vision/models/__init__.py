"""Networks for images: torchvision's names, arguments, structure and names of states, so its files load; and a U-Net.

Weights are drawn anew, as torchvision draws them; `model.load_state_dict(brasa.load(path))` takes those of a file.
"""

from typing import Any as _Any

from brasa.ir.errors import AttributeError as _AttributeError
from brasa.vision.models.alexnet import AlexNet as AlexNet
from brasa.vision.models.alexnet import alexnet as alexnet
from brasa.vision.models.densenet import DenseNet as DenseNet
from brasa.vision.models.densenet import densenet121 as densenet121
from brasa.vision.models.efficientnet import EfficientNet as EfficientNet
from brasa.vision.models.efficientnet import efficientnet_b0 as efficientnet_b0
from brasa.vision.models.mobilenetv2 import MobileNetV2 as MobileNetV2
from brasa.vision.models.mobilenetv2 import mobilenet_v2 as mobilenet_v2
from brasa.vision.models.mobilenetv3 import MobileNetV3 as MobileNetV3
from brasa.vision.models.mobilenetv3 import mobilenet_v3_large as mobilenet_v3_large
from brasa.vision.models.mobilenetv3 import mobilenet_v3_small as mobilenet_v3_small
from brasa.vision.models.resnet import ResNet as ResNet
from brasa.vision.models.resnet import resnet18 as resnet18
from brasa.vision.models.resnet import resnet34 as resnet34
from brasa.vision.models.resnet import resnet50 as resnet50
from brasa.vision.models.resnet import resnet101 as resnet101
from brasa.vision.models.resnet import resnet152 as resnet152
from brasa.vision.models.unet import UNet as UNet
from brasa.vision.models.unet import unet as unet
from brasa.vision.models.vgg import VGG as VGG
from brasa.vision.models.vgg import vgg11 as vgg11
from brasa.vision.models.vgg import vgg11_bn as vgg11_bn
from brasa.vision.models.vgg import vgg13 as vgg13
from brasa.vision.models.vgg import vgg13_bn as vgg13_bn
from brasa.vision.models.vgg import vgg16 as vgg16
from brasa.vision.models.vgg import vgg16_bn as vgg16_bn
from brasa.vision.models.vgg import vgg19 as vgg19
from brasa.vision.models.vgg import vgg19_bn as vgg19_bn
from brasa.vision.models.vision_transformer import VisionTransformer as VisionTransformer
from brasa.vision.models.vision_transformer import vit_b_16 as vit_b_16
from brasa.vision.models.vision_transformer import vit_b_32 as vit_b_32


def __getattr__(name: str) -> _Any:
    if name.endswith("_Weights"):
        raise _AttributeError("weights are not downloaded, only loaded: load_state_dict(brasa.load(path))", op=name)
    raise AttributeError(f"module 'brasa.vision.models' has no attribute '{name}'")
