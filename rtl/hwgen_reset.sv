// Reset of a top module: rst(t) = !aresetn(t-2), active high, released synchronously to clk.
//
// The first register may see aresetn change at any time; the second gives it a cycle to settle.
`default_nettype none

module hwgen_reset (
    input  wire logic clk,
    input  wire logic aresetn,
    output logic      rst
);

  (* ASYNC_REG = "TRUE" *) logic [1:0] reset_q;

  assign rst = reset_q[1];

  always_ff @(posedge clk) reset_q <= {reset_q[0], !aresetn};

endmodule

`default_nettype wire
