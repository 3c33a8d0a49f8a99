// Fork: y[i] = x for each of OUTPUTS outputs. Order: as it comes.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

namespace hwgen {

template <typename C, typename... Ports>
void fork(hls::stream<ap_uint<C::WIDTH>>& s_axis, Ports&... m_axis) {
  static_assert(sizeof...(Ports) == C::OUTPUTS, "a stream for each output");
  for (int beat = 0; beat < C::FRAME_BEATS_IN; beat++) {
#pragma HLS PIPELINE II=1 style=flp
    const ap_uint<C::WIDTH> x = s_axis.read();
    (m_axis.write(x), ...);
  }
}

}  // namespace hwgen
