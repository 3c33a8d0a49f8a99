// Width converter: lane i of the output frame = lane i of the input frame, zero beyond its end.
//
// A frame of IN_BEATS input beats becomes OUT_BEATS output beats, each frame starts at lane 0 of a beat; a lane has
// UNIT bits. Padding lanes of the last input beat are dropped, those of the last output beat are zero. Element 0 is in
// the least significant bits.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "lanes.hpp"
#include "loop_counter.hpp"

namespace hwgen {

// A beat for a beat.
template <typename C>
void width_pass(hls::stream<ap_uint<C::IN_WIDTH>>& s_axis, hls::stream<ap_uint<C::OUT_WIDTH>>& m_axis) {
  for (int beat = 0; beat < C::IN_BEATS; beat++) {
#pragma HLS PIPELINE II=1 style=flp
    m_axis.write(ap_uint<C::OUT_WIDTH>(s_axis.read()));
  }
}

// An output beat of several whole input beats.
template <typename C>
void width_up(hls::stream<ap_uint<C::IN_WIDTH>>& s_axis, hls::stream<ap_uint<C::OUT_WIDTH>>& m_axis) {
  constexpr int RATIO = C::OUT_WIDTH / C::IN_WIDTH;
  ap_uint<C::OUT_WIDTH> y = 0;
  for (int beat = 0; beat < C::OUT_BEATS; beat++) {
    for (int part = 0; part < RATIO; part++) {
#pragma HLS PIPELINE II=1 style=flp
      set_lane(y, part, s_axis.read());
      if (part == RATIO - 1) m_axis.write(y);
    }
  }
}

// Several output beats of an input beat, of the last one as many as the frame has.
template <typename C>
void width_down(hls::stream<ap_uint<C::IN_WIDTH>>& s_axis, hls::stream<ap_uint<C::OUT_WIDTH>>& m_axis) {
  ap_uint<C::IN_WIDTH> x = 0;
  int part = 0;
  for (int beat = 0; beat < C::OUT_BEATS; beat++) {
#pragma HLS PIPELINE II=1 style=flp
    if (part == 0) x = s_axis.read();
    m_axis.write(lane<C::OUT_WIDTH>(x, part));
    counted<C::IN_WIDTH / C::OUT_WIDTH>(part);
  }
}

// Any ratio: a beat comes where fewer lanes wait than an output beat takes, one goes where enough do or no more come.
template <typename C>
void width_gearbox(hls::stream<ap_uint<C::IN_WIDTH>>& s_axis, hls::stream<ap_uint<C::OUT_WIDTH>>& m_axis) {
  constexpr int IN_LANES = C::IN_WIDTH / C::UNIT;
  constexpr int OUT_LANES = C::OUT_WIDTH / C::UNIT;
  [[maybe_unused]] constexpr int STEPS = C::IN_BEATS > C::OUT_BEATS ? C::IN_BEATS : C::OUT_BEATS;
  constexpr int WIDTH = C::IN_WIDTH + C::OUT_WIDTH;
  ap_uint<WIDTH> held = 0;  // the lanes that wait, zeros above
  int waiting = 0, taken = 0, given = 0;
  while (given < C::OUT_BEATS) {
#pragma HLS PIPELINE II=1 style=flp
#pragma HLS LOOP_TRIPCOUNT min=STEPS max=STEPS
    if (taken < C::IN_BEATS && waiting < OUT_LANES) {
      held.range((waiting + IN_LANES) * C::UNIT - 1, waiting * C::UNIT) = s_axis.read();
      waiting += IN_LANES;
      taken++;
    }
    if (waiting >= OUT_LANES || taken == C::IN_BEATS) {
      const ap_uint<C::IN_WIDTH> rest = held.range(WIDTH - 1, C::OUT_WIDTH);
      m_axis.write(held.range(C::OUT_WIDTH - 1, 0));
      held = rest;
      waiting = waiting > OUT_LANES ? waiting - OUT_LANES : 0;
      given++;
    }
  }
}

template <typename C>
void width_converter(hls::stream<ap_uint<C::IN_WIDTH>>& s_axis, hls::stream<ap_uint<C::OUT_WIDTH>>& m_axis) {
#pragma HLS INLINE
  static_assert(C::IN_WIDTH % C::UNIT == 0 && C::OUT_WIDTH % C::UNIT == 0, "UNIT must divide both widths");
  constexpr bool FITS = C::IN_BEATS * C::IN_WIDTH == C::OUT_BEATS * C::OUT_WIDTH;
  if constexpr (C::IN_WIDTH == C::OUT_WIDTH || (C::IN_BEATS == 1 && C::OUT_BEATS == 1)) {
    width_pass<C>(s_axis, m_axis);
  } else if constexpr (FITS && C::OUT_WIDTH % C::IN_WIDTH == 0) {
    width_up<C>(s_axis, m_axis);
  } else if constexpr (C::IN_WIDTH % C::OUT_WIDTH == 0) {
    width_down<C>(s_axis, m_axis);
  } else {
    width_gearbox<C>(s_axis, m_axis);
  }
}

}  // namespace hwgen
