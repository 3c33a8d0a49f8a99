// Sliding window: y[oh][ow][kh][kw][c] = x[oh * STRIDE_H + kh * DILATION_H][ow * STRIDE_W + kw * DILATION_W][c].
//
// Order: pixel by pixel, GROUPS beats each; a beat of y for every oh, ow, kh, kw and group, the last index fastest.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "ring.hpp"

namespace hwgen {

template <typename C>
struct window_walk {
  static constexpr int OUT_ROWS = (C::ROWS - C::DILATION_H * (C::KERNEL_H - 1) - 1) / C::STRIDE_H + 1;
  static constexpr int OUT_COLUMNS = (C::COLUMNS - C::DILATION_W * (C::KERNEL_W - 1) - 1) / C::STRIDE_W + 1;
  static constexpr int BEATS_IN = C::ROWS * C::COLUMNS * C::GROUPS;
  static constexpr int BEATS_OUT = OUT_ROWS * OUT_COLUMNS * C::KERNEL_H * C::KERNEL_W * C::GROUPS;

  // Distances in beats. The window's last beat lies SPAN behind its first.
  static constexpr int ROW = C::COLUMNS * C::GROUPS;
  static constexpr int TAP_H = C::DILATION_H * ROW;
  static constexpr int TAP_W = C::DILATION_W * C::GROUPS;
  static constexpr int SPAN = (C::KERNEL_H - 1) * TAP_H + (C::KERNEL_W - 1) * TAP_W + C::GROUPS - 1;
  static constexpr int MOVE_W = C::STRIDE_W * C::GROUPS;
  static constexpr int MOVE_H = C::STRIDE_H * ROW - (OUT_COLUMNS - 1) * MOVE_W;

  // From a beat to the next: within a pixel, to the next pixel of the window, its next row, the next window, the next
  // row of windows.
  static constexpr int STEP_KW = TAP_W - (C::GROUPS - 1);
  static constexpr int STEP_KH = TAP_H - (C::KERNEL_W - 1) * TAP_W - (C::GROUPS - 1);
  static constexpr int STEP_OW = MOVE_W - SPAN;
  static constexpr int STEP_OH = MOVE_H - SPAN;

  // Where no beat is given twice and none before an earlier one, each frees its place; else a window frees all places
  // before the next window.
  static constexpr bool STREAMS = (OUT_COLUMNS == 1 || MOVE_W > SPAN) && (OUT_ROWS == 1 || MOVE_H > SPAN);
  static_assert(C::DEPTH >= 2 && (STREAMS || C::DEPTH > SPAN), "DEPTH is too small for the window");

  int beat = 0, place = 0, freed = 0;
  int group = 0, kw = 0, kh = 0, ow = 0, oh = 0;

  void next() {
#pragma HLS INLINE
    const bool next_kw = counted<C::GROUPS>(group);
    const bool next_kh = next_kw && counted<C::KERNEL_W>(kw);
    const bool next_ow = next_kh && counted<C::KERNEL_H>(kh);
    const bool next_oh = next_ow && counted<OUT_COLUMNS>(ow);
    const bool end = next_oh && counted<OUT_ROWS>(oh);
    if (end) {
      freed = BEATS_IN;
    } else if (next_oh) {
      go<STEP_OH, MOVE_H>();
    } else if (next_ow) {
      go<STEP_OW, MOVE_W>();
    } else if (next_kh) {
      go<STEP_KH, 0>();
    } else if (next_kw) {
      go<STEP_KW, 0>();
    } else {
      go<1, 0>();
    }
  }

 private:
  // MOVES: from this window's first beat to that of the next one.
  template <int STEP, int MOVES>
  void go() {
#pragma HLS INLINE
    beat += STEP;
    place = moved<C::DEPTH, STEP>(place);
    freed = STREAMS ? beat : freed + MOVES;
  }
};

template <typename C>
void window(hls::stream<ap_uint<C::WIDTH>>& s_axis, hls::stream<ap_uint<C::WIDTH>>& m_axis) {
  ring<window_walk<C>, C::WIDTH, C::DEPTH, C::BLOCK>(s_axis, m_axis);
}

}  // namespace hwgen
