// Nearest-neighbour upsampling: y[i][j][c] = x[i / FACTOR_H][j / FACTOR_W][c].
//
// Order: pixel by pixel, GROUPS beats each. A row is kept while it is given FACTOR_H times.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "replay.hpp"

namespace hwgen {

template <typename C>
struct upsample_order : C {
  static constexpr int REPEAT_H = C::FACTOR_H;
  static constexpr int REPEAT_W = C::FACTOR_W;
  static constexpr bool SPREAD = false;
};

template <typename C>
void upsample(hls::stream<ap_uint<C::WIDTH>>& s_axis, hls::stream<ap_uint<C::WIDTH>>& m_axis) {
  ring<replay_walk<upsample_order<C>>, C::WIDTH, C::DEPTH, C::BLOCK>(s_axis, m_axis);
}

}  // namespace hwgen
