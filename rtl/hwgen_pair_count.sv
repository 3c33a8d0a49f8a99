// count = number of ones among three functions of two bits, a op b, combinational: two functions of six bits.
//
// Bit k: XORS[k] ? a[k] ^ b[k] : a[k] & b[k], inverted where INVERT[k]. Yosys keeps the module apart while it maps: it
// would share parts of the two functions and need three LUTs instead of two LUT6.
`default_nettype none
`ifdef YOSYS
(* keep_hierarchy *)
`endif
module hwgen_pair_count #(
    parameter logic [2:0] XORS   = 3'b000,
    parameter logic [2:0] INVERT = 3'b000
) (
    input  wire logic [2:0] a,
    input  wire logic [2:0] b,
    output logic      [1:0] count
);
  logic [2:0] d;
  assign d = (((a ^ b) & XORS) | (a & b & ~XORS)) ^ INVERT;
  assign count = {(d[0] && d[1]) || (d[0] && d[2]) || (d[1] && d[2]), d[0] ^ d[1] ^ d[2]};
endmodule
`default_nettype wire
