// Step functions by parallel comparators: y[c] = OUT_LO + n, where n counts the thresholds T[c][i] <= a[c],
// or LEVELS - n where the channel descends (a bipolar output has OUT_BITS 1 and OUT_LO 0: its code is n).
// Stream: channels in order, PE a beat, lane 0 in the least significant bits; beat b uses ROM word b mod FOLDS.
// ROM words: T[c][i] at bits (lane * LEVELS + i) * THRESHOLD_BITS, ascending in i; direction of lane p at bit p.
// One beat a cycle. Latency: 2 cycles. Ready 1 + ROM_REGISTER cycles after reset, when the first ROM word is there.
`default_nettype none

module hwgen_threshold #(
    parameter int PE = 1,                // lanes per beat
    parameter int FOLDS = 1,             // ROM words
    parameter int LEVELS = 1,            // thresholds per channel
    parameter int IN_BITS = 8,           // bits of an input code
    parameter int IN_SIGNED = 1,         // 1: two's complement
    parameter int IN_BIPOLAR = 0,        // 1: codes 0 and 1 stand for -1 and +1
    parameter int THRESHOLD_BITS = 8,    // bits of a threshold
    parameter int THRESHOLD_SIGNED = 1,  // 1: two's complement
    parameter int OUT_BITS = 1,          // bits of an output code
    parameter int OUT_LO = 0,            // output of level 0
    parameter int DESCENDING = 1,        // 0: no channel descends
    parameter int ROM_REGISTER = 0,      // 1: one more register behind the ROMs (block RAM is slow)
    parameter int ADDRESS_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 1  // derived, do not set
) (
    input  wire logic                                clk,
    input  wire logic                                rst,
    input  wire logic [PE*IN_BITS-1:0]               s_axis_tdata,
    input  wire logic                                s_axis_tvalid,
    output logic                                     s_axis_tready,
    output      logic [PE*OUT_BITS-1:0]              m_axis_tdata,
    output logic                                     m_axis_tvalid,
    input  wire logic                                m_axis_tready,
    output logic                                     thresholds_en,
    output      logic [ADDRESS_BITS-1:0]             thresholds_addr,
    input  wire logic [PE*LEVELS*THRESHOLD_BITS-1:0] thresholds_data,
    output logic                                     descending_en,
    output      logic [ADDRESS_BITS-1:0]             descending_addr,
    input  wire logic [PE-1:0]                       descending_data
);
  // Inputs and thresholds are compared in the smallest common type.
  localparam int VALUE_BITS = (IN_BIPOLAR != 0) ? 2 : IN_BITS;
  localparam int VALUE_SIGNED = (IN_BIPOLAR != 0 || IN_SIGNED != 0) ? 1 : 0;
  localparam int SIGNED = (VALUE_SIGNED != 0 || THRESHOLD_SIGNED != 0) ? 1 : 0;
  localparam int VALUE_WIDE = VALUE_BITS + ((SIGNED != VALUE_SIGNED) ? 1 : 0);
  localparam int THRESHOLD_WIDE = THRESHOLD_BITS + ((SIGNED != THRESHOLD_SIGNED) ? 1 : 0);
  localparam int COMPARE_BITS = (VALUE_WIDE > THRESHOLD_WIDE) ? VALUE_WIDE : THRESHOLD_WIDE;
  localparam int CODE_BITS = $clog2(LEVELS + 1);
  localparam logic [OUT_BITS-1:0] LO_UP = OUT_BITS'(OUT_LO);
  localparam logic [OUT_BITS-1:0] LO_DOWN = OUT_BITS'(OUT_LO + LEVELS + 1);
  localparam logic [ADDRESS_BITS-1:0] LAST = ADDRESS_BITS'(FOLDS - 1);

  // Bit i of row j: i + 1 is a multiple of 2^j. The flags are a thermometer of n ones, so those of row j hold
  // floor(n / 2^j) ones, whose parity is bit j of n.
  function automatic [CODE_BITS*LEVELS-1:0] multiples(input integer levels);
    for (int j = 0; j < CODE_BITS; j++) begin
      for (int i = 0; i < levels; i++) multiples[j*LEVELS+i] = ((i + 1) % (1 << j)) == 0;
    end
  endfunction
  localparam logic [CODE_BITS*LEVELS-1:0] MULTIPLES = multiples(LEVELS);

  initial begin
    if (PE < 1 || FOLDS < 1 || LEVELS < 1) $fatal(1, "%m: PE, FOLDS and LEVELS must be positive");
    if (CODE_BITS > OUT_BITS) $fatal(1, "%m: OUT_BITS is too small for LEVELS");
    if (IN_BIPOLAR != 0 && IN_BITS != 1) $fatal(1, "%m: a bipolar input has one bit");
  end

  // The ROMs run ahead by one word: their data belongs to the beat that is taken next.
  logic [ROM_REGISTER:0]   loaded_q;
  logic [ADDRESS_BITS-1:0] next_q;
  logic                    ready;
  logic                    fetch;

  assign s_axis_tready   = ready && loaded_q[ROM_REGISTER];
  assign fetch           = (s_axis_tvalid && ready) || !loaded_q[ROM_REGISTER];
  assign thresholds_en   = fetch;
  assign thresholds_addr = next_q;
  assign descending_en   = fetch;
  assign descending_addr = next_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      loaded_q <= '0;
      next_q   <= '0;
    end else if (fetch) begin
      loaded_q <= (ROM_REGISTER + 1)'({loaded_q, 1'b1});
      next_q   <= (next_q == LAST) ? '0 : next_q + 1'b1;
    end
  end

  logic [PE*LEVELS*THRESHOLD_BITS-1:0] thresholds;
  logic [PE-1:0]                       descending, down;

  assign down = DESCENDING != 0 ? descending_data : '0;

  generate
    if (ROM_REGISTER != 0) begin : gen_rom_register
      always_ff @(posedge clk) begin
        if (fetch) begin
          thresholds <= thresholds_data;
          descending <= down;
        end
      end
    end else begin : gen_rom_direct
      assign thresholds = thresholds_data;
      assign descending = down;
    end
  endgenerate

  logic                   valid_q;
  logic [PE-1:0]          descending_q;
  logic [PE*OUT_BITS-1:0] result;

  always_ff @(posedge clk) begin
    if (rst) valid_q <= 1'b0;
    else if (ready) valid_q <= s_axis_tvalid && loaded_q[ROM_REGISTER];
    if (ready) descending_q <= descending;
  end

  generate
    for (genvar p = 0; p < PE; p++) begin : gen_lane
      logic [VALUE_BITS-1:0]   value;
      logic [COMPARE_BITS-1:0] a;
      logic [LEVELS-1:0]       reached_d, reached_q;
      logic [CODE_BITS-1:0]    code;
      logic [OUT_BITS-1:0]     level;

      if (IN_BIPOLAR != 0) begin : gen_bipolar
        assign value = {!s_axis_tdata[p], 1'b1};
      end else begin : gen_integer
        assign value = s_axis_tdata[p*IN_BITS +: IN_BITS];
      end
      assign a = COMPARE_BITS'($signed({VALUE_SIGNED != 0 && value[VALUE_BITS-1], value}));

      for (genvar i = 0; i < LEVELS; i++) begin : gen_level
        localparam int AT = (p * LEVELS + i) * THRESHOLD_BITS;
        logic [COMPARE_BITS-1:0] t;
        assign t = COMPARE_BITS'($signed({THRESHOLD_SIGNED != 0 && thresholds[AT+THRESHOLD_BITS-1],
                                          thresholds[AT +: THRESHOLD_BITS]}));
        assign reached_d[i] = (SIGNED != 0) ? $signed(a) >= $signed(t) : a >= t;
      end

      always_ff @(posedge clk) if (ready) reached_q <= reached_d;

      always_comb begin
        for (int j = 0; j < CODE_BITS; j++) code[j] = ^(reached_q & MULTIPLES[j*LEVELS +: LEVELS]);
      end
      assign level = OUT_BITS'(code) ^ {OUT_BITS{descending_q[p]}};
      assign result[p*OUT_BITS +: OUT_BITS] = level + (descending_q[p] ? LO_DOWN : LO_UP);
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (result),
      .s_axis_tvalid(valid_q),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
