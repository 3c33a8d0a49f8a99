// Output adapter: dense frames of IN_BEATS beats to AXI4-Stream frames of OUT_BEATS bus beats with tlast.
//
// A beat carries OUT_WIDTH bits of whole elements in its least significant bits; the rest of the bus is zero, and so
// are missing elements of the last beat. tkeep is full. A frame with a flag of 1 from one of the inputs is swallowed.
// No beat leaves before the frame's flags are there, so what comes earlier must have room in front.
#pragma once

#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

#include "width_converter.hpp"

namespace hwgen {

template <typename C, typename... Flags>
void send_frame(hls::stream<ap_uint<C::OUT_WIDTH>>& whole, hls::stream<ap_axiu<C::BUS_WIDTH, 0, 0, 0>>& m_axis,
                Flags&... s_flag) {
  bool bad = false;
  ((bad |= s_flag.read() == 1), ...);
  for (int beat = 0; beat < C::OUT_BEATS; beat++) {
#pragma HLS PIPELINE II=1 style=flp
    ap_axiu<C::BUS_WIDTH, 0, 0, 0> bus;
    bus.data = whole.read();
    bus.keep = -1;
    bus.strb = -1;
    bus.last = beat == C::OUT_BEATS - 1 ? 1 : 0;
    if (!bad) m_axis.write(bus);
  }
}

// s_flag: one stream for every stream_input that the frames are computed from.
template <typename C, typename... Flags>
void stream_output(hls::stream<ap_uint<C::IN_WIDTH>>& s_axis, hls::stream<ap_axiu<C::BUS_WIDTH, 0, 0, 0>>& m_axis,
                   Flags&... s_flag) {
#pragma HLS DATAFLOW
  hls::stream<ap_uint<C::OUT_WIDTH>> whole("whole");
#pragma HLS STREAM variable=whole depth=2
  width_converter<C>(s_axis, whole);
  send_frame<C>(whole, m_axis, s_flag...);
}

}  // namespace hwgen
