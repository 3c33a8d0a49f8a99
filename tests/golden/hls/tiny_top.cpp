// Top function of tiny: 5 layers between AXI4-Stream ports, one call each.
#include "tiny_top.hpp"

#include "tiny_layers.hpp"

void tiny_top(hls::stream<ap_axiu<8, 0, 0, 0>>& s_axis_x, hls::stream<ap_axiu<8, 0, 0, 0>>& m_axis_y) {
#pragma HLS INTERFACE mode=ap_ctrl_none port=return
#pragma HLS INTERFACE mode=axis port=s_axis_x
#pragma HLS INTERFACE mode=axis port=m_axis_y
#pragma HLS DATAFLOW
  hls::stream<ap_uint<1>> v0_stream("tiny_top.v0_stream");
  hls::stream<ap_uint<3>> v1("tiny_top.v1");
  hls::stream<ap_uint<2>> v2("tiny_top.v2");
#pragma HLS STREAM variable=v2 depth=18
  hls::stream<ap_uint<4>> y("tiny_top.y");
  hls::stream<ap_uint<1>> flag_x_y("tiny_top.flag_x_y");
#pragma HLS STREAM variable=flag_x_y depth=9

  tiny_net::x_input(s_axis_x, v0_stream, flag_x_y);
  tiny_net::fc0(v0_stream, v1);
  tiny_net::quant0(v1, v2);
  tiny_net::fc1(v2, y);
  tiny_net::y_output(y, m_axis_y, flag_x_y);
}
