"""hwgen: from a quantized neural network to bit-exact streaming hardware."""

__version__ = "0.1.0"
