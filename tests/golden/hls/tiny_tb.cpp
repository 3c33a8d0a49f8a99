// Test bench of tiny_top: 3 frames of vectors/ through the top, outputs compared beat by beat.
#include "testbench.hpp"
#include "tiny_top.hpp"

namespace {

void run() {
  hwgen_tb::Source<8> s_axis_x_vectors("vectors/s_axis_x.txt", 1);
  hwgen_tb::Sink<8> m_axis_y_vectors("vectors/m_axis_y.txt", 1);
  hls::stream<ap_axiu<8, 0, 0, 0>> s_axis_x("s_axis_x");
  hls::stream<ap_axiu<8, 0, 0, 0>> m_axis_y("m_axis_y");
  for (int frame = 0; frame < 3; frame++) {
    s_axis_x_vectors.send(s_axis_x);
    tiny_top(s_axis_x, m_axis_y);
    m_axis_y_vectors.compare(m_axis_y, frame);
  }
}

}  // namespace

int main() { return hwgen_tb::verdict(run, 3); }
