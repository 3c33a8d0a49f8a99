// Memories of tiny: lane 0 of a word lies in its least significant bits.
#pragma once

#include <ap_int.h>

// clang-format off
namespace tiny_net {

static const ap_uint<1> fc0_weights[6] = {
    0x1, 0x0, 0x0, 0x0, 0x1, 0x1,
};

static const ap_uint<6> quant0_thresholds[1] = {
    0x17,
};

static const ap_uint<1> quant0_descending[1] = {
    0x0,
};

static const ap_uint<3> fc1_weights[6] = {
    0x3, 0x6, 0x1, 0x0, 0x1, 0x4,
};

}  // namespace tiny_net
// clang-format on
