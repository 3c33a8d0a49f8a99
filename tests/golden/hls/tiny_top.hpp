// Top function of tiny for Vitis HLS. A call computes one frame.
#pragma once

#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

void tiny_top(hls::stream<ap_axiu<8, 0, 0, 0>>& s_axis_x, hls::stream<ap_axiu<8, 0, 0, 0>>& m_axis_y);
