"""Exact real arithmetic for folding scales: surds, expressions over one integer, quantizers, step functions."""
