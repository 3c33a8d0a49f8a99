// Matrix-vector unit, bipolar x bipolar: y[m] = sum over k of W[m,k] * x[k], k < MW, m < MH, all in {-1,+1}.
//
// Bits code 0 as -1 and 1 as +1: y = 2*ones - MW, ones = number of k where the bits are equal. Order and weight words:
// matrix_vector.hpp.
#pragma once

#include "matrix_vector.hpp"

namespace hwgen {

template <typename C>
struct mvau_xnor_unit {
  using beat = ap_uint<C::SIMD>;
  using word = ap_uint<C::PE * C::SIMD>;
  using sum = ap_uint<C::ACC_WIDTH - 1>;

  static sum term(const beat& x, const word& weights, int p) {
#pragma HLS INLINE
    sum ones = 0;
    for (int i = 0; i < C::SIMD; i++) {
#pragma HLS UNROLL
      ones += ap_uint<1>(lane<1>(x, i) == lane<1>(weights, p * C::SIMD + i));
    }
    return ones;
  }

  static ap_int<C::ACC_WIDTH> code(const sum& ones) {
#pragma HLS INLINE
    return 2 * ones - C::MW;
  }
};

template <typename C>
void mvau_xnor(hls::stream<ap_uint<C::SIMD>>& s_axis, hls::stream<ap_uint<C::PE * C::ACC_WIDTH>>& m_axis,
               const ap_uint<C::PE * C::SIMD> (&weights)[(C::MW / C::SIMD) * (C::MH / C::PE)]) {
  matrix_vector<C, mvau_xnor_unit<C>, C::MW / C::SIMD, C::MH / C::PE>(s_axis, m_axis, weights);
}

}  // namespace hwgen
