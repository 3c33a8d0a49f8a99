// One loop of a loop nest, as hwgen_loop_counter, that also tells whether its turn lies in a span of turns.
//
// `kept` in the turns FIRST to FIRST + LENGTH - 1 of N, the first being 0; a register where that is not always.
`default_nettype none

module hwgen_span_counter #(
    parameter int N      = 4,  // turns
    parameter int FIRST  = 1,
    parameter int LENGTH = 2
) (
    input  wire logic clk,
    input  wire logic rst,
    input  wire logic step,
    output logic      last,
    output logic      kept
);

  generate
    if (N > 1) begin : gen_count
      localparam int W = $clog2(N);
      logic [W-1:0] turn_q;

      assign last = turn_q == W'(N - 1);

      always_ff @(posedge clk) begin
        if (rst) turn_q <= '0;
        else if (step) turn_q <= last ? '0 : turn_q + 1'b1;
      end

      if (LENGTH == N) begin : gen_always
        assign kept = 1'b1;
      end else begin : gen_span
        // Turns wrap from the last to 0: where the span begins at 0, that is what lies before.
        localparam int BEFORE = (FIRST == 0) ? N - 1 : FIRST - 1;
        logic kept_q;

        assign kept = kept_q;

        always_ff @(posedge clk) begin
          if (rst) kept_q <= FIRST == 0;
          else if (step) kept_q <= turn_q == W'(BEFORE) || (kept_q && turn_q != W'(FIRST + LENGTH - 1));
        end
      end
    end else begin : gen_once
      assign last   = 1'b1;
      assign kept = 1'b1;
      wire unused_step = &{1'b0, clk, rst, step};
    end
  endgenerate

endmodule

`default_nettype wire
