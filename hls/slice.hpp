// A box of a map: y[i][j][g] = x[TOP + i][LEFT + j][FIRST + g], g numbering the beats of a pixel.
//
// Order: pixel by pixel. Every beat of x is taken, those outside of the box are dropped.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

namespace hwgen {

template <typename C>
void slice(hls::stream<ap_uint<C::WIDTH>>& s_axis, hls::stream<ap_uint<C::WIDTH>>& m_axis) {
  for (int row = 0; row < C::ROWS; row++) {
    for (int column = 0; column < C::COLUMNS; column++) {
      for (int group = 0; group < C::GROUPS; group++) {
#pragma HLS PIPELINE II=1 style=flp
        const ap_uint<C::WIDTH> x = s_axis.read();
        const bool in_row = row >= C::TOP && row < C::TOP + C::OUT_ROWS;
        const bool in_column = column >= C::LEFT && column < C::LEFT + C::OUT_COLUMNS;
        const bool in_group = group >= C::FIRST && group < C::FIRST + C::OUT_GROUPS;
        if (in_row && in_column && in_group) m_axis.write(x);
      }
    }
  }
}

}  // namespace hwgen
