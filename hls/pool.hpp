// Pooling: y[c] = max, min or sum over k of x[k][c], for every window of TAPS elements per channel.
//
// Order: window by window, element k by element k, channels in groups of PE lanes; out: the groups of one element.
#pragma once

#include <hls_stream.h>

#include "product.hpp"

namespace hwgen {

// What a lane has after one more element; codes of one bit are compared as they are, bipolar or not.
template <typename C>
ap_uint<C::OUT_BITS> pooled(const ap_uint<C::IN_BITS>& code, const ap_uint<C::OUT_BITS>& old, bool first) {
#pragma HLS INLINE
  constexpr int KIND = kind_of(C::IN_SIGNED, C::SUM != 0 ? C::IN_BIPOLAR : 0);
  constexpr int OLD_KIND = kind_of(C::IN_SIGNED, 0);
  const ap_uint<C::OUT_BITS> wide = extended<KIND, C::OUT_BITS>(code);
  if constexpr (C::SUM != 0) {
    return first ? wide : ap_uint<C::OUT_BITS>(old + wide);
  } else {
    const bool above = value<OLD_KIND>(wide) > value<OLD_KIND>(old);
    return first || above != (C::LEAST != 0) ? wide : old;
  }
}

template <typename C>
void pool(hls::stream<ap_uint<C::PE * C::IN_BITS>>& s_axis, hls::stream<ap_uint<C::PE * C::OUT_BITS>>& m_axis) {
  constexpr int FOLDS = C::FOLDS;
  ap_uint<C::PE * C::OUT_BITS> partial[FOLDS];
  for (int window = 0; window < C::FRAME_BEATS_OUT / FOLDS; window++) {
    for (int tap = 0; tap < C::TAPS; tap++) {
      for (int fold = 0; fold < FOLDS; fold++) {
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=partial type=inter direction=RAW distance=FOLDS true
        const ap_uint<C::PE * C::IN_BITS> x = s_axis.read();
        const ap_uint<C::PE * C::OUT_BITS> before = partial[fold];
        ap_uint<C::PE * C::OUT_BITS> y = 0;
        for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
          set_lane(y, p, pooled<C>(lane<C::IN_BITS>(x, p), lane<C::OUT_BITS>(before, p), tap == 0));
        }
        partial[fold] = y;
        if (tap == C::TAPS - 1) m_axis.write(y);
      }
    }
  }
}

}  // namespace hwgen
