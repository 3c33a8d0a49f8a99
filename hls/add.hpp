// Join: y = A_FACTOR * a + B_FACTOR * b, element by element, of two streams of PE lanes.
//
// a and b are unsigned, two's complement or bipolar (one bit, 0 for -1, 1 for +1). Stream: as it comes.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "lanes.hpp"

namespace hwgen {

// FACTOR times the number that a code stands for, modulo 2^64: sums of OUT_BITS bits are right modulo 2^OUT_BITS.
template <int KIND, int BITS>
unsigned long long scaled(const ap_uint<BITS>& code, long long factor) {
#pragma HLS INLINE
  return extended<KIND, 64>(code).to_uint64() * static_cast<unsigned long long>(factor);
}

template <typename C>
void add(hls::stream<ap_uint<C::PE * C::A_BITS>>& s0_axis, hls::stream<ap_uint<C::PE * C::B_BITS>>& s1_axis,
         hls::stream<ap_uint<C::PE * C::OUT_BITS>>& m_axis) {
  constexpr int A_KIND = kind_of(C::A_SIGNED, C::A_BIPOLAR);
  constexpr int B_KIND = kind_of(C::B_SIGNED, C::B_BIPOLAR);
  for (int beat = 0; beat < C::FRAME_BEATS_IN; beat++) {
#pragma HLS PIPELINE II=1 style=flp
    const auto a = s0_axis.read();
    const auto b = s1_axis.read();
    ap_uint<C::PE * C::OUT_BITS> y = 0;
    for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
      const auto sum =
          scaled<A_KIND>(lane<C::A_BITS>(a, p), C::A_FACTOR) + scaled<B_KIND>(lane<C::B_BITS>(b, p), C::B_FACTOR);
      set_lane(y, p, ap_uint<C::OUT_BITS>(sum));
    }
    m_axis.write(y);
  }
}

}  // namespace hwgen
