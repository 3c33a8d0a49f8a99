// Codes as signed numbers, and their products.
#pragma once

#include <ap_int.h>

#include "lanes.hpp"

namespace hwgen {

// Bits in two's complement of what a code of `bits` bits stands for.
constexpr int value_bits(int kind, int bits) { return kind == SIGNED ? bits : bits + 1; }

// The number that a code stands for.
template <int KIND, int BITS>
ap_int<value_bits(KIND, BITS)> value(const ap_uint<BITS>& code) {
#pragma HLS INLINE
  return ap_int<value_bits(KIND, BITS)>(extended<KIND, value_bits(KIND, BITS)>(code));
}

// x[index] * w, for codes of C's types A and W.
template <typename C>
ap_int<value_bits(kind_of(C::A_SIGNED, C::A_BIPOLAR), C::A_WIDTH) +
       value_bits(kind_of(C::W_SIGNED, C::W_BIPOLAR), C::W_WIDTH)>
product(const ap_uint<C::A_WIDTH>& x, const ap_uint<C::W_WIDTH>& w) {
#pragma HLS INLINE
  return value<kind_of(C::A_SIGNED, C::A_BIPOLAR)>(x) * value<kind_of(C::W_SIGNED, C::W_BIPOLAR)>(w);
}

}  // namespace hwgen
