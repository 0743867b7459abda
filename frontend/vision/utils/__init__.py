"""Images shown: several in one, in a file, or with boxes drawn into them; with the names of `torchvision.utils`."""

from brasa.vision.utils.drawing import draw_bounding_boxes as draw_bounding_boxes
from brasa.vision.utils.grids import make_grid as make_grid
from brasa.vision.utils.grids import save_image as save_image
