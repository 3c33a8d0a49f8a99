// Step functions as y[c] = OUT_LO + clip((a[c] * m[c] + b[c]) >> SHIFT, 0, LEVELS), m and b signed or unsigned
// integers.
//
// TIES 0: that floor. 1 and 2: round to nearest, with half of 2^SHIFT already in b (for 2: less one); then the low
// SHIFT bits of a tie are all 0 (2: all 1), and bit 0 of its code is made 0 (2: 1): ties to the even (2: odd) code.
// Order: channels in order, PE a beat, lane 0 in the least significant bits; beat b uses ROM word b mod FOLDS.
// ROM words: m and b of lane p at bits p * MULTIPLIER_BITS and p * OFFSET_BITS. UNIT: every m is 1, its ROM is not
// read.
#pragma once

#include <hls_stream.h>

#include "product.hpp"

namespace hwgen {

template <typename C>
ap_int<C::SUM_BITS> requantize_sum(const ap_uint<C::IN_BITS>& x, const ap_uint<C::MULTIPLIER_BITS>& multiplier,
                                   const ap_uint<C::OFFSET_BITS>& offset) {
#pragma HLS INLINE
  const auto a = value<kind_of(C::IN_SIGNED, C::IN_BIPOLAR)>(x);
  const auto b = value<kind_of(C::OFFSET_SIGNED, 0)>(offset);
  if constexpr (C::UNIT != 0) {
    return a + b;
  } else {
    return a * value<kind_of(C::MULTIPLIER_SIGNED, 0)>(multiplier) + b;
  }
}

// The quotient; that of a tie which the offset has rounded to the wrong side differs in bit 0 only.
template <typename C>
ap_int<C::SUM_BITS - C::SHIFT> requantize_quotient(const ap_int<C::SUM_BITS>& sum) {
#pragma HLS INLINE
  ap_int<C::SUM_BITS - C::SHIFT> quotient = sum >> C::SHIFT;
  if constexpr (C::TIES != 0) {
    const ap_uint<C::SHIFT> cut = sum;
    if (C::TIES == 1 && cut == ap_uint<C::SHIFT>(0)) quotient[0] = false;
    if (C::TIES == 2 && cut == ap_uint<C::SHIFT>(-1)) quotient[0] = true;
  }
  return quotient;
}

template <typename C>
void requantize(hls::stream<ap_uint<C::PE * C::IN_BITS>>& s_axis, hls::stream<ap_uint<C::PE * C::OUT_BITS>>& m_axis,
                const ap_uint<C::PE * C::MULTIPLIER_BITS> (&multipliers)[C::FOLDS],
                const ap_uint<C::PE * C::OFFSET_BITS> (&offsets)[C::FOLDS]) {
  int fold = 0;
  for (int beat = 0; beat < C::FRAME_BEATS_IN; beat++) {
#pragma HLS PIPELINE II=1
    const ap_uint<C::PE * C::IN_BITS> x = s_axis.read();
    ap_uint<C::PE * C::OUT_BITS> y = 0;
    for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
      const ap_int<C::SUM_BITS> sum =
          requantize_sum<C>(lane<C::IN_BITS>(x, p), lane<C::MULTIPLIER_BITS>(multipliers[fold], p),
                            lane<C::OFFSET_BITS>(offsets[fold], p));
      const auto quotient = requantize_quotient<C>(sum);
      const int level = quotient < 0 ? 0 : quotient > C::LEVELS ? C::LEVELS : quotient.to_int();
      set_lane(y, p, ap_uint<C::OUT_BITS>(C::OUT_LO + level));
    }
    m_axis.write(y);
    fold = fold == C::FOLDS - 1 ? 0 : fold + 1;
  }
}

}  // namespace hwgen
