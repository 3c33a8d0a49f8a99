// Beats as rows of bytes, little-endian as hwgen.stream packs them: how a simulation's frames enter and leave.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

#include <cstdint>

namespace hwgen {

// Bytes of a row.
template <int WIDTH>
constexpr int row_bytes = (WIDTH + 7) / 8;

// The highest bit of byte `index` of a row.
template <int WIDTH>
constexpr int byte_top(int index) {
  return 8 * index + 7 < WIDTH ? 8 * index + 7 : WIDTH - 1;
}

template <int WIDTH>
void write_rows(hls::stream<ap_uint<WIDTH>>& stream, const std::uint8_t* rows, int beats) {
  for (int beat = 0; beat < beats; beat++) {
    ap_uint<WIDTH> made = 0;
    for (int i = 0; i < row_bytes<WIDTH>; i++) {
      made.range(byte_top<WIDTH>(i), 8 * i) = ap_uint<8>(*rows++);
    }
    stream.write(made);
  }
}

template <int WIDTH>
void read_rows(hls::stream<ap_uint<WIDTH>>& stream, std::uint8_t* rows, int beats) {
  for (int beat = 0; beat < beats; beat++) {
    const ap_uint<WIDTH> read = stream.read();
    for (int i = 0; i < row_bytes<WIDTH>; i++) {
      const ap_uint<8> byte = read.range(byte_top<WIDTH>(i), 8 * i);
      *rows++ = static_cast<std::uint8_t>(byte.to_uint());
    }
  }
}

}  // namespace hwgen
