// Step functions as y[c] = OUT_LO + clip((a[c] * m[c] + b[c]) >> SHIFT, 0, LEVELS), m and b signed or unsigned integers.
// TIES 0: that floor. 1 and 2: round to nearest, with half of 2^SHIFT already in b (for 2: less one); then the low SHIFT
// bits of a tie are all 0 (2: all 1), and bit 0 of its code is made 0 (2: 1): ties to the even (2: odd) code.
// Stream: channels in order, PE a beat, lane 0 in the least significant bits; beat b uses ROM word b mod FOLDS.
// ROM words: m and b of lane p at bits p * MULTIPLIER_BITS and p * OFFSET_BITS. UNIT: every m is 1, its ROM is not read.
// One beat a cycle. Latency: 4 cycles, 3 with UNIT. Ready 1 cycle after reset, when the first ROM word is there.
`default_nettype none

module hwgen_requantize #(
    parameter int PE = 1,                 // lanes per beat
    parameter int FOLDS = 1,              // ROM words
    parameter int LEVELS = 255,           // highest code
    parameter int IN_BITS = 16,           // bits of an input code
    parameter int IN_SIGNED = 1,          // 1: two's complement
    parameter int IN_BIPOLAR = 0,         // 1: codes 0 and 1 stand for -1 and +1
    parameter int MULTIPLIER_BITS = 16,   // bits of m
    parameter int MULTIPLIER_SIGNED = 0,  // 1: two's complement
    parameter int OFFSET_BITS = 24,       // bits of b
    parameter int OFFSET_SIGNED = 1,      // 1: two's complement
    parameter int SUM_BITS = 32,          // bits of a * m + b in two's complement, more than SHIFT + clog2(LEVELS + 1)
    parameter int SHIFT = 16,             // bits that are cut off
    parameter int TIES = 0,               // 0: floor, 1: nearest, ties to even codes, 2: nearest, ties to odd codes
    parameter int UNIT = 0,               // 1: no multiplication
    parameter int OUT_BITS = 8,           // bits of an output code
    parameter int OUT_LO = 0,             // output of code 0
    parameter int DSP = 1,                // 1: multiply in DSP blocks
    parameter int ADDRESS_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 1  // derived, do not set
) (
    input  wire logic                          clk,
    input  wire logic                          rst,
    input  wire logic [PE*IN_BITS-1:0]         s_axis_tdata,
    input  wire logic                          s_axis_tvalid,
    output      logic                          s_axis_tready,
    output      logic [PE*OUT_BITS-1:0]        m_axis_tdata,
    output      logic                          m_axis_tvalid,
    input  wire logic                          m_axis_tready,
    output      logic                          multipliers_en,
    output      logic [ADDRESS_BITS-1:0]       multipliers_addr,
    input  wire logic [PE*MULTIPLIER_BITS-1:0] multipliers_data,
    output      logic                          offsets_en,
    output      logic [ADDRESS_BITS-1:0]       offsets_addr,
    input  wire logic [PE*OFFSET_BITS-1:0]     offsets_data
);
  localparam int STEPS = (UNIT != 0) ? 2 : 3;
  localparam logic [ADDRESS_BITS-1:0] LAST = ADDRESS_BITS'(FOLDS - 1);

  initial begin
    if (PE < 1 || FOLDS < 1 || LEVELS < 1) $fatal(1, "%m: PE, FOLDS and LEVELS must be positive");
    if ($clog2(LEVELS + 1) > OUT_BITS) $fatal(1, "%m: OUT_BITS is too small for LEVELS");
    if (SUM_BITS <= SHIFT + $clog2(LEVELS + 1)) $fatal(1, "%m: SUM_BITS is too small for SHIFT and LEVELS");
    if (TIES != 0 && SHIFT < 1) $fatal(1, "%m: without a shift there are no ties");
    if (IN_BIPOLAR != 0 && IN_BITS != 1) $fatal(1, "%m: a bipolar input has one bit");
  end

  // The ROMs run ahead by one word: their data belongs to the beat that is taken next.
  logic                    loaded_q;
  logic [ADDRESS_BITS-1:0] next_q;
  logic                    ready;
  logic                    fetch;
  logic [STEPS-1:0]        valid_q;

  assign s_axis_tready    = ready && loaded_q;
  assign fetch            = (s_axis_tvalid && ready) || !loaded_q;
  assign multipliers_en   = fetch;
  assign multipliers_addr = next_q;
  assign offsets_en       = fetch;
  assign offsets_addr     = next_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      loaded_q <= 1'b0;
      next_q   <= '0;
    end else if (fetch) begin
      loaded_q <= 1'b1;
      next_q   <= (next_q == LAST) ? '0 : next_q + 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (rst) valid_q <= '0;
    else if (ready) valid_q <= STEPS'({valid_q, s_axis_tvalid && loaded_q});
  end

  logic [PE*OUT_BITS-1:0] result;

  generate
    for (genvar p = 0; p < PE; p++) begin : gen_lane
      hwgen_requantize_lane #(
          .LEVELS           (LEVELS),
          .IN_BITS          (IN_BITS),
          .IN_SIGNED        (IN_SIGNED),
          .IN_BIPOLAR       (IN_BIPOLAR),
          .MULTIPLIER_BITS  (MULTIPLIER_BITS),
          .MULTIPLIER_SIGNED(MULTIPLIER_SIGNED),
          .OFFSET_BITS      (OFFSET_BITS),
          .OFFSET_SIGNED    (OFFSET_SIGNED),
          .SUM_BITS         (SUM_BITS),
          .SHIFT            (SHIFT),
          .TIES             (TIES),
          .UNIT             (UNIT),
          .OUT_BITS         (OUT_BITS),
          .OUT_LO           (OUT_LO),
          .DSP              (DSP)
      ) lane (
          .clk       (clk),
          .advance   (ready),
          .value     (s_axis_tdata[p*IN_BITS +: IN_BITS]),
          .multiplier(multipliers_data[p*MULTIPLIER_BITS +: MULTIPLIER_BITS]),
          .offset    (offsets_data[p*OFFSET_BITS +: OFFSET_BITS]),
          .result    (result[p*OUT_BITS +: OUT_BITS])
      );
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (result),
      .s_axis_tvalid(valid_q[STEPS-1]),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
