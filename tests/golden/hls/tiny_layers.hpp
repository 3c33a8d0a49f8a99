// Layers of tiny: for each its parameters, and its call into the library.
#pragma once

#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

#include "mvau.hpp"
#include "mvau_xnor.hpp"
#include "stream_input.hpp"
#include "stream_output.hpp"
#include "threshold.hpp"
#include "tiny_weights.hpp"

namespace tiny_net {

// x_input: input adapter
struct x_input_config {
  static constexpr int BUS_WIDTH = 8;
  static constexpr int IN_WIDTH = 2;
  static constexpr int OUT_WIDTH = 1;
  static constexpr int UNIT = 1;
  static constexpr int IN_BEATS = 1;
  static constexpr int OUT_BEATS = 2;
  static constexpr int FRAME_BEATS_IN = 1;
  static constexpr int FRAME_BEATS_OUT = 2;
};

inline void x_input(hls::stream<ap_axiu<8, 0, 0, 0>>& s_axis, hls::stream<ap_uint<1>>& m_axis,
                    hls::stream<ap_uint<1>>& flag0) {
  hwgen::stream_input<x_input_config>(s_axis, m_axis, flag0);
}

// fc0: matrix-vector unit by XNOR and popcount
struct fc0_config {
  static constexpr int MW = 2;
  static constexpr int MH = 3;
  static constexpr int PE = 1;
  static constexpr int SIMD = 1;
  static constexpr int ACC_WIDTH = 3;
  static constexpr int ROM_REG = 0;
  static constexpr int STORE_BLOCK = 0;
  static constexpr int DOT_LATENCY = 1;
  static constexpr int FRAME_BEATS_IN = 2;
  static constexpr int FRAME_BEATS_OUT = 3;
};

inline void fc0(hls::stream<ap_uint<1>>& s_axis, hls::stream<ap_uint<3>>& m_axis) {
#pragma HLS BIND_STORAGE variable=fc0_weights type=rom_1p impl=lutram
  hwgen::mvau_xnor<fc0_config>(s_axis, m_axis, fc0_weights);
}

// quant0: thresholds by parallel comparators
struct quant0_config {
  static constexpr int PE = 1;
  static constexpr int FOLDS = 1;
  static constexpr int LEVELS = 2;
  static constexpr int IN_BITS = 3;
  static constexpr int IN_SIGNED = 1;
  static constexpr int IN_BIPOLAR = 0;
  static constexpr int THRESHOLD_BITS = 3;
  static constexpr int THRESHOLD_SIGNED = 1;
  static constexpr int OUT_BITS = 2;
  static constexpr int OUT_LO = -1;
  static constexpr int DESCENDING = 0;
  static constexpr int ROM_REGISTER = 0;
  static constexpr int FRAME_BEATS_IN = 3;
  static constexpr int FRAME_BEATS_OUT = 3;
};

inline void quant0(hls::stream<ap_uint<3>>& s_axis, hls::stream<ap_uint<2>>& m_axis) {
  hwgen::threshold<quant0_config>(s_axis, m_axis, quant0_thresholds, quant0_descending);
}

// fc1: matrix-vector unit
struct fc1_config {
  static constexpr int MW = 3;
  static constexpr int MH = 2;
  static constexpr int PE = 1;
  static constexpr int SIMD = 1;
  static constexpr int A_WIDTH = 2;
  static constexpr int A_SIGNED = 1;
  static constexpr int A_BIPOLAR = 0;
  static constexpr int W_WIDTH = 3;
  static constexpr int W_SIGNED = 1;
  static constexpr int W_BIPOLAR = 0;
  static constexpr int ACC_WIDTH = 4;
  static constexpr int ROM_REG = 0;
  static constexpr int STORE_BLOCK = 0;
  static constexpr int PLANES = 0;
  static constexpr int DOT_LATENCY = 1;
  static constexpr int FRAME_BEATS_IN = 3;
  static constexpr int FRAME_BEATS_OUT = 2;
};

inline void fc1(hls::stream<ap_uint<2>>& s_axis, hls::stream<ap_uint<4>>& m_axis) {
#pragma HLS BIND_STORAGE variable=fc1_weights type=rom_1p impl=lutram
  hwgen::mvau<fc1_config>(s_axis, m_axis, fc1_weights);
}

// y_output: output adapter
struct y_output_config {
  static constexpr int BUS_WIDTH = 8;
  static constexpr int IN_WIDTH = 4;
  static constexpr int OUT_WIDTH = 8;
  static constexpr int UNIT = 4;
  static constexpr int IN_BEATS = 2;
  static constexpr int OUT_BEATS = 1;
  static constexpr int FLAGS = 1;
  static constexpr int FRAME_BEATS_IN = 2;
  static constexpr int FRAME_BEATS_OUT = 1;
};

inline void y_output(hls::stream<ap_uint<4>>& s_axis, hls::stream<ap_axiu<8, 0, 0, 0>>& m_axis,
                     hls::stream<ap_uint<1>>& flag0) {
  hwgen::stream_output<y_output_config>(s_axis, m_axis, flag0);
}

}  // namespace tiny_net
