// Any function of an integer, by lookup: y[c] = table[c][a[c] - LO], the lowest input being entry 0.
//
// Order: channels in order, PE a beat, lane 0 in the least significant bits; beat b uses tables b mod FOLDS.
// ROMs: number p is lane p; its word f * 2^CODE_BITS + a - LO is the output code of channel f * PE + p.
#pragma once

#include <hls_stream.h>

#include <utility>

#include "steps.hpp"

namespace hwgen {

// Lane LANE of y. An entry's number is a difference of codes, modulo 2^CODE_BITS.
template <typename C, int LANE, typename Rom>
void table_lane(const ap_uint<C::PE * C::IN_BITS>& x, int fold, ap_uint<C::PE * C::OUT_BITS>& y, const Rom& rom) {
#pragma HLS INLINE
  constexpr int CODE_BITS = bits_for(C::ENTRIES - 1);
  const ap_uint<CODE_BITS> entry = lane<C::IN_BITS>(x, LANE) - C::LO;
  set_lane(y, LANE, rom[(fold << CODE_BITS) + entry.to_int()]);
}

template <typename C, int... LANES, typename... Roms>
ap_uint<C::PE * C::OUT_BITS> table_beat(const ap_uint<C::PE * C::IN_BITS>& x, int fold,
                                        std::integer_sequence<int, LANES...>, const Roms&... roms) {
#pragma HLS INLINE
  ap_uint<C::PE * C::OUT_BITS> y = 0;
  (table_lane<C, LANES>(x, fold, y, roms), ...);
  return y;
}

template <typename C, typename... Roms>
void table(hls::stream<ap_uint<C::PE * C::IN_BITS>>& s_axis, hls::stream<ap_uint<C::PE * C::OUT_BITS>>& m_axis,
           const Roms&... roms) {
  using lanes = std::make_integer_sequence<int, C::PE>;
  static_assert(lanes::size() == sizeof...(Roms), "a ROM for each lane");
  int fold = 0;
  for (int beat = 0; beat < C::FRAME_BEATS_IN; beat++) {
#pragma HLS PIPELINE II=1
    m_axis.write(table_beat<C>(s_axis.read(), fold, lanes(), roms...));
    fold = fold == C::FOLDS - 1 ? 0 : fold + 1;
  }
}

}  // namespace hwgen
