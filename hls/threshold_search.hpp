// Step functions by binary search: y[c] = OUT_LO + n, where n counts the thresholds T[c][i] <= a[c], or LEVELS - n
// where the channel descends. One comparison for each of the STAGES bits of n.
//
// Order: channels in order, PE a beat, lane 0 in the least significant bits; beat b belongs to fold b mod FOLDS.
// ROMs: number j * PE + p is lane p of stage j; its word f * 2^j + k is T[c][(2k + 1) * 2^(STAGES - 1 - j) - 1] with
// c = f * PE + p, thresholds ascending and padded to 2^STAGES - 1 with one that is never reached. The last one holds
// the directions: lane p at bit p.
#pragma once

#include <hls_stream.h>

#include <utility>

#include "steps.hpp"

namespace hwgen {

// One beat: the bits of each lane's level that are decided stand in the low places.
template <typename C>
struct threshold_search_beat {
  static constexpr int STAGES = bits_for(C::LEVELS);

  ap_uint<C::PE * C::IN_BITS> x;
  ap_uint<C::PE * STAGES> levels;
  ap_uint<C::PE * C::OUT_BITS> y;
};

// The next bit of a lane's level, or behind the last stage the output of all lanes.
template <typename C, int SLOT, typename Rom>
void threshold_search_step(threshold_search_beat<C>& beat, int fold, const Rom& rom) {
#pragma HLS INLINE
  constexpr int STAGES = threshold_search_beat<C>::STAGES, STAGE = SLOT / C::PE, LANE = SLOT % C::PE;
  if constexpr (STAGE < STAGES) {
    const int level = lane<STAGES>(beat.levels, LANE).to_int();
    const ap_uint<C::THRESHOLD_BITS>& word = rom[(fold << STAGE) + level];
    const bool reached = value<kind_of(C::THRESHOLD_SIGNED, 0)>(word) <=
                         value<kind_of(C::IN_SIGNED, C::IN_BIPOLAR)>(lane<C::IN_BITS>(beat.x, LANE));
    set_lane(beat.levels, LANE, ap_uint<STAGES>(2 * level + (reached ? 1 : 0)));
  } else {
    for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
      const int level = lane<STAGES>(beat.levels, p).to_int();
      set_lane(beat.y, p, level_code<C>(level, lane<1>(rom[fold], p) == 1));
    }
  }
}

template <typename C, int... SLOTS, typename... Roms>
void threshold_search_steps(threshold_search_beat<C>& beat, int fold, std::integer_sequence<int, SLOTS...>,
                            const Roms&... roms) {
#pragma HLS INLINE
  (threshold_search_step<C, SLOTS>(beat, fold, roms), ...);
}

template <typename C, typename... Roms>
void threshold_search(hls::stream<ap_uint<C::PE * C::IN_BITS>>& s_axis,
                      hls::stream<ap_uint<C::PE * C::OUT_BITS>>& m_axis, const Roms&... roms) {
  using slots = std::make_integer_sequence<int, threshold_search_beat<C>::STAGES * C::PE + 1>;
  static_assert(slots::size() == sizeof...(Roms), "a ROM for each stage and lane, and the directions");
  int fold = 0;
  for (int index = 0; index < C::FRAME_BEATS_IN; index++) {
#pragma HLS PIPELINE II=1
    threshold_search_beat<C> beat;
    beat.x = s_axis.read();
    beat.levels = 0;
    beat.y = 0;
    threshold_search_steps(beat, fold, slots(), roms...);
    m_axis.write(beat.y);
    fold = fold == C::FOLDS - 1 ? 0 : fold + 1;
  }
}

}  // namespace hwgen
