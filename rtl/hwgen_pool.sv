// Pooling: y[c] = max, min or sum over k of x[k][c], for every window of TAPS elements per channel.
//
// Stream: window by window, element k by element k, channels in groups of PE lanes; out: the groups of one element.
// The partial results of all groups wait in a small memory. One input beat a cycle, no bubbles. Latency: 1 cycle.
`default_nettype none

module hwgen_pool #(
    parameter int PE         = 1,  // lanes per beat
    parameter int FOLDS      = 1,  // channel groups
    parameter int TAPS       = 4,  // elements of a window per channel, at least 2
    parameter int SUM        = 0,  // 1: sum, else max or min
    parameter int LEAST      = 0,  // 1: min instead of max
    parameter int IN_BITS    = 8,  // bits of an input code
    parameter int IN_SIGNED  = 1,  // 1: two's complement
    parameter int IN_BIPOLAR = 0,  // 1: codes 0 and 1 stand for -1 and +1
    parameter int OUT_BITS   = 8   // bits of an output code
) (
    input  wire logic                   clk,
    input  wire logic                   rst,
    input  wire logic [PE*IN_BITS-1:0]  s_axis_tdata,
    input  wire logic                   s_axis_tvalid,
    output logic                        s_axis_tready,
    output      logic [PE*OUT_BITS-1:0] m_axis_tdata,
    output logic                        m_axis_tvalid,
    input  wire logic                   m_axis_tready
);
  localparam int FOLD_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 1;
  localparam int TAP_BITS = $clog2(TAPS);
  localparam logic [FOLD_BITS-1:0] LAST_FOLD = FOLD_BITS'(FOLDS - 1);
  localparam logic [TAP_BITS-1:0] LAST_TAP = TAP_BITS'(TAPS - 1);

  initial begin
    if (PE < 1 || FOLDS < 1 || TAPS < 2) $fatal(1, "%m: PE and FOLDS must be positive, TAPS at least 2");
    if (OUT_BITS < IN_BITS) $fatal(1, "%m: OUT_BITS must hold an input");
  end

  logic [FOLD_BITS-1:0] fold_q;
  logic [TAP_BITS-1:0] tap_q;
  logic [PE*OUT_BITS-1:0] partial, result;
  logic take;

  assign take = s_axis_tvalid && s_axis_tready;

  always_ff @(posedge clk) begin
    if (rst) begin
      fold_q <= '0;
      tap_q  <= '0;
    end else if (take) begin
      fold_q <= (fold_q == LAST_FOLD) ? '0 : fold_q + 1'b1;
      if (fold_q == LAST_FOLD) tap_q <= (tap_q == LAST_TAP) ? '0 : tap_q + 1'b1;
    end
  end

  generate
    if (FOLDS == 1) begin : gen_register
      logic [PE*OUT_BITS-1:0] partial_q;
      always_ff @(posedge clk) if (take) partial_q <= result;
      assign partial = partial_q;
    end else begin : gen_memory
      logic [PE*OUT_BITS-1:0] partial_mem[FOLDS];
      always_ff @(posedge clk) if (take) partial_mem[fold_q] <= result;
      assign partial = partial_mem[fold_q];
    end

    for (genvar p = 0; p < PE; p++) begin : gen_lane
      logic [IN_BITS-1:0] code;
      logic [OUT_BITS-1:0] value, old;
      assign code = s_axis_tdata[p*IN_BITS+:IN_BITS];
      assign old  = partial[p*OUT_BITS+:OUT_BITS];
      if (SUM != 0 && IN_BIPOLAR != 0) begin : gen_value
        assign value = code[0] ? OUT_BITS'(1) : '1;
      end else if (IN_SIGNED != 0) begin : gen_value
        assign value = OUT_BITS'($signed(code));
      end else begin : gen_value
        assign value = OUT_BITS'(code);
      end
      if (SUM != 0) begin : gen_result
        assign result[p*OUT_BITS+:OUT_BITS] = value + ((tap_q == '0) ? '0 : old);
      end else begin : gen_result
        logic above;
        if (IN_SIGNED != 0) begin : gen_above
          assign above = $signed(value) > $signed(old);
        end else begin : gen_above
          assign above = value > old;
        end
        assign result[p*OUT_BITS+:OUT_BITS] = (tap_q == '0 || above != (LEAST != 0)) ? value : old;
      end
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) u_skid (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (result),
      .s_axis_tvalid(s_axis_tvalid && tap_q == LAST_TAP),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
