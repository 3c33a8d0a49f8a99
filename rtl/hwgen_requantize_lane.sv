// One lane of hwgen_requantize: result = OUT_LO + clip((value * multiplier + offset) >> SHIFT, 0, LEVELS), ties as there.
// Registers of inputs, product and sum, in the places where a DSP48E1 has them; the result is behind logic.
// One value a cycle while `advance` is high, all registers hold while it is low. Latency: 3 cycles, 2 with UNIT.
`default_nettype none

module hwgen_requantize_lane #(
    parameter int LEVELS = 255,           // highest code
    parameter int IN_BITS = 16,           // bits of the value
    parameter int IN_SIGNED = 1,          // 1: two's complement
    parameter int IN_BIPOLAR = 0,         // 1: codes 0 and 1 stand for -1 and +1
    parameter int MULTIPLIER_BITS = 16,   // bits of the multiplier
    parameter int MULTIPLIER_SIGNED = 0,  // 1: two's complement
    parameter int OFFSET_BITS = 24,       // bits of the offset
    parameter int OFFSET_SIGNED = 1,      // 1: two's complement
    parameter int SUM_BITS = 32,          // bits of the sum
    parameter int SHIFT = 16,             // bits that are cut off
    parameter int TIES = 0,               // 0: floor, 1: nearest, ties to even codes, 2: nearest, ties to odd codes
    parameter int UNIT = 0,               // 1: no multiplication
    parameter int OUT_BITS = 8,           // bits of the result
    parameter int OUT_LO = 0,             // result of code 0
    parameter int DSP = 1                 // 1: multiply in DSP blocks
) (
    input  wire logic                       clk,
    input  wire logic                       advance,
    input  wire logic [IN_BITS-1:0]         value,
    input  wire logic [MULTIPLIER_BITS-1:0] multiplier,
    input  wire logic [OFFSET_BITS-1:0]     offset,
    output      logic [OUT_BITS-1:0]        result
);
  // Everything in two's complement: unsigned numbers get a zero in front.
  localparam int A_BITS = (IN_BIPOLAR != 0) ? 2 : IN_BITS + ((IN_SIGNED != 0) ? 0 : 1);
  localparam int M_BITS = MULTIPLIER_BITS + ((MULTIPLIER_SIGNED != 0) ? 0 : 1);
  localparam int CODE_BITS = $clog2(LEVELS + 1);
  localparam int QUOTIENT_BITS = SUM_BITS - SHIFT;
  localparam logic [OUT_BITS-1:0] LO = OUT_BITS'(OUT_LO);

  logic signed [A_BITS-1:0]   a, a_q;
  logic signed [SUM_BITS-1:0] b, b_q, sum_q;

  generate
    if (IN_BIPOLAR != 0) begin : gen_bipolar
      assign a = {!value[0], 1'b1};
    end else begin : gen_integer
      assign a = A_BITS'($signed({IN_SIGNED != 0 && value[IN_BITS-1], value}));
    end
  endgenerate
  assign b = SUM_BITS'($signed({OFFSET_SIGNED != 0 && offset[OFFSET_BITS-1], offset}));

  always_ff @(posedge clk) begin
    if (advance) begin
      a_q <= a;
      b_q <= b;
    end
  end

  generate
    if (UNIT != 0) begin : gen_unit
      logic unused;
      assign unused = ^multiplier;
      always_ff @(posedge clk) if (advance) sum_q <= SUM_BITS'(a_q) + b_q;
    end else begin : gen_multiply
      logic signed [M_BITS-1:0]        m_q;
      logic signed [SUM_BITS-1:0]      late_b_q;
      logic signed [A_BITS+M_BITS-1:0] product_q;
      logic                            unused;
      assign unused = ^product_q;
      always_ff @(posedge clk) begin
        if (advance) begin
          m_q      <= M_BITS'($signed({MULTIPLIER_SIGNED != 0 && multiplier[MULTIPLIER_BITS-1], multiplier}));
          late_b_q <= b_q;
          sum_q    <= SUM_BITS'(product_q) + late_b_q;
        end
      end
      if (DSP != 0) begin : gen_dsp
        (* use_dsp = "yes" *) logic signed [A_BITS+M_BITS-1:0] product;
        assign product = a_q * m_q;
        always_ff @(posedge clk) if (advance) product_q <= product;
      end else begin : gen_logic
        (* use_dsp = "no" *) logic signed [A_BITS+M_BITS-1:0] product;
        assign product = a_q * m_q;
        always_ff @(posedge clk) if (advance) product_q <= product;
      end
    end
  endgenerate

  // The quotient of a tie that the offset has rounded to the wrong side differs in bit 0 only.
  logic [QUOTIENT_BITS-1:0] quotient;
  generate
    if (TIES == 1) begin : gen_even
      assign quotient = {sum_q[SUM_BITS-1:SHIFT+1], sum_q[SHIFT] && sum_q[SHIFT-1:0] != '0};
    end else if (TIES == 2) begin : gen_odd
      assign quotient = {sum_q[SUM_BITS-1:SHIFT+1], sum_q[SHIFT] || sum_q[SHIFT-1:0] == '1};
    end else begin : gen_floor
      logic unused;
      assign unused   = ^sum_q;
      assign quotient = sum_q[SUM_BITS-1:SHIFT];
    end
  endgenerate

  logic                 negative, above;
  logic [CODE_BITS-1:0] code;

  assign negative = quotient[QUOTIENT_BITS-1];
  generate
    if (LEVELS == (1 << CODE_BITS) - 1) begin : gen_full
      assign above = |quotient[QUOTIENT_BITS-1:CODE_BITS];
    end else begin : gen_partial
      assign above = quotient > QUOTIENT_BITS'(LEVELS);
    end
  endgenerate
  assign code   = negative ? '0 : above ? CODE_BITS'(LEVELS) : quotient[CODE_BITS-1:0];
  assign result = OUT_BITS'(code) + LO;
endmodule

`default_nettype wire
