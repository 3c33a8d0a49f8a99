// count = number of k with op(a[k], b[k]), op = XNOR or AND, pipelined: one count a cycle after LATENCY cycles, which is
// 1 for N <= 3, 2 for N <= 9, else 3 + clog2(ceil(N/18)).
//
// Each register stage is made of functions of at most six bits, one LUT6 an output: three pairs to a count of two bits;
// then the low and the high bits of six such counts to three bits each; then their weighted sum, five bits for 18 pairs;
// then an adder tree. The operation costs nothing, and registers keep the levels apart, so no tool merges them.
// For speed, Verilator is given the same function and latency as a plain loop (unless HWGEN_STRUCTURAL is defined).
`default_nettype none
module hwgen_popcount #(
    parameter int N         = 49,
    parameter int XNOR      = 1,   // 1: equal bits count; 0: pairs of ones count
    parameter int OUT_WIDTH = 6    // clog2(N+1)
) (
    input  wire logic                 clk,
    input  wire logic                 en,
    input  wire logic [        N-1:0] a,
    input  wire logic [        N-1:0] b,
    output logic      [OUT_WIDTH-1:0] count
);
`ifdef VERILATOR
`ifndef HWGEN_STRUCTURAL
`define HWGEN_POPCOUNT_LOOP
`endif
`endif

  logic [N-1:0] hits;
  assign hits = XNOR != 0 ? ~(a ^ b) : a & b;

`ifdef HWGEN_POPCOUNT_LOOP
  localparam int LATENCY = N <= 3 ? 1 : N <= 9 ? 2 : 3 + $clog2((N + 17) / 18);
  logic [OUT_WIDTH-1:0] delay_q[0:LATENCY-1];
  logic [OUT_WIDTH-1:0] total;
  always_comb begin
    total = '0;
    for (int i = 0; i < N; i++) total = total + OUT_WIDTH'(hits[i]);
  end
  always_ff @(posedge clk)
    if (en) begin
      delay_q[0] <= total;
      for (int i = 1; i < LATENCY; i++) delay_q[i] <= delay_q[i-1];
    end
  assign count = delay_q[LATENCY-1];
`else
  localparam int BLOCKS = (N + 17) / 18;
  localparam int TRIPLES = N <= 3 ? 1 : N <= 9 ? 3 : 6 * BLOCKS;

  logic [3*TRIPLES-1:0] padded;
  logic [  TRIPLES-1:0] low_q;   // counts of three pairs, bit 0
  logic [  TRIPLES-1:0] high_q;  // and bit 1
  assign padded = (3 * TRIPLES)'(hits);

  generate
    for (genvar t = 0; t < TRIPLES; t++) begin : gen_triple
      logic x, y, z;
      assign {z, y, x} = padded[3*t+:3];
      always_ff @(posedge clk)
        if (en) begin
          low_q[t]  <= x ^ y ^ z;
          high_q[t] <= (x && y) || (x && z) || (y && z);
        end
    end

    if (N <= 3) begin : gen_sum
      assign count = OUT_WIDTH'({high_q, low_q});
    end else if (N <= 9) begin : gen_sum
      logic [OUT_WIDTH-1:0] count_q;
      always_ff @(posedge clk)
        if (en)
          count_q <= OUT_WIDTH'({high_q[0], low_q[0]}) + OUT_WIDTH'({high_q[1], low_q[1]})
                   + OUT_WIDTH'({high_q[2], low_q[2]});
      assign count = count_q;
    end else begin : gen_sum
      logic [5*BLOCKS-1:0] blocks_q;
      for (genvar i = 0; i < BLOCKS; i++) begin : gen_block
        logic [2:0] low_count, high_count, low_count_q, high_count_q;
        hwgen_count6 u_low (
            .x    (low_q[6*i+:6]),
            .count(low_count)
        );
        hwgen_count6 u_high (
            .x    (high_q[6*i+:6]),
            .count(high_count)
        );
        always_ff @(posedge clk)
          if (en) begin
            low_count_q          <= low_count;
            high_count_q         <= high_count;
            blocks_q[5*i+:5] <= 5'(low_count_q) + {1'b0, high_count_q, 1'b0};
          end
      end
      hwgen_adder_tree #(
          .N        (BLOCKS),
          .IN_WIDTH (5),
          .IN_SIGNED(0),
          .OUT_WIDTH(OUT_WIDTH)
      ) u_tree (
          .clk(clk),
          .en (en),
          .d  (blocks_q),
          .sum(count)
      );
    end
  endgenerate
`endif

  initial if (OUT_WIDTH != $clog2(N + 1)) $fatal(1, "%m: OUT_WIDTH must be clog2(N+1)");
endmodule
`ifdef HWGEN_POPCOUNT_LOOP
`undef HWGEN_POPCOUNT_LOOP
`endif
`default_nettype wire
