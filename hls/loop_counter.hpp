// Loops that are not nested in the text: 0, 1, ..., N - 1, 0, 1, ...
#pragma once

namespace hwgen {

// Steps the counter; whether it was at its last value.
template <int N>
bool counted(int& count) {
#pragma HLS INLINE
  const bool last = count == N - 1;
  count = last ? 0 : count + 1;
  return last;
}

}  // namespace hwgen
