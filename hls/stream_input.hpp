// Input adapter: AXI4-Stream frames of IN_BEATS bus beats to dense frames of OUT_BEATS beats, and one flag a frame.
//
// A beat carries IN_WIDTH bits of whole elements in its least significant bits; the rest of the bus is ignored.
// A frame is bad when tlast comes early (it is filled up with zero beats), when tlast does not come in time (beats are
// dropped up to and with the next tlast), or when a byte of tkeep is low. Every frame leaves whole, so that all kernels
// stay aligned; its flag, 1 where it is bad, tells stream_output to swallow the result.
#pragma once

#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

#include "width_converter.hpp"

namespace hwgen {

template <typename C, typename... Flags>
void receive_frame(hls::stream<ap_axiu<C::BUS_WIDTH, 0, 0, 0>>& s_axis, hls::stream<ap_uint<C::IN_WIDTH>>& whole,
                   Flags&... m_flag) {
  const ap_uint<C::BUS_WIDTH / 8> all_bytes = -1;
  bool bad = false, ended = false;
  for (int beat = 0; beat < C::IN_BEATS; beat++) {
#pragma HLS PIPELINE II=1 style=flp
    ap_uint<C::IN_WIDTH> x = 0;
    if (!ended) {
      const auto bus = s_axis.read();
      x = bus.data.range(C::IN_WIDTH - 1, 0);
      ended = bus.last == 1;
      bad = bad || ended != (beat == C::IN_BEATS - 1) || bus.keep != all_bytes;
    }
    whole.write(x);
  }
  (m_flag.write(bad ? 1 : 0), ...);
  while (!ended) {
#pragma HLS PIPELINE II=1 style=flp
#pragma HLS LOOP_TRIPCOUNT min=0 max=0
    ended = s_axis.read().last == 1;
  }
}

// m_flag: one stream for every stream_output whose frames are computed from this input.
template <typename C, typename... Flags>
void stream_input(hls::stream<ap_axiu<C::BUS_WIDTH, 0, 0, 0>>& s_axis, hls::stream<ap_uint<C::OUT_WIDTH>>& m_axis,
                  Flags&... m_flag) {
#pragma HLS DATAFLOW
  hls::stream<ap_uint<C::IN_WIDTH>> whole("whole");
#pragma HLS STREAM variable=whole depth=2
  receive_frame<C>(s_axis, whole, m_flag...);
  width_converter<C>(whole, m_axis);
}

}  // namespace hwgen
