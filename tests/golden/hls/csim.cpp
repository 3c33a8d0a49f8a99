// C simulation of tiny behind a C interface, for hwgen: no part of the project.
#include "csim.hpp"

#include "tiny_top.hpp"

namespace {

void frame(hwgen_sim::Ports& ports) {
  hls::stream<ap_axiu<8, 0, 0, 0>> s_axis_x("s_axis_x");
  hls::stream<ap_axiu<8, 0, 0, 0>> m_axis_y("m_axis_y");
  ports.feed(s_axis_x);
  tiny_top(s_axis_x, m_axis_y);
  ports.drain(m_axis_y);
}

}  // namespace

extern "C" const char* hwgen_csim(hwgen_sim::Stream* inputs, hwgen_sim::Stream* outputs, hwgen_sim::Stream* inner,
                                  std::uint64_t count, std::uint64_t frames) {
  return hwgen_sim::simulate(frame, inputs, outputs, inner, count, frames);
}
