// count = number of ones among six bits, combinational: three functions of six bits, one LUT6 each.
//
// Yosys keeps the module apart while it maps, see hwgen_pair_count.
`default_nettype none
`ifdef YOSYS
(* keep_hierarchy *)
`endif
module hwgen_count6 (
    input  wire logic [5:0] x,
    output logic      [2:0] count
);
  logic s0, c0, s1, c1, carry;  // two full adders, then their sum
  assign s0 = x[0] ^ x[1] ^ x[2];
  assign c0 = (x[0] && x[1]) || (x[0] && x[2]) || (x[1] && x[2]);
  assign s1 = x[3] ^ x[4] ^ x[5];
  assign c1 = (x[3] && x[4]) || (x[3] && x[5]) || (x[4] && x[5]);
  assign carry = s0 && s1;
  assign count = {(c0 && c1) || (c0 && carry) || (c1 && carry), c0 ^ c1 ^ carry, s0 ^ s1};
endmodule
`default_nettype wire
