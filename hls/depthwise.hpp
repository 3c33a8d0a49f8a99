// Depthwise unit: y[c] = sum over k of W[c,k] * x[k][c], for every window of TAPS elements of each channel.
//
// x and W are unsigned, two's complement or bipolar (one bit, 0 for -1, 1 for +1). ACC_WIDTH holds every y, so nothing
// is lost. s_axis: window by window, element k by element k, channels in groups of PE lanes. m_axis: the groups of a
// window's sums. Weight word: address k*FOLDS + group, lane pe is W[group*PE+pe, k].
#pragma once

#include <hls_stream.h>

#include "product.hpp"

namespace hwgen {

template <typename C>
void depthwise(hls::stream<ap_uint<C::PE * C::A_WIDTH>>& s_axis, hls::stream<ap_uint<C::PE * C::ACC_WIDTH>>& m_axis,
               const ap_uint<C::PE * C::W_WIDTH> (&weights)[C::TAPS * C::FOLDS]) {
  constexpr int FOLDS = C::FOLDS;
  ap_uint<C::PE * C::ACC_WIDTH> partial[FOLDS];
  for (int window = 0; window < C::FRAME_BEATS_OUT / FOLDS; window++) {
    for (int tap = 0; tap < C::TAPS; tap++) {
      for (int fold = 0; fold < FOLDS; fold++) {
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=partial type=inter direction=RAW distance=FOLDS true
        const ap_uint<C::PE * C::A_WIDTH> x = s_axis.read();
        const ap_uint<C::PE * C::W_WIDTH> w = weights[tap * FOLDS + fold];
        const ap_uint<C::PE * C::ACC_WIDTH> before = partial[fold];
        ap_uint<C::PE * C::ACC_WIDTH> y = 0;
        for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
          const ap_uint<C::ACC_WIDTH> old = tap == 0 ? ap_uint<C::ACC_WIDTH>(0) : lane<C::ACC_WIDTH>(before, p);
          const auto term = product<C>(lane<C::A_WIDTH>(x, p), lane<C::W_WIDTH>(w, p));
          set_lane(y, p, ap_uint<C::ACC_WIDTH>(old + term));
        }
        partial[fold] = y;
        if (tap == C::TAPS - 1) m_axis.write(y);
      }
    }
  }
}

}  // namespace hwgen
