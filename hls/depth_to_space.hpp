// Channels to pixels: y[i * BLOCK_H + p][j * BLOCK_W + q][c] = x[i][j][(p * BLOCK_W + q) * C + c], or, INTERLEAVED,
// x[i][j][c * BLOCK_H * BLOCK_W + p * BLOCK_W + q], for C channels of y.
//
// Order: pixel by pixel, a pixel of y in GROUPS beats of LANES channels. A beat of x holds LANES channels; INTERLEAVED
// it holds BLOCK_H * BLOCK_W times as many, of which one part is given at a time.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "lanes.hpp"
#include "replay.hpp"

namespace hwgen {

template <typename C>
struct depth_to_space_order : C {
  static constexpr int REPEAT_H = C::BLOCK_H;
  static constexpr int REPEAT_W = C::BLOCK_W;
  static constexpr bool SPREAD = C::INTERLEAVED == 0;
  static constexpr int PARTS = SPREAD ? 1 : C::BLOCK_H * C::BLOCK_W;  // of a beat of x
  static constexpr int WIDTH = PARTS * C::LANES * C::BITS;            // of a beat of x
};

// Part p * BLOCK_W + q of every beat: PARTS neighbouring channels of x belong to one channel of y.
template <typename C>
void pick_parts(hls::stream<ap_uint<depth_to_space_order<C>::WIDTH>>& s_axis,
                hls::stream<ap_uint<C::LANES * C::BITS>>& m_axis) {
  using order = depth_to_space_order<C>;
  constexpr int ROWS = C::FRAME_BEATS_IN / (C::COLUMNS * C::GROUPS);
  for (int row = 0; row < ROWS; row++) {
    for (int p = 0; p < C::BLOCK_H; p++) {
      for (int column = 0; column < C::COLUMNS; column++) {
        for (int q = 0; q < C::BLOCK_W; q++) {
          for (int group = 0; group < C::GROUPS; group++) {
#pragma HLS PIPELINE II=1 style=flp
            const ap_uint<order::WIDTH> x = s_axis.read();
            ap_uint<C::LANES * C::BITS> y = 0;
            for (int l = 0; l < C::LANES; l++) {
#pragma HLS UNROLL
              set_lane(y, l, lane<C::BITS>(x, l * order::PARTS + p * C::BLOCK_W + q));
            }
            m_axis.write(y);
          }
        }
      }
    }
  }
}

template <typename C>
void depth_to_space_interleaved(hls::stream<ap_uint<depth_to_space_order<C>::WIDTH>>& s_axis,
                                hls::stream<ap_uint<C::LANES * C::BITS>>& m_axis) {
#pragma HLS DATAFLOW
  using order = depth_to_space_order<C>;
  hls::stream<ap_uint<order::WIDTH>> whole("whole");
#pragma HLS STREAM variable=whole depth=2
  ring<replay_walk<order>, order::WIDTH, C::DEPTH, C::BLOCK>(s_axis, whole);
  pick_parts<C>(whole, m_axis);
}

template <typename C>
void depth_to_space(hls::stream<ap_uint<depth_to_space_order<C>::WIDTH>>& s_axis,
                    hls::stream<ap_uint<C::LANES * C::BITS>>& m_axis) {
#pragma HLS INLINE
  using order = depth_to_space_order<C>;
  if constexpr (order::SPREAD) {
    ring<replay_walk<order>, order::WIDTH, C::DEPTH, C::BLOCK>(s_axis, m_axis);
  } else {
    depth_to_space_interleaved<C>(s_axis, m_axis);
  }
}

}  // namespace hwgen
