// Rows of pixels, each given several times or in parts: a beat of y for every row i, repetition p, column j, repetition
// q and group g, the last index fastest, is beat
//   (i * COLUMNS + j) * GROUPS + g of x                                         (SPREAD = false: the same beats again)
//   (((i * COLUMNS + j) * REPEAT_H + p) * REPEAT_W + q) * GROUPS + g of x       (SPREAD = true: each beat once)
//
// A pixel's places in the ring are freed with its last beat.
#pragma once

#include "ring.hpp"

namespace hwgen {

// C: COLUMNS and GROUPS of a pixel of y, REPEAT_H and REPEAT_W, SPREAD, DEPTH; FRAME_BEATS_IN of x.
template <typename C>
struct replay_walk {
  // Distances in beats of x: between repetitions, and from a pixel to the next.
  static constexpr int TURN_W = C::SPREAD ? C::GROUPS : 0;
  static constexpr int TURN_H = C::REPEAT_W * TURN_W;
  static constexpr int PIXEL = C::SPREAD ? C::REPEAT_H * TURN_H : C::GROUPS;
  static constexpr int ROW = C::COLUMNS * PIXEL;
  static constexpr int BEATS_IN = C::FRAME_BEATS_IN;
  static constexpr int BEATS_OUT = BEATS_IN / PIXEL * C::REPEAT_H * C::REPEAT_W * C::GROUPS;

  // From a beat of y to the next: within a pixel, to its next repetition, the next pixel, the row again, the next row.
  static constexpr int STEP_W = TURN_W - (C::GROUPS - 1);
  static constexpr int STEP_J = PIXEL - (C::REPEAT_W - 1) * TURN_W - (C::GROUPS - 1);
  static constexpr int STEP_H = STEP_J + TURN_H - ROW;
  static constexpr int STEP_I = STEP_J - (C::REPEAT_H - 1) * TURN_H;
  static_assert(BEATS_IN % ROW == 0, "a frame is whole rows");
  static_assert(C::DEPTH >= 2 && C::DEPTH >= PIXEL && (C::REPEAT_H == 1 || C::DEPTH >= ROW - TURN_H),
                "DEPTH is too small for a row");

  int beat = 0, place = 0, freed = 0;
  int group = 0, w = 0, column = 0, h = 0;

  void next() {
#pragma HLS INLINE
    const bool last_h = h == C::REPEAT_H - 1;
    const bool next_w = counted<C::GROUPS>(group);
    const bool next_column = next_w && counted<C::REPEAT_W>(w);
    const bool next_h = next_column && counted<C::COLUMNS>(column);
    const bool next_row = next_h && counted<C::REPEAT_H>(h);
    if (next_column && last_h) freed += PIXEL;
    if (next_row) {
      go<STEP_I>();
    } else if (next_h) {
      go<STEP_H>();
    } else if (next_column) {
      go<STEP_J>();
    } else if (next_w) {
      go<STEP_W>();
    } else {
      go<1>();
    }
  }

 private:
  template <int STEP>
  void go() {
#pragma HLS INLINE
    beat += STEP;
    place = moved<C::DEPTH, STEP>(place);
  }
};

}  // namespace hwgen
