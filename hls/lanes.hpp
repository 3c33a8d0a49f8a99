// Lanes of a beat, and codes as numbers (docs/contract.md, sections 1 and 2).
#pragma once

#include <ap_int.h>

namespace hwgen {

// How a lane's bits stand for a number: as the KIND of rtl/hwgen_concat.sv.
enum kind { UNSIGNED = 0, SIGNED = 1, BIPOLAR = 2 };

constexpr int kind_of(int is_signed, int is_bipolar) {
  return is_bipolar != 0 ? BIPOLAR : is_signed != 0 ? SIGNED : UNSIGNED;
}

// Lane `index` of a beat, of BITS bits each; lane 0 lies in the least significant bits.
template <int BITS, int WIDTH>
ap_uint<BITS> lane(const ap_uint<WIDTH>& beat, int index) {
#pragma HLS INLINE
  return beat.range((index + 1) * BITS - 1, index * BITS);
}

template <int BITS, int WIDTH>
void set_lane(ap_uint<WIDTH>& beat, int index, const ap_uint<BITS>& code) {
#pragma HLS INLINE
  beat.range((index + 1) * BITS - 1, index * BITS) = code;
}

// The number that a code stands for, in two's complement of OUT_BITS bits.
template <int KIND, int OUT_BITS, int BITS>
ap_uint<OUT_BITS> extended(const ap_uint<BITS>& code) {
#pragma HLS INLINE
  if constexpr (KIND == BIPOLAR) {
    return ap_uint<OUT_BITS>(ap_int<2>(code == 1 ? 1 : -1));
  } else if constexpr (KIND == SIGNED) {
    return ap_uint<OUT_BITS>(ap_int<BITS>(code));
  } else {
    return ap_uint<OUT_BITS>(code);
  }
}

}  // namespace hwgen
