// What the matrix-vector units share: a vector is taken while its first row fold is computed, and kept for the others.
//
// s_axis: MW/SIMD beats of SIMD elements. m_axis: MH/PE beats of PE sums. Weight word: address
// fold*(MW/SIMD) + column, lane pe*SIMD + simd is W[fold*PE+pe, column*SIMD+simd].
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "lanes.hpp"

namespace hwgen {

// Unit: beat, word, sum (types); term(x, word, p), what SIMD columns add to sum p; code(sum), what is given.
template <typename C, typename Unit, int COLUMNS, int FOLDS>
void matrix_vector_frame(hls::stream<typename Unit::beat>& s_axis, hls::stream<ap_uint<C::PE * C::ACC_WIDTH>>& m_axis,
                         const typename Unit::word (&weights)[COLUMNS * FOLDS], typename Unit::beat (&kept)[COLUMNS]) {
#pragma HLS INLINE
  typename Unit::sum sums[C::PE];
#pragma HLS ARRAY_PARTITION variable=sums complete
  for (int vector = 0; vector < C::FRAME_BEATS_IN / COLUMNS; vector++) {
    for (int fold = 0; fold < FOLDS; fold++) {
      for (int column = 0; column < COLUMNS; column++) {
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=kept type=inter direction=RAW distance=COLUMNS true
        const typename Unit::beat x = fold == 0 ? s_axis.read() : kept[column];
        if (fold == 0) kept[column] = x;
        const typename Unit::word& word = weights[fold * COLUMNS + column];
        ap_uint<C::PE * C::ACC_WIDTH> y = 0;
        for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
          const typename Unit::sum before = column == 0 ? typename Unit::sum(0) : sums[p];
          sums[p] = before + Unit::term(x, word, p);
          set_lane(y, p, ap_uint<C::ACC_WIDTH>(Unit::code(sums[p])));
        }
        if (column == COLUMNS - 1) m_axis.write(y);
      }
    }
  }
}

// The vector in block RAM, or where Vitis thinks best: registers where it is short.
template <typename C, typename Unit, int COLUMNS, int FOLDS>
void matrix_vector(hls::stream<typename Unit::beat>& s_axis, hls::stream<ap_uint<C::PE * C::ACC_WIDTH>>& m_axis,
                   const typename Unit::word (&weights)[COLUMNS * FOLDS]) {
#pragma HLS INLINE
  if constexpr (C::STORE_BLOCK != 0) {
    typename Unit::beat kept_in_block[COLUMNS];
#pragma HLS BIND_STORAGE variable=kept_in_block type=ram_s2p impl=bram
    matrix_vector_frame<C, Unit, COLUMNS, FOLDS>(s_axis, m_axis, weights, kept_in_block);
  } else {
    typename Unit::beat kept[COLUMNS];
    matrix_vector_frame<C, Unit, COLUMNS, FOLDS>(s_axis, m_axis, weights, kept);
  }
}

}  // namespace hwgen
