// Matrix-vector unit: y[m] = sum over k of W[m,k] * x[k], k < MW, m < MH, modulo 2**ACC_WIDTH.
//
// x and W are unsigned, two's complement or bipolar (one bit, 0 for -1, 1 for +1), each of its own width. ACC_WIDTH is
// chosen to hold every y, so nothing is lost. Order and weight words: matrix_vector.hpp.
#pragma once

#include "matrix_vector.hpp"
#include "product.hpp"

namespace hwgen {

template <typename C>
struct mvau_unit {
  using beat = ap_uint<C::SIMD * C::A_WIDTH>;
  using word = ap_uint<C::PE * C::SIMD * C::W_WIDTH>;
  using sum = ap_int<C::ACC_WIDTH>;

  static sum term(const beat& x, const word& weights, int p) {
#pragma HLS INLINE
    sum total = 0;
    for (int i = 0; i < C::SIMD; i++) {
#pragma HLS UNROLL
      total += product<C>(lane<C::A_WIDTH>(x, i), lane<C::W_WIDTH>(weights, p * C::SIMD + i));
    }
    return total;
  }

  static sum code(const sum& total) {
#pragma HLS INLINE
    return total;
  }
};

template <typename C>
void mvau(hls::stream<ap_uint<C::SIMD * C::A_WIDTH>>& s_axis, hls::stream<ap_uint<C::PE * C::ACC_WIDTH>>& m_axis,
          const ap_uint<C::PE * C::SIMD * C::W_WIDTH> (&weights)[(C::MW / C::SIMD) * (C::MH / C::PE)]) {
  matrix_vector<C, mvau_unit<C>, C::MW / C::SIMD, C::MH / C::PE>(s_axis, m_axis, weights);
}

}  // namespace hwgen
