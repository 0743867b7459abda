"""What stands beside models: `brasa.utils.tensorboard`. Each part is imported by its own name."""
