"""Benches, stream drivers and runners: shipped with the wheel as data, importable from a checkout as `sim`."""
