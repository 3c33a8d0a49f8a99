// AXI4-Stream beats as Vitis HLS has them: tdata, tkeep, tstrb and tlast, no side channels.
#pragma once

#include <ap_int.h>

template <int DATA, int USER, int ID, int DEST>
struct ap_axiu {
  static_assert(DATA % 8 == 0 && USER == 0 && ID == 0 && DEST == 0, "whole bytes without side channels only");
  ap_uint<DATA> data;
  ap_uint<DATA / 8> keep;
  ap_uint<DATA / 8> strb;
  ap_uint<1> last;
};
