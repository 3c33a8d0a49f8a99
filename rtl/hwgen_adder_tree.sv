// sum = d[0] + ... + d[N-1] modulo 2**OUT_WIDTH, a register after each level: LATENCY = clog2(N) cycles, one sum a cycle.
//
// Element i is bits i*IN_WIDTH of `d`. Level l has ceil(N/2**l) sums of min(IN_WIDTH + l, OUT_WIDTH) bits.
// For speed, Verilator is given the same function and latency as a plain loop (unless HWGEN_STRUCTURAL is defined).
`default_nettype none
module hwgen_adder_tree #(
    parameter int N         = 8,
    parameter int IN_WIDTH  = 4,
    parameter int IN_SIGNED = 0,  // 1: two's complement
    parameter int OUT_WIDTH = 7
) (
    input  wire logic                  clk,
    input  wire logic                  en,
    input  wire logic [N*IN_WIDTH-1:0] d,
    output logic      [ OUT_WIDTH-1:0] sum
);
`ifdef VERILATOR
`ifndef HWGEN_STRUCTURAL
`define HWGEN_ADDER_TREE_LOOP
`endif
`endif
  localparam int LEVELS = $clog2(N);
  logic unused_d;  // modulo 2**OUT_WIDTH, bits of an element above OUT_WIDTH do not count
  assign unused_d = &{1'b0, d};

  // Bits of a sum of that level, and where the level begins in a vector of all levels (level 1 lowest).
  function automatic integer width(input integer level);
    width = IN_WIDTH + level < OUT_WIDTH ? IN_WIDTH + level : OUT_WIDTH;
  endfunction
  function automatic integer offset(input integer level);
    integer l;
    begin
      offset = 0;
      for (l = 1; l < level; l = l + 1) offset = offset + ((N + (1 << l) - 1) >> l) * width(l);
    end
  endfunction

  generate
    if (N == 1) begin : gen_tree
      logic unused;
      assign unused = &{1'b0, clk, en};
      if (IN_SIGNED != 0) begin : gen_cast
        assign sum = OUT_WIDTH'($signed(d));
      end else begin : gen_cast
        assign sum = OUT_WIDTH'(d);
      end
    end else begin : gen_tree
`ifdef HWGEN_ADDER_TREE_LOOP
      logic [OUT_WIDTH-1:0] delay_q[0:LEVELS-1];
      logic [OUT_WIDTH-1:0] total;
      always_comb begin
        total = '0;
        for (int i = 0; i < N; i++)
          if (IN_SIGNED != 0) total = total + OUT_WIDTH'($signed(d[i*IN_WIDTH+:IN_WIDTH]));
          else total = total + OUT_WIDTH'(d[i*IN_WIDTH+:IN_WIDTH]);
      end
      always_ff @(posedge clk)
        if (en) begin
          delay_q[0] <= total;
          for (int i = 1; i < LEVELS; i++) delay_q[i] <= delay_q[i-1];
        end
      assign sum = delay_q[LEVELS-1];
`else
      logic [offset(LEVELS+1)-1:0] sums_q;
      for (genvar l = 1; l <= LEVELS; l++) begin : gen_level
        localparam int COUNT = (N + (1 << (l - 1)) - 1) >> (l - 1);  // elements of the level below
        localparam int FROM = l == 1 ? IN_WIDTH : width(l - 1);
        localparam int WIDTH = width(l);
        logic [COUNT*FROM-1:0] below;
        if (l == 1) begin : gen_below
          assign below = d;
        end else begin : gen_below
          assign below = sums_q[offset(l-1)+:COUNT*FROM];
        end
        for (genvar i = 0; i < (COUNT + 1) / 2; i++) begin : gen_pair
          logic [WIDTH-1:0] a, b;
          if (IN_SIGNED != 0) begin : gen_a
            assign a = WIDTH'($signed(below[2*i*FROM+:FROM]));
          end else begin : gen_a
            assign a = WIDTH'(below[2*i*FROM+:FROM]);
          end
          if (2 * i + 1 >= COUNT) begin : gen_b
            assign b = '0;
          end else if (IN_SIGNED != 0) begin : gen_b
            assign b = WIDTH'($signed(below[(2*i+1)*FROM+:FROM]));
          end else begin : gen_b
            assign b = WIDTH'(below[(2*i+1)*FROM+:FROM]);
          end
          always_ff @(posedge clk) if (en) sums_q[offset(l)+i*WIDTH+:WIDTH] <= a + b;
        end
      end
      assign sum = sums_q[offset(LEVELS)+:OUT_WIDTH];
`endif
    end
  endgenerate

  initial if (IN_WIDTH + LEVELS < OUT_WIDTH) $fatal(1, "%m: OUT_WIDTH is more than the sum can need");
endmodule
`ifdef HWGEN_ADDER_TREE_LOOP
`undef HWGEN_ADDER_TREE_LOOP
`endif
`default_nettype wire
