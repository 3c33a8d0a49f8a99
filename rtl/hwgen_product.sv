// p = a * w, combinational, A_WIDTH + W_WIDTH bits: two's complement unless both sides are unsigned.
//
// A bipolar side has one bit, 0 for -1 and 1 for +1: the product is the other side or its negative.
`default_nettype none
module hwgen_product #(
    parameter int A_WIDTH   = 4,
    parameter int A_SIGNED  = 0,
    parameter int A_BIPOLAR = 0,
    parameter int W_WIDTH   = 4,
    parameter int W_SIGNED  = 1,
    parameter int W_BIPOLAR = 0
) (
    input  wire logic [        A_WIDTH-1:0] a,
    input  wire logic [        W_WIDTH-1:0] w,
    output logic      [A_WIDTH+W_WIDTH-1:0] p
);
  localparam int P_WIDTH = A_WIDTH + W_WIDTH;

  generate
    if (A_BIPOLAR != 0 && W_BIPOLAR != 0) begin : gen_product
      assign p = {a ^ w, 1'b1};
    end else if (W_BIPOLAR != 0) begin : gen_product
      logic [P_WIDTH-1:0] wide;
      if (A_SIGNED != 0) begin : gen_wide
        assign wide = P_WIDTH'($signed(a));
      end else begin : gen_wide
        assign wide = P_WIDTH'(a);
      end
      assign p = w[0] ? wide : -wide;
    end else if (A_BIPOLAR != 0) begin : gen_product
      logic [P_WIDTH-1:0] wide;
      if (W_SIGNED != 0) begin : gen_wide
        assign wide = P_WIDTH'($signed(w));
      end else begin : gen_wide
        assign wide = P_WIDTH'(w);
      end
      assign p = a[0] ? wide : -wide;
    end else if (A_SIGNED != 0 && W_SIGNED != 0) begin : gen_product
      assign p = P_WIDTH'($signed(a)) * P_WIDTH'($signed(w));
    end else if (A_SIGNED != 0) begin : gen_product
      assign p = P_WIDTH'($signed(a)) * $signed(P_WIDTH'(w));
    end else if (W_SIGNED != 0) begin : gen_product
      assign p = $signed(P_WIDTH'(a)) * P_WIDTH'($signed(w));
    end else begin : gen_product
      assign p = P_WIDTH'(a) * P_WIDTH'(w);
    end
  endgenerate
endmodule
`default_nettype wire
