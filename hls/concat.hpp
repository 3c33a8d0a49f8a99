// Concatenation along the channels: y = (x0, x1, ..., x[INPUTS-1]) for every pixel, each sign- or zero-extended.
//
// Stream: pixel by pixel, channels in groups of PE lanes: all groups of x0, then all of x1, ... Entry i of a *_EACH is
// about input i.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "lanes.hpp"
#include "loop_counter.hpp"

namespace hwgen {

// A beat of input INDEX in codes of the output.
template <typename C, int INDEX>
ap_uint<C::PE * C::OUT_BITS> widened(const ap_uint<C::PE * C::BITS_EACH[INDEX]>& beat) {
#pragma HLS INLINE
  constexpr int BITS = C::BITS_EACH[INDEX];
  constexpr int KIND = C::OUT_BIPOLAR != 0 ? UNSIGNED : C::KIND_EACH[INDEX];
  if constexpr (BITS == C::OUT_BITS && KIND != BIPOLAR) {
    return beat;
  } else {
    ap_uint<C::PE * C::OUT_BITS> wide = 0;
    for (int p = 0; p < C::PE; p++) {
#pragma HLS UNROLL
      set_lane(wide, p, extended<KIND, C::OUT_BITS>(lane<BITS>(beat, p)));
    }
    return wide;
  }
}

// Moves one beat: from input `turn` of the ports INDEX, INDEX + 1, ... to the last of them, which is the output.
template <typename C, int INDEX, typename Port, typename... Ports>
void concat_beat(int turn, ap_uint<C::PE * C::OUT_BITS> beat, Port& port, Ports&... others) {
#pragma HLS INLINE
  if constexpr (INDEX == C::INPUTS) {
    port.write(beat);
  } else {
    if (turn == INDEX) beat = widened<C, INDEX>(port.read());
    concat_beat<C, INDEX + 1>(turn, beat, others...);
  }
}

// ports: the INPUTS inputs, then the output.
template <typename C, typename... Ports>
void concat(Ports&... ports) {
  static_assert(sizeof...(Ports) == C::INPUTS + 1, "a stream for each input and one for the output");
  int turn = 0;  // the input whose beat is next
  int fold = 0;
  for (int beat = 0; beat < C::FRAME_BEATS_OUT; beat++) {
#pragma HLS PIPELINE II=1 style=flp
    concat_beat<C, 0>(turn, 0, ports...);
    const bool last = fold == C::FOLDS_EACH[turn] - 1;
    fold = last ? 0 : fold + 1;
    if (last) counted<C::INPUTS>(turn);
  }
}

}  // namespace hwgen
