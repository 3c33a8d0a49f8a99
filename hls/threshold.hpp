// Step functions by parallel comparators: y[c] = OUT_LO + n, where n counts the thresholds T[c][i] <= a[c],
// or LEVELS - n where the channel descends (a bipolar output has OUT_BITS 1 and OUT_LO 0: its code is n).
//
// Order: channels in order, PE a beat, lane 0 in the least significant bits; beat b uses ROM word b mod FOLDS.
// ROM words: T[c][i] at bits (lane * LEVELS + i) * THRESHOLD_BITS; direction of lane p at bit p.
#pragma once

#include <hls_stream.h>

#include "steps.hpp"

namespace hwgen {

// How many of the thresholds of lane p the code reaches.
template <typename C>
int threshold_level(const ap_uint<C::IN_BITS>& code, const ap_uint<C::PE * C::LEVELS * C::THRESHOLD_BITS>& word,
                    int p) {
#pragma HLS INLINE
  const auto a = value<kind_of(C::IN_SIGNED, C::IN_BIPOLAR)>(code);
  int level = 0;
  for (int i = 0; i < C::LEVELS; i++) {
#pragma HLS UNROLL
    level += value<kind_of(C::THRESHOLD_SIGNED, 0)>(lane<C::THRESHOLD_BITS>(word, p * C::LEVELS + i)) <= a ? 1 : 0;
  }
  return level;
}

template <typename C>
void threshold(hls::stream<ap_uint<C::PE * C::IN_BITS>>& s_axis, hls::stream<ap_uint<C::PE * C::OUT_BITS>>& m_axis,
               const ap_uint<C::PE * C::LEVELS * C::THRESHOLD_BITS> (&thresholds)[C::FOLDS],
               const ap_uint<C::PE> (&descending)[C::FOLDS]) {
  int fold = 0;
  for (int beat = 0; beat < C::FRAME_BEATS_IN; beat++) {
#pragma HLS PIPELINE II=1
    const ap_uint<C::PE * C::IN_BITS> x = s_axis.read();
    ap_uint<C::PE * C::OUT_BITS> y = 0;
    for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
      const int level = threshold_level<C>(lane<C::IN_BITS>(x, p), thresholds[fold], p);
      set_lane(y, p, level_code<C>(level, lane<1>(descending[fold], p) == 1));
    }
    m_axis.write(y);
    fold = fold == C::FOLDS - 1 ? 0 : fold + 1;
  }
}

}  // namespace hwgen
