// sum = sum over k < N of a[k] * w[k] modulo 2**OUT_WIDTH: multipliers, a register, then a pipelined adder tree.
//
// Element k is bits k*A_WIDTH of `a` and k*W_WIDTH of `w`. LATENCY = 1 + clog2(N) cycles, one sum a cycle.
// The types are those of hwgen_product.
`default_nettype none
module hwgen_dot #(
    parameter int N         = 4,
    parameter int A_WIDTH   = 4,
    parameter int A_SIGNED  = 0,
    parameter int A_BIPOLAR = 0,
    parameter int W_WIDTH   = 4,
    parameter int W_SIGNED  = 1,
    parameter int W_BIPOLAR = 0,
    parameter int OUT_WIDTH = 10
) (
    input  wire logic                 clk,
    input  wire logic                 en,
    input  wire logic [N*A_WIDTH-1:0] a,
    input  wire logic [N*W_WIDTH-1:0] w,
    output logic      [OUT_WIDTH-1:0] sum
);
  localparam int P_WIDTH = A_WIDTH + W_WIDTH;
  localparam int P_SIGNED = (A_SIGNED + A_BIPOLAR + W_SIGNED + W_BIPOLAR) != 0 ? 1 : 0;

  logic [N*P_WIDTH-1:0] products, products_q;

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

  always_ff @(posedge clk) if (en) products_q <= products;

  hwgen_adder_tree #(
      .N        (N),
      .IN_WIDTH (P_WIDTH),
      .IN_SIGNED(P_SIGNED),
      .OUT_WIDTH(OUT_WIDTH)
  ) u_tree (
      .clk(clk),
      .en (en),
      .d  (products_q),
      .sum(sum)
  );
endmodule
`default_nettype wire
