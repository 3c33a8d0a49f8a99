// sum = N*OFFSET + sum over k < N of a[k] * w[k] modulo 2**OUT_WIDTH, from sums of bit products: no multiplier.
//
// Integers: a*w = sum over i, j of a_i*w_j*2**(i+j), negative where one of i and j (not both) is a sign bit. A negative
// bit product -h is (not h) - 1. Bipolar c and integer y of Y bits: y or -y = not y + 1, that is y_j XNOR c in column j,
// inverted where j is the sign bit; c in column Y where y is unsigned; not c in column 0. At most one side is bipolar.
// OFFSET is what the inversions leave: the sum of 2**(i+j) over the negative bit products, or 2**(Y-1) or 2**Y. Whoever
// adds the sums up takes N*OFFSET away once, in the start value. Latency: LATENCY cycles of hwgen_bit_sum.
`default_nettype none
module hwgen_dot_planes #(
    parameter int N         = 8,
    parameter int A_WIDTH   = 4,
    parameter int A_SIGNED  = 0,
    parameter int A_BIPOLAR = 0,
    parameter int W_WIDTH   = 4,
    parameter int W_SIGNED  = 1,
    parameter int W_BIPOLAR = 0,
    parameter int OUT_WIDTH = 11,
    parameter int OFFSET    = 120,
    parameter int LATENCY   = 9    // cycles
) (
    input  wire logic                 clk,
    input  wire logic                 en,
    input  wire logic [N*A_WIDTH-1:0] a,
    input  wire logic [N*W_WIDTH-1:0] w,
    output logic      [OUT_WIDTH-1:0] sum
);
`ifdef VERILATOR
`ifndef HWGEN_STRUCTURAL
`define HWGEN_DOT_LOOP
`endif
`endif

`ifdef HWGEN_DOT_LOOP
  localparam int P_WIDTH = A_WIDTH + W_WIDTH;
  logic [OUT_WIDTH-1:0] delay_q[0:LATENCY-1];
  logic [OUT_WIDTH-1:0] total;
  logic [N*P_WIDTH-1:0] products;
  generate
    for (genvar k = 0; k < N; k++) begin : gen_product
      hwgen_product #(
          .A_WIDTH  (A_WIDTH),
          .A_SIGNED (A_SIGNED),
          .A_BIPOLAR(A_BIPOLAR),
          .W_WIDTH  (W_WIDTH),
          .W_SIGNED (W_SIGNED),
          .W_BIPOLAR(W_BIPOLAR)
      ) u_product (
          .a(a[k*A_WIDTH+:A_WIDTH]),
          .w(w[k*W_WIDTH+:W_WIDTH]),
          .p(products[k*P_WIDTH+:P_WIDTH])
      );
    end
  endgenerate
  always_comb begin
    total = OUT_WIDTH'(N * OFFSET);
    for (int k = 0; k < N; k++)
      if (A_SIGNED + A_BIPOLAR + W_SIGNED + W_BIPOLAR != 0)
        total = total + OUT_WIDTH'($signed(products[k*P_WIDTH+:P_WIDTH]));
      else total = total + OUT_WIDTH'(products[k*P_WIDTH+:P_WIDTH]);
  end
  always_ff @(posedge clk)
    if (en) begin
      delay_q[0] <= total;
      for (int i = 1; i < LATENCY; i++) delay_q[i] <= delay_q[i-1];
    end
  assign sum = delay_q[LATENCY-1];
`else
  localparam int BIPOLAR = A_BIPOLAR + W_BIPOLAR;
  localparam int Y_WIDTH = A_BIPOLAR != 0 ? W_WIDTH : A_WIDTH;
  localparam int Y_SIGNED = A_BIPOLAR != 0 ? W_SIGNED : A_SIGNED;
  localparam int ALL = BIPOLAR != 0 ? Y_WIDTH + 1 - Y_SIGNED : A_WIDTH + W_WIDTH - 1;
  localparam int COLUMNS = ALL < OUT_WIDTH ? ALL : OUT_WIDTH;

  // The lowest bit of `a` in a column; bits of one element in a column; of all elements in the columns below it.
  function automatic integer first(input integer s);
    first = s < W_WIDTH ? 0 : s - W_WIDTH + 1;
  endfunction
  function automatic integer bits_in(input integer s);
    if (BIPOLAR != 0) bits_in = s == 0 ? 2 : 1;
    else bits_in = (s < A_WIDTH ? s : A_WIDTH - 1) - first(s) + 1;
  endfunction
  function automatic integer bits_below(input integer s);
    integer t;
    begin
      bits_below = 0;
      for (t = 0; t < s; t = t + 1) bits_below = bits_below + N * bits_in(t);
    end
  endfunction
  function automatic [COLUMNS*16-1:0] column_heights(input integer n);
    integer s;
    for (s = 0; s < COLUMNS; s = s + 1) column_heights[s*16+:16] = 16'(n * bits_in(s));
  endfunction

  // Which bits are inverted: integers, where one of both is a sign bit; bipolar, the XNORs (not at the sign) and the one.
  localparam int BITS = bits_below(COLUMNS);
  function automatic [BITS-1:0] inverted(input [N-1:0] run);
    integer s, p, i;
    begin
      inverted = '0;
      for (s = 0; s < COLUMNS; s = s + 1)
        for (p = 0; p < bits_in(s); p = p + 1) begin
          i = first(s) + p;  // the bit of `a`
          if (BIPOLAR != 0 ? p == 1 || !(Y_SIGNED != 0 && s == Y_WIDTH - 1)
                           : (A_SIGNED != 0 && i == A_WIDTH - 1) != (W_SIGNED != 0 && s - i == W_WIDTH - 1))
            inverted[bits_below(s)+p*N+:N] = run;
        end
    end
  endfunction

  logic [BITS-1:0] heap_a, heap_b;

  generate
    for (genvar s = 0; s < COLUMNS; s++) begin : gen_column
      localparam int FROM = bits_below(s);
      localparam int EACH = bits_in(s);
      localparam int FIRST = first(s);
      for (genvar k = 0; k < N; k++) begin : gen_element
        if (BIPOLAR == 0) begin : gen_bits
          for (genvar p = 0; p < EACH; p++) begin : gen_pair
            assign heap_a[FROM+p*N+k] = a[k*A_WIDTH+FIRST+p];
            assign heap_b[FROM+p*N+k] = w[k*W_WIDTH+s-FIRST-p];
          end
        end else begin : gen_bits
          logic c, y;
          if (A_BIPOLAR != 0) begin : gen_sides
            assign c = a[k];
            assign y = s < Y_WIDTH ? w[k*W_WIDTH+(s<Y_WIDTH?s : 0)] : 1'b1;
          end else begin : gen_sides
            assign c = w[k];
            assign y = s < Y_WIDTH ? a[k*A_WIDTH+(s<Y_WIDTH?s : 0)] : 1'b1;
          end
          assign heap_a[FROM+k] = c;
          assign heap_b[FROM+k] = y;
          if (s == 0) begin : gen_one
            assign heap_a[FROM+N+k] = c;
            assign heap_b[FROM+N+k] = 1'b0;
          end
        end
      end
    end
  endgenerate

  hwgen_bit_sum #(
      .BITS     (BITS),
      .COLUMNS  (COLUMNS),
      .HEIGHTS  (column_heights(N)),
      .OUT_WIDTH(OUT_WIDTH),
      .LATENCY  (LATENCY),
      .XORS     ({BITS{BIPOLAR != 0}}),
      .INVERT   (inverted({N{1'b1}}))
  ) u_sum (
      .clk(clk),
      .en (en),
      .a  (heap_a),
      .b  (heap_b),
      .sum(sum)
  );
`endif

  initial begin
    if (A_BIPOLAR != 0 && W_BIPOLAR != 0) $fatal(1, "%m: both sides are bipolar");
    if (OFFSET < 0) $fatal(1, "%m: OFFSET is negative");
  end
endmodule
`ifdef HWGEN_DOT_LOOP
`undef HWGEN_DOT_LOOP
`endif
`default_nettype wire
