// What the kernels of step functions share.
#pragma once

#include <ap_int.h>

#include "product.hpp"

namespace hwgen {

// Bits that hold the numbers 0 to `last`, at least one.
constexpr int bits_for(int last) {
  int bits = 1;
  while (last >> bits != 0) bits++;
  return bits;
}

// The output code of a level: OUT_LO + level, or counted from the other end where the channel descends.
template <typename C>
ap_uint<C::OUT_BITS> level_code(int level, bool descends) {
#pragma HLS INLINE
  return ap_uint<C::OUT_BITS>(C::OUT_LO + (C::DESCENDING != 0 && descends ? C::LEVELS - level : level));
}

}  // namespace hwgen
