// For the test bench of an emitted project: frames from files, one beat a line in hexadecimal.
#pragma once

#include <ap_axi_sdata.h>
#include <ap_int.h>
#include <hls_stream.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

namespace hwgen_tb {

inline int wrong = 0;  // beats

// The beats of a port, frame by frame.
template <int BITS>
class Vectors {
 public:
  Vectors(const char* path, int beats) : beats(beats), path_(path), file_(path) {}

  ap_uint<BITS> next() {
    std::string line;
    if (!std::getline(file_, line)) throw std::runtime_error(std::string(path_) + ": a line is missing");
    return ap_uint<BITS>(line.c_str(), 16);
  }

  const int beats;  // of a frame

 private:
  const char* path_;
  std::ifstream file_;
};

template <int BITS>
class Source : private Vectors<BITS> {
 public:
  using Vectors<BITS>::Vectors;

  void send(hls::stream<ap_axiu<BITS, 0, 0, 0>>& port) {
    for (int beat = 0; beat < this->beats; beat++) {
      ap_axiu<BITS, 0, 0, 0> bus;
      bus.data = this->next();
      bus.keep = -1;
      bus.strb = -1;
      bus.last = beat + 1 == this->beats ? 1 : 0;
      port.write(bus);
    }
  }
};

template <int BITS>
class Sink : private Vectors<BITS> {
 public:
  using Vectors<BITS>::Vectors;

  void compare(hls::stream<ap_axiu<BITS, 0, 0, 0>>& port, int frame) {
    for (int beat = 0; beat < this->beats; beat++) {
      const auto bus = port.read();
      if (bus.data != this->next() || (bus.last == 1) != (beat + 1 == this->beats)) {
        std::printf("frame %d, beat %d is wrong\n", frame, beat);
        wrong++;
      }
    }
  }
};

// Runs all frames; the exit code of the test bench.
inline int verdict(void (*run)(), int frames) noexcept {
  try {
    run();
  } catch (const std::exception& error) {
    std::printf("FAIL: %s\n", error.what());
    return 1;
  }
  std::printf(wrong == 0 ? "PASS: %d frames\n" : "FAIL: %d frames, %d wrong beats\n", frames, wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace hwgen_tb
