"""Classify by the largest score and print how many labels are met: classify.py SCORES.npy LABELS.npy."""

from __future__ import annotations

import sys

import numpy as np


def main() -> None:
    scores, labels = (np.load(path, allow_pickle=False) for path in sys.argv[1:3])
    hits = int((scores.reshape(len(scores), -1).argmax(axis=1) == labels).sum())
    print(f"{hits} of {len(labels)} images classified right: {hits / len(labels):.1%} accuracy")


if __name__ == "__main__":
    main()
