// One loop of a loop nest: `last` in every N-th turn, the first turn being the one after reset.
//
// The turn changes with `step`; a nest gives each outer counter the step of its inner one, where that one is last.
`default_nettype none

module hwgen_loop_counter #(
    parameter int N = 2  // turns
) (
    input  wire logic clk,
    input  wire logic rst,
    input  wire logic step,
    output logic      last
);

  generate
    if (N > 1) begin : gen_count
      logic [$clog2(N)-1:0] turn_q;

      assign last = turn_q == ($clog2(N))'(N - 1);

      always_ff @(posedge clk) begin
        if (rst) turn_q <= '0;
        else if (step) turn_q <= last ? '0 : turn_q + 1'b1;
      end
    end else begin : gen_once
      assign last = 1'b1;
      wire unused_step = &{1'b0, clk, rst, step};
    end
  endgenerate

endmodule

`default_nettype wire
