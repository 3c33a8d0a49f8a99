// p = FACTOR * x modulo 2^OUT_BITS, combinational.
//
// x is unsigned, two's complement or bipolar (one bit, 0 for -1, 1 for +1). A product of few inputs is a table, a LUT a bit;
// of many, a sum over the non-adjacent form of FACTOR: the fewest digits -1, 0 and 1.
`default_nettype none
module hwgen_scale #(
    parameter int                 IN_BITS    = 8,
    parameter int                 IN_SIGNED  = 1,
    parameter int                 IN_BIPOLAR = 0,
    parameter logic signed [63:0] FACTOR     = 64'sd5,
    parameter int                 OUT_BITS   = 12  // at most 64, at least those of x
) (
    input  wire logic [ IN_BITS-1:0] x,
    output logic      [OUT_BITS-1:0] p
);
  localparam int MOST_TABLE = 6;  // inputs of a LUT
  // 3 * FACTOR / 2 and FACTOR / 2 differ in sign where a digit is not 0 (Reitwiesner).
  localparam logic [63:0] HALF = FACTOR >>> 1;
  localparam logic [63:0] SUM = FACTOR + HALF;
  localparam logic [63:0] PLUS = SUM & ~HALF;
  localparam logic [63:0] MINUS = HALF & ~SUM;
  localparam bit ONE_DIGIT = ((PLUS | MINUS) & ((PLUS | MINUS) - 64'd1)) == 64'd0;

  localparam int WORDS = (IN_BITS <= MOST_TABLE) ? 1 << IN_BITS : 1;

  function automatic logic [WORDS*OUT_BITS-1:0] products(input logic signed [63:0] factor);
    logic [63:0] value;
    for (int code = 0; code < WORDS; code++) begin
      value = 64'(code);
      if (IN_BIPOLAR != 0) value = (code == 1) ? 64'd1 : '1;
      else if (IN_SIGNED != 0 && code >= WORDS / 2) value = 64'(code) - 64'(WORDS);
      products[code*OUT_BITS+:OUT_BITS] = OUT_BITS'(factor * value);
    end
  endfunction

  logic [OUT_BITS-1:0] wide;

  generate
    if (IN_BIPOLAR != 0) begin : gen_wide
      assign wide = x[0] ? OUT_BITS'(1) : '1;
    end else if (IN_SIGNED != 0) begin : gen_wide
      assign wide = OUT_BITS'($signed(x));
    end else begin : gen_wide
      assign wide = OUT_BITS'(x);
    end

    if (IN_BITS <= MOST_TABLE && (IN_BIPOLAR != 0 || !ONE_DIGIT)) begin : gen_table
      localparam logic [WORDS*OUT_BITS-1:0] PRODUCTS = products(FACTOR);
      assign p = PRODUCTS[x*OUT_BITS+:OUT_BITS];
      logic unused;
      assign unused = ^wide;
    end else begin : gen_sum
      always_comb begin
        p = '0;
        for (int i = 0; i < OUT_BITS; i++) begin
          if (PLUS[i]) p = p + (wide << i);
          if (MINUS[i]) p = p - (wide << i);
        end
      end
    end
  endgenerate

  initial if (OUT_BITS > 64 || OUT_BITS < IN_BITS) $fatal(1, "%m: OUT_BITS must be from IN_BITS to 64");
endmodule
`default_nettype wire
