// Delay line: q is the d of DEPTH steps ago (unknown before); it moves with `step`.
//
// Short ones are shift registers (a LUT holds up to 32 places of a bit), longer ones a ring in LUT RAM.
`default_nettype none
module hwgen_delay_line #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 4   // places, at least 2
) (
    input  wire logic             clk,
    input  wire logic             rst,
    input  wire logic             step,
    input  wire logic [WIDTH-1:0] d,
    output logic      [WIDTH-1:0] q
);
  generate
    if (DEPTH <= 32) begin : gen_shift
      logic [DEPTH*WIDTH-1:0] line_q;
      logic unused;
      assign unused = rst;
      always_ff @(posedge clk) if (step) line_q <= {line_q[(DEPTH-1)*WIDTH-1:0], d};
      assign q = line_q[(DEPTH-1)*WIDTH+:WIDTH];
    end else begin : gen_ring
      // DEPTH - 1 places, each read just before it is written, and the register behind them.
      localparam int ADDRESS_BITS = $clog2(DEPTH - 1);
      (* ram_style = "distributed" *) logic [WIDTH-1:0] place[0:DEPTH-2];
      logic [ADDRESS_BITS-1:0] at_q;
      logic [WIDTH-1:0] oldest_q;
      always_ff @(posedge clk)
        if (rst) at_q <= '0;
        else if (step) at_q <= (at_q == ADDRESS_BITS'(DEPTH - 2)) ? '0 : at_q + 1'b1;
      always_ff @(posedge clk)
        if (step) begin
          oldest_q <= place[at_q];
          place[at_q] <= d;
        end
      assign q = oldest_q;
    end
  endgenerate

  initial if (DEPTH < 2) $fatal(1, "%m: DEPTH must be at least 2");
endmodule
`default_nettype wire
