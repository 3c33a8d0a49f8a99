// Index of the largest score: y = the lowest c that maximises MULTIPLIER * a[c] + offset[c].
//
// Order: CLASSES values in order, PE a beat, lane 0 in the least significant bits; out: one beat a frame.
// ROM word f: the offsets of classes f * PE ... f * PE + PE - 1.
#pragma once

#include <hls_stream.h>

#include "product.hpp"

namespace hwgen {

// A score and its class.
template <typename C>
struct argmax_candidate {
  ap_int<C::SCORE_BITS> score;
  ap_uint<C::OUT_BITS> index;
};

// The best of the lanes of a beat, by a tree; of equal scores the one of the lowest lane.
template <typename C>
argmax_candidate<C> argmax_of_beat(const ap_uint<C::PE * C::IN_BITS>& x, const ap_uint<C::PE * C::OFFSET_BITS>& word,
                                   int first) {
#pragma HLS INLINE
  argmax_candidate<C> best[C::PE];
#pragma HLS ARRAY_PARTITION variable=best complete
  for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
    const auto a = value<kind_of(C::IN_SIGNED, C::IN_BIPOLAR)>(lane<C::IN_BITS>(x, p));
    const ap_int<C::SCORE_BITS> product = a * ap_uint<31>(C::MULTIPLIER);
    best[p].score = product + value<kind_of(C::OFFSET_SIGNED, 0)>(lane<C::OFFSET_BITS>(word, p));
    best[p].index = first + p;
  }
  for (int span = 1; span < C::PE; span *= 2) {
#pragma HLS UNROLL
    for (int p = 0; p + span < C::PE; p += 2 * span) {
#pragma HLS UNROLL
      if (best[p + span].score > best[p].score) best[p] = best[p + span];
    }
  }
  return best[0];
}

template <typename C>
void argmax(hls::stream<ap_uint<C::PE * C::IN_BITS>>& s_axis, hls::stream<ap_uint<C::OUT_BITS>>& m_axis,
            const ap_uint<C::PE * C::OFFSET_BITS> (&offsets)[C::CLASSES / C::PE]) {
  argmax_candidate<C> best;
  for (int beat = 0; beat < C::CLASSES / C::PE; beat++) {
#pragma HLS PIPELINE II=1
    const argmax_candidate<C> found = argmax_of_beat<C>(s_axis.read(), offsets[beat], beat * C::PE);
    if (beat == 0 || found.score > best.score) best = found;
  }
  m_axis.write(best.index);
}

}  // namespace hwgen
