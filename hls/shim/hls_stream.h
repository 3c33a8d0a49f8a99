// hls::stream for C simulation: a queue without end that names itself when it is read while it is empty.
//
// In C simulation the functions of a dataflow region run one after the other: a read that finds nothing would never
// find anything, which is a deadlock. How many beats lay in a stream at most says nothing about hardware.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tap.hpp"

namespace hls {

// A stream was read while it was empty.
class deadlock : public std::runtime_error {
 public:
  explicit deadlock(const std::string& stream)
      : std::runtime_error("deadlock: stream " + stream + " is read while empty") {}
};

template <typename T>
class stream {
 public:
  stream() : name_("without a name") {}
  explicit stream(std::string name) : name_(std::move(name)), tap_(hwgen_sim::tap_of(name_)) {}
  ~stream() {
    if (!empty()) hwgen_sim::leave(name_, size());
  }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  T read() {
    if (empty()) throw deadlock(name_);
    const T beat = beats_[first_++];
    if (empty()) {
      beats_.clear();
      first_ = 0;
    } else if (first_ >= LONG && 2 * first_ >= beats_.size()) {
      beats_.erase(beats_.begin(), beats_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return beat;
  }

  void write(const T& beat) {
    beats_.push_back(beat);
    if (size() > most_) most_ = size();
    if (tap_ != nullptr) tap_->take(beat, size());
  }

  bool empty() const { return size() == 0; }
  bool full() const { return false; }
  std::size_t size() const { return beats_.size() - first_; }

  // The most beats that it has held at once.
  std::size_t most() const { return most_; }
  const std::string& name() const { return name_; }

 private:
  static constexpr std::size_t LONG = 4096;  // beats that are gone, below which tidying up is not worth it

  std::string name_;
  hwgen_sim::Tap* tap_ = nullptr;
  std::vector<T> beats_;
  std::size_t first_ = 0;
  std::size_t most_ = 0;
};

}  // namespace hls
