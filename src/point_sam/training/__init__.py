"""Training: labelled clouds, augmentation, simulated clicks, losses and the loop."""
