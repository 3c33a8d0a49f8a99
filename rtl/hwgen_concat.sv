// Concatenation along the channels: y = (x0, x1, ..., x[INPUTS-1]) for every pixel, each sign- or zero-extended.
//
// Stream: pixel by pixel, channels in groups of PE lanes: all groups of x0, then all of x1, ... Input 0 lies in the low
// bits of s_axis. Element i of a vector *_EACH is 16 bits, about input i. One beat a cycle, no bubble. Latency: 1 cycle.
`default_nettype none
module hwgen_concat #(
    parameter int                   INPUTS      = 2,
    parameter int                   PE          = 1,               // lanes per beat
    parameter logic [16*INPUTS-1:0] BITS_EACH   = {INPUTS{16'd8}},  // bits of a code
    parameter logic [16*INPUTS-1:0] KIND_EACH   = {INPUTS{16'd1}},  // 0: unsigned, 1: two's complement, 2: bipolar
    parameter logic [16*INPUTS-1:0] FOLDS_EACH  = {INPUTS{16'd1}},  // channel groups
    parameter int                   IN_BITS     = 16,              // sum of BITS_EACH
    parameter int                   OUT_BITS    = 8,               // bits of an output code
    parameter int                   OUT_BIPOLAR = 0                // 1: all are bipolar
) (
    input  wire logic                   clk,
    input  wire logic                   rst,
    input  wire logic [ PE*IN_BITS-1:0] s_axis_tdata,
    input  wire logic [     INPUTS-1:0] s_axis_tvalid,
    output logic      [     INPUTS-1:0] s_axis_tready,
    output logic      [PE*OUT_BITS-1:0] m_axis_tdata,
    output logic                        m_axis_tvalid,
    input  wire logic                   m_axis_tready
);
  // Bits of the codes of the inputs before input `index`, and the most groups of any input.
  function automatic integer bits_before(input integer index);
    bits_before = 0;
    for (int i = 0; i < index; i++) bits_before = bits_before + int'(BITS_EACH[16*i+:16]);
  endfunction
  function automatic integer most_folds(input integer count);
    most_folds = 1;
    for (int i = 0; i < count; i++)
      if (int'(FOLDS_EACH[16*i+:16]) > most_folds) most_folds = int'(FOLDS_EACH[16*i+:16]);
  endfunction
  localparam int MOST_FOLDS = most_folds(INPUTS);
  localparam int FOLD_BITS = (MOST_FOLDS > 1) ? $clog2(MOST_FOLDS) : 1;

  localparam int TURN_BITS = $clog2(INPUTS);

  logic [TURN_BITS-1:0] turn_q;  // the input whose beat is next
  logic [INPUTS-1:0] ends;       // inputs whose last group has this number
  logic [FOLD_BITS-1:0] fold_q;
  logic [INPUTS*PE*OUT_BITS-1:0] wide;
  logic ready, valid, last;

  assign valid = s_axis_tvalid[turn_q];
  assign last  = ends[turn_q];

  always_ff @(posedge clk) begin
    if (rst) begin
      turn_q <= '0;
      fold_q <= '0;
    end else if (ready && valid) begin
      fold_q <= last ? '0 : fold_q + 1'b1;
      if (last) turn_q <= (turn_q == TURN_BITS'(INPUTS - 1)) ? '0 : turn_q + 1'b1;
    end
  end

  generate
    for (genvar i = 0; i < INPUTS; i++) begin : gen_input
      localparam int BITS = int'(BITS_EACH[16*i+:16]);
      localparam int KIND = int'(KIND_EACH[16*i+:16]);
      localparam int AT = PE * bits_before(i);
      assign s_axis_tready[i] = ready && turn_q == TURN_BITS'(i);
      assign ends[i] = fold_q == FOLD_BITS'(FOLDS_EACH[16*i+:16] - 16'd1);
      for (genvar p = 0; p < PE; p++) begin : gen_lane
        logic [BITS-1:0] code;
        logic [OUT_BITS-1:0] value;
        assign code = s_axis_tdata[AT+p*BITS+:BITS];
        if (KIND == 2 && OUT_BIPOLAR == 0) begin : gen_value
          assign value = code[0] ? OUT_BITS'(1) : '1;
        end else if (KIND == 1) begin : gen_value
          assign value = OUT_BITS'($signed(code));
        end else begin : gen_value
          assign value = OUT_BITS'(code);
        end
        assign wide[(i*PE+p)*OUT_BITS+:OUT_BITS] = value;
      end
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (wide[turn_q*PE*OUT_BITS+:PE*OUT_BITS]),
      .s_axis_tvalid(valid),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

  initial if (INPUTS < 2 || PE < 1) $fatal(1, "%m: INPUTS must be at least 2, PE positive");
endmodule
`default_nettype wire
