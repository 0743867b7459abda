"""Boxes in images, with the names of `torchvision.ops`."""

from brasa.vision.ops.boxes import box_area as box_area
from brasa.vision.ops.boxes import box_convert as box_convert
from brasa.vision.ops.boxes import box_iou as box_iou
from brasa.vision.ops.boxes import clip_boxes_to_image as clip_boxes_to_image
from brasa.vision.ops.boxes import generalized_box_iou as generalized_box_iou
from brasa.vision.ops.region_pooling import roi_align as roi_align
from brasa.vision.ops.suppression import batched_nms as batched_nms
from brasa.vision.ops.suppression import nms as nms
