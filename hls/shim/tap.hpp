// What a simulation records of streams: hwgen compares the beats of every layer boundary with the integer model.
#pragma once

#include <ap_int.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace hwgen_sim {

// The highest bit of byte `index` of a beat.
template <int WIDTH>
constexpr int top_of_byte(std::size_t index) {
  const int top = static_cast<int>(8 * index) + 7;
  return top < WIDTH ? top : WIDTH - 1;
}

// The bits of a beat to bytes, the least significant first; `count` bytes hold no more than WIDTH bits.
template <int WIDTH>
void to_bytes(const ap_uint<WIDTH>& beat, std::uint8_t* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; i++) {
    const ap_uint<8> byte = beat.range(top_of_byte<WIDTH>(i), static_cast<int>(8 * i));
    bytes[i] = static_cast<std::uint8_t>(byte.to_uint64());
  }
}

template <int WIDTH>
ap_uint<WIDTH> from_bytes(const std::uint8_t* bytes, std::size_t count) {
  ap_uint<WIDTH> beat = 0;
  for (std::size_t i = 0; i < count; i++) {
    beat.range(top_of_byte<WIDTH>(i), static_cast<int>(8 * i)) = ap_uint<8>(bytes[i]);
  }
  return beat;
}

// The memory for the beats of one stream.
struct Tap {
  std::uint8_t* data;
  std::size_t beat_bytes;
  std::size_t room;  // beats
  std::size_t beats = 0;
  std::size_t most = 0;  // beats that waited at once

  template <int WIDTH>
  void take(const ap_uint<WIDTH>& beat, std::size_t waiting) {
    if (beats < room) to_bytes(beat, data + beats * beat_bytes, beat_bytes);
    beats++;
    if (waiting > most) most = waiting;
  }

  // Streams of anything else have no taps.
  template <typename Other>
  void take(const Other&, std::size_t) {}
};

// By the name of the stream.
inline std::map<std::string, Tap> taps;

inline Tap* tap_of(const std::string& name) {
  const auto found = taps.find(name);
  return found == taps.end() ? nullptr : &found->second;
}

// Streams that were left with beats in them: a kernel took fewer than a frame has.
inline std::string left_over;

inline void leave(const std::string& name, std::size_t beats) {
  if (left_over.empty()) left_over = name + " is left with " + std::to_string(beats) + " beats";
}

}  // namespace hwgen_sim
