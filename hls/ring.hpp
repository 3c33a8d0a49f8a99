// Beats that wait in a ring of DEPTH places and are given in the order of a Walk, some more than once, some never.
//
// A Walk tells which beat of the frame is given next (`beat`, and its place in the ring, `place`) and how many are no
// longer needed (`freed`); next() moves on. BEATS_IN and BEATS_OUT are those of a frame.
// Neither side waits for the other as long as it can go on, as in the RTL, so that the same FIFO depths do not
// deadlock: a stream is only waited for when nothing else can be done.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include "loop_counter.hpp"

namespace hwgen {

// One frame. A beat is given two steps or more after it was stored: time for a RAM's write to be seen.
template <typename Walk, int WIDTH, int DEPTH>
void ring_frame(hls::stream<ap_uint<WIDTH>>& s_axis, hls::stream<ap_uint<WIDTH>>& m_axis,
                ap_uint<WIDTH> (&ring)[DEPTH]) {
#pragma HLS INLINE
  [[maybe_unused]] constexpr int STEPS = Walk::BEATS_IN > Walk::BEATS_OUT ? Walk::BEATS_IN : Walk::BEATS_OUT;
  Walk walk;
  int stored = 0, given = 0;
  int settled = 0;  // what was stored two steps before
  int write_place = 0;
  while (stored < Walk::BEATS_IN || given < Walk::BEATS_OUT) {
#pragma HLS PIPELINE II=1 style=flp
#pragma HLS LOOP_TRIPCOUNT min=STEPS max=STEPS
#pragma HLS DEPENDENCE variable=ring type=inter direction=RAW distance=2 true
    const bool room = stored < Walk::BEATS_IN && stored < walk.freed + DEPTH;
    const bool starved = given == Walk::BEATS_OUT || walk.beat >= stored;
    const bool available = given < Walk::BEATS_OUT && walk.beat < settled;
    const bool take = room && (starved || !s_axis.empty());
    const bool give = available && (!room || !m_axis.full());
    settled = stored;
    if (give) {
      m_axis.write(ring[walk.place]);
      walk.next();
      given++;
    }
    if (take) {
      ring[write_place] = s_axis.read();
      counted<DEPTH>(write_place);
      stored++;
    }
  }
}

// The ring in block RAM or in LUTs.
template <typename Walk, int WIDTH, int DEPTH, int BLOCK>
void ring(hls::stream<ap_uint<WIDTH>>& s_axis, hls::stream<ap_uint<WIDTH>>& m_axis) {
  if constexpr (BLOCK != 0) {
    ap_uint<WIDTH> block_ring[DEPTH];
#pragma HLS BIND_STORAGE variable=block_ring type=ram_s2p impl=bram
    ring_frame<Walk, WIDTH, DEPTH>(s_axis, m_axis, block_ring);
  } else {
    ap_uint<WIDTH> lut_ring[DEPTH];
#pragma HLS BIND_STORAGE variable=lut_ring type=ram_s2p impl=lutram
    ring_frame<Walk, WIDTH, DEPTH>(s_axis, m_axis, lut_ring);
  }
}

// The place that lies STEP beats further in a ring of DEPTH places.
template <int DEPTH, int STEP>
int moved(int place) {
#pragma HLS INLINE
  constexpr int TURN = (STEP % DEPTH + DEPTH) % DEPTH;
  const int next = place + TURN;
  return next >= DEPTH ? next - DEPTH : next;
}

}  // namespace hwgen
