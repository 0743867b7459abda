"""What stands beside models: `checkpoint`, and `tensorboard`, which is imported by its own name."""

from brasa.utils import checkpoint as checkpoint
