"""What is done to images on their way into a network, with the names of `torchvision.transforms` (v1).

Images are pillow's, or tensors [..., channels, height, width]. Transforms that draw take their numbers from brasa's
default generator: after `brasa.manual_seed` they do the same again.
"""

from brasa.vision.transforms import functional as functional
from brasa.vision.transforms.augmentation import AugMix as AugMix
from brasa.vision.transforms.augmentation import AutoAugment as AutoAugment
from brasa.vision.transforms.augmentation import AutoAugmentPolicy as AutoAugmentPolicy
from brasa.vision.transforms.augmentation import RandAugment as RandAugment
from brasa.vision.transforms.augmentation import TrivialAugmentWide as TrivialAugmentWide
from brasa.vision.transforms.chance import ColorJitter as ColorJitter
from brasa.vision.transforms.chance import RandomApply as RandomApply
from brasa.vision.transforms.chance import RandomChoice as RandomChoice
from brasa.vision.transforms.chance import RandomCrop as RandomCrop
from brasa.vision.transforms.chance import RandomErasing as RandomErasing
from brasa.vision.transforms.chance import RandomGrayscale as RandomGrayscale
from brasa.vision.transforms.chance import RandomHorizontalFlip as RandomHorizontalFlip
from brasa.vision.transforms.chance import RandomOrder as RandomOrder
from brasa.vision.transforms.chance import RandomResizedCrop as RandomResizedCrop
from brasa.vision.transforms.chance import RandomVerticalFlip as RandomVerticalFlip
from brasa.vision.transforms.chance_of_tones import RandomAdjustSharpness as RandomAdjustSharpness
from brasa.vision.transforms.chance_of_tones import RandomAutocontrast as RandomAutocontrast
from brasa.vision.transforms.chance_of_tones import RandomEqualize as RandomEqualize
from brasa.vision.transforms.chance_of_tones import RandomInvert as RandomInvert
from brasa.vision.transforms.chance_of_tones import RandomPosterize as RandomPosterize
from brasa.vision.transforms.chance_of_tones import RandomSolarize as RandomSolarize
from brasa.vision.transforms.chance_of_warping import ElasticTransform as ElasticTransform
from brasa.vision.transforms.chance_of_warping import RandomAffine as RandomAffine
from brasa.vision.transforms.chance_of_warping import RandomPerspective as RandomPerspective
from brasa.vision.transforms.chance_of_warping import RandomRotation as RandomRotation
from brasa.vision.transforms.fixed import CenterCrop as CenterCrop
from brasa.vision.transforms.fixed import Compose as Compose
from brasa.vision.transforms.fixed import ConvertImageDtype as ConvertImageDtype
from brasa.vision.transforms.fixed import FiveCrop as FiveCrop
from brasa.vision.transforms.fixed import GaussianBlur as GaussianBlur
from brasa.vision.transforms.fixed import Grayscale as Grayscale
from brasa.vision.transforms.fixed import Lambda as Lambda
from brasa.vision.transforms.fixed import LinearTransformation as LinearTransformation
from brasa.vision.transforms.fixed import Normalize as Normalize
from brasa.vision.transforms.fixed import Pad as Pad
from brasa.vision.transforms.fixed import PILToTensor as PILToTensor
from brasa.vision.transforms.fixed import Resize as Resize
from brasa.vision.transforms.fixed import TenCrop as TenCrop
from brasa.vision.transforms.fixed import ToPILImage as ToPILImage
from brasa.vision.transforms.fixed import ToTensor as ToTensor
from brasa.vision.transforms.images import InterpolationMode as InterpolationMode
