// hls::stream with an end, that hesitates: what a kernel meets in hardware and never in C simulation.
//
// Instead of waiting, a read of an empty stream and a write to a full one throw. empty() and full() say now and then
// that nothing can be done though it could; who asks them for ever is blocked too.
#pragma once

#include <cstddef>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace hls {

inline std::mt19937 chance;
inline unsigned percent = 0;  // of hesitation

inline int asked = 0;  // since the last beat

class blocked : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline bool hesitates() {
  if (asked++ == 1000) throw blocked("nothing moves");
  return chance() % 100 < percent;
}

template <typename T>
class stream {
 public:
  stream() = default;
  explicit stream(std::string name) : name_(std::move(name)) {}

  T read() {
    asked = 0;
    if (beats_.empty()) throw blocked(name_ + " is empty");
    const T beat = beats_.front();
    beats_.pop_front();
    return beat;
  }
  void write(const T& beat) {
    asked = 0;
    if (size() >= capacity) throw blocked(name_ + " is full");
    beats_.push_back(beat);
  }
  bool empty() const { return hesitates() || beats_.empty(); }
  bool full() const { return hesitates() || size() >= capacity; }
  std::size_t size() const { return beats_.size(); }

  std::size_t capacity = static_cast<std::size_t>(-1);

 private:
  std::string name_;
  std::deque<T> beats_;
};

}  // namespace hls
