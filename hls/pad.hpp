// Border of constants around a map: y[i][j][c] = x[i - TOP][j - LEFT][c] where that exists, else border[c].
//
// Order: pixel by pixel, GROUPS beats each; word g mod FOLDS of `border` holds the border of group g, in output codes.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "lanes.hpp"
#include "loop_counter.hpp"

namespace hwgen {

// A beat of x in codes of the output.
template <typename C>
ap_uint<C::PE * C::OUT_BITS> recoded(const ap_uint<C::PE * C::IN_BITS>& beat) {
#pragma HLS INLINE
  constexpr int KIND = C::OUT_BIPOLAR != 0 ? UNSIGNED : kind_of(C::IN_SIGNED, C::IN_BIPOLAR);
  ap_uint<C::PE * C::OUT_BITS> wide = 0;
  for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
    set_lane(wide, p, extended<KIND, C::OUT_BITS>(lane<C::IN_BITS>(beat, p)));
  }
  return wide;
}

template <typename C>
void pad(hls::stream<ap_uint<C::PE * C::IN_BITS>>& s_axis, hls::stream<ap_uint<C::PE * C::OUT_BITS>>& m_axis,
         const ap_uint<C::PE * C::OUT_BITS> (&border)[C::FOLDS]) {
  int fold = 0;
  for (int row = 0; row < C::TOP + C::ROWS + C::BOTTOM; row++) {
    for (int column = 0; column < C::LEFT + C::COLUMNS + C::RIGHT; column++) {
      for (int group = 0; group < C::GROUPS; group++) {
#pragma HLS PIPELINE II=1 style=flp
        const bool in_row = row >= C::TOP && row < C::TOP + C::ROWS;
        const bool in_column = column >= C::LEFT && column < C::LEFT + C::COLUMNS;
        m_axis.write(in_row && in_column ? recoded<C>(s_axis.read()) : border[fold]);
        counted<C::FOLDS>(fold);
      }
    }
  }
}

}  // namespace hwgen
