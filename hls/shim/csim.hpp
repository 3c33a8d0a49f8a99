// C simulation behind a C interface: frames in bytes through a top function of hls::stream ports.
#pragma once

#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

#include "tap.hpp"

namespace hwgen_sim {

// One stream of a run, in and out. hwgen.simulate.csim has the same structure.
struct Stream {
  const char* name;
  std::uint8_t* data;  // beats of `beat_bytes` bytes each, all frames
  std::uint64_t beat_bytes;
  std::uint64_t frame_beats;
  std::uint64_t room;  // beats that `data` holds
  std::uint64_t done;  // beats so far
  std::uint64_t most;  // beats that waited at once
};

// The top's ports in a frame: feed and drain take the next one each.
class Ports {
 public:
  Ports(Stream* inputs, Stream* outputs) : inputs_(inputs), outputs_(outputs) {}

  template <int BITS>
  void feed(hls::stream<ap_axiu<BITS, 0, 0, 0>>& port) {
    Stream& from = *inputs_++;
    for (std::uint64_t beat = 0; beat < from.frame_beats; beat++) {
      ap_axiu<BITS, 0, 0, 0> bus;
      bus.data = from_bytes<BITS>(from.data + from.done++ * from.beat_bytes, from.beat_bytes);
      bus.keep = -1;
      bus.strb = -1;
      bus.last = beat + 1 == from.frame_beats ? 1 : 0;
      port.write(bus);
    }
  }

  template <int BITS>
  void drain(hls::stream<ap_axiu<BITS, 0, 0, 0>>& port) {
    Stream& to = *outputs_++;
    const ap_uint<BITS / 8> all_bytes = -1;
    std::uint64_t beats = 0;
    for (; !port.empty(); beats++) {
      const auto bus = port.read();
      if ((bus.last == 1) != (beats + 1 == to.frame_beats)) note(to, "tlast is wrong");
      if (bus.keep != all_bytes) note(to, "tkeep is not full");
      if (to.done < to.room) to_bytes(bus.data, to.data + to.done * to.beat_bytes, to.beat_bytes);
      to.done++;
    }
    if (beats != to.frame_beats) note(to, "a frame has " + std::to_string(beats) + " beats");
  }

  std::string fault;

 private:
  void note(const Stream& at, const std::string& what) {
    if (fault.empty()) fault = at.name + (": " + what);
  }

  Stream* inputs_;
  Stream* outputs_;
};

// Runs frames until `frames` of them are done, or until something is wrong: then the text of it, else an empty one.
// frame(Ports&) feeds a frame to the top, calls it and drains its outputs.
inline const char* simulate(void (*frame)(Ports&), Stream* inputs, Stream* outputs, Stream* inner, std::uint64_t count,
                            std::uint64_t frames) {
  static std::string fault;
  fault.clear();
  left_over.clear();
  taps.clear();
  for (std::uint64_t i = 0; i < count; i++) {
    taps[inner[i].name] = Tap{inner[i].data, inner[i].beat_bytes, inner[i].room, inner[i].done, inner[i].most};
  }
  try {
    for (std::uint64_t i = 0; i < frames && fault.empty(); i++) {
      Ports ports(inputs, outputs);
      frame(ports);
      fault = ports.fault.empty() ? left_over : ports.fault;
    }
  } catch (const std::exception& error) {
    fault = error.what();
  }
  for (std::uint64_t i = 0; i < count; i++) {
    inner[i].done = taps[inner[i].name].beats;
    inner[i].most = taps[inner[i].name].most;
  }
  taps.clear();
  return fault.c_str();
}

}  // namespace hwgen_sim
