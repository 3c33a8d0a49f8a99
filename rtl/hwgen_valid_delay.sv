// Carries the valid and last marks of a pipeline of CYCLES registers that all hold while `en` is low.
`default_nettype none
module hwgen_valid_delay #(
    parameter int CYCLES = 3  // at least 1
) (
    input  wire logic clk,
    input  wire logic rst,
    input  wire logic en,
    input  wire logic valid,
    input  wire logic last,
    output logic      valid_q,
    output logic      last_q
);
  logic [CYCLES-1:0] valids_q, lasts_q;
  always_ff @(posedge clk)
    if (rst) valids_q <= '0;
    else if (en) valids_q <= CYCLES'({valids_q, valid});
  always_ff @(posedge clk) if (en) lasts_q <= CYCLES'({lasts_q, last});
  assign valid_q = valids_q[CYCLES-1];
  assign last_q  = lasts_q[CYCLES-1];
endmodule
`default_nettype wire
