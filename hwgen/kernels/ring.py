"""When the beats of a ring come and go: the arithmetic behind the line buffers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np

from hwgen.ir.tensor import Array


class Ring(ABC):
    """An order in which stored beats are given, some more than once, and from when on each is no longer kept.

    Subclasses are frozen dataclasses. Beats in are numbered as they come, beats out as they go, both from 0 in each
    frame. Both sides do a beat a cycle; a beat can go one cycle after it came, and a place can be filled again one
    cycle after it was freed. Places are freed in the order in which they were filled.
    """

    @property
    @abstractmethod
    def beats_in(self) -> int:
        """Beats of a frame that come."""

    @property
    @abstractmethod
    def beats_out(self) -> int:
        """Beats of a frame that go."""

    @property
    @abstractmethod
    def needs(self) -> Array:
        """(beats_out,) the beat in that each beat out is."""

    @property
    @abstractmethod
    def released(self) -> Array:
        """(beats_out,) how many beats in of the frame are no longer kept once that beat out has gone."""

    def frees(self, depth: int) -> Array:
        """(beats_in,) the beat out that makes room for each beat in where `depth` are stored; negative: frames before.

        Beat out -1 is the last one of the frame before.
        """
        least = np.arange(self.beats_in) - depth + 1
        frames = -(-least // self.beats_in) - 1
        return np.searchsorted(self.released, least - frames * self.beats_in) + frames * self.beats_out

    @property
    def depth(self) -> int:
        """The fewest places with which a frame takes max(beats in, beats out) cycles."""
        return _depth(self)

    @property
    def least(self) -> int:
        """The fewest places with which it does not get stuck."""
        return int((self.needs + 1 - np.append(0, self.released[:-1])).max())

    def busiest(self) -> int:
        """The most beats that are stored at once when the busier side never pauses."""
        if self.beats_out >= self.beats_in:
            taken = self._latest_reads()
            frames, last = np.divmod(taken - 1, self.beats_out)  # the beat out of the cycle before
        else:
            taken, out = np.arange(self.beats_in), self._earliest_writes()
            gone = np.searchsorted(np.concatenate([out - self.beats_in, out]), taken) - 1  # there: two frames
            frames, last = np.divmod(gone - self.beats_out, self.beats_out)
        return int((np.arange(self.beats_in) + 1 - self.released[last] - frames * self.beats_in).max())

    def _latest_reads(self) -> Array:
        """(beats_in,) cycles of the beats in, as late as beats out in every cycle from 0 on allow."""
        first = np.searchsorted(np.maximum.accumulate(self.needs), np.arange(self.beats_in))
        due = np.where(first < self.beats_out, first - 1, 3 * self.beats_out)
        both = np.concatenate([due, due + self.beats_out]) - np.arange(2 * self.beats_in)
        latest = np.minimum.accumulate(both[::-1])[::-1] + np.arange(2 * self.beats_in)
        return np.asarray(latest[: self.beats_in])

    def _earliest_writes(self) -> Array:
        """(beats_out,) cycles of the beats out, as early as beats in in every cycle from 0 on allow."""
        order = np.arange(self.beats_out)
        slack = np.maximum.accumulate(self.needs + 1 - order)
        before = slack[-1] + order[-1] - self.beats_in + 1
        return np.asarray(np.maximum(slack, before) + order)


@lru_cache(maxsize=512)
def _depth(ring: Ring) -> int:
    return max(ring.busiest(), ring.least, 2)
