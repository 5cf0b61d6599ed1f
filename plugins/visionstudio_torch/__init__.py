"""Building blocks that the bundled plugins share: backbone, data loading, training, weights.

Importing this package or its `params` module is cheap; the other modules import torch.
"""
