// Step functions by a pipelined binary search: y[c] = OUT_LO + n, where n counts the thresholds T[c][i] <= a[c],
// or LEVELS - n where the channel descends. One pipeline stage for each of the STAGES = clog2(LEVELS + 1) bits of n.
// Stream: channels in order, PE a beat, lane 0 in the least significant bits; beat b belongs to fold b mod FOLDS.
// ROMs: port slot j * PE + p is lane p of stage j; its word f * 2^j + k is T[c][(2k + 1) * 2^(STAGES - 1 - j) - 1] with
// c = f * PE + p, thresholds ascending and padded to 2^STAGES - 1 with one that is never reached.
// One beat a cycle. Latency: 2 cycles a stage, one more for each stage from BLOCK_FROM on, 1 in the output register.
`default_nettype none

module hwgen_threshold_search #(
    parameter int PE = 1,                // lanes per beat
    parameter int FOLDS = 1,             // ROM words of stage 0
    parameter int LEVELS = 1,            // thresholds per channel
    parameter int IN_BITS = 8,           // bits of an input code
    parameter int IN_SIGNED = 1,         // 1: two's complement
    parameter int IN_BIPOLAR = 0,        // 1: codes 0 and 1 stand for -1 and +1
    parameter int THRESHOLD_BITS = 8,    // bits of a threshold
    parameter int THRESHOLD_SIGNED = 1,  // 1: two's complement
    parameter int OUT_BITS = 1,          // bits of an output code
    parameter int OUT_LO = 0,            // output of level 0
    parameter int DESCENDING = 1,        // 0: no channel descends
    parameter int BLOCK_FROM = 16,       // the first stage with one more register behind its (block RAM) ROMs
    parameter int STAGES = $clog2(LEVELS + 1),                          // derived, do not set
    parameter int FOLD_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 0,          // derived, do not set
    parameter int FOLD_WIDTH = (FOLDS > 1) ? $clog2(FOLDS) : 1,         // derived, do not set
    parameter int EMPTY = (FOLDS > 1) ? 0 : 1,                          // derived: unused address bits of stage 0
    parameter int ADDRESSES = STAGES * FOLD_BITS + STAGES * (STAGES - 1) / 2 + EMPTY  // derived, do not set
) (
    input  wire logic                                clk,
    input  wire logic                                rst,
    input  wire logic [PE*IN_BITS-1:0]               s_axis_tdata,
    input  wire logic                                s_axis_tvalid,
    output      logic                                s_axis_tready,
    output      logic [PE*OUT_BITS-1:0]              m_axis_tdata,
    output      logic                                m_axis_tvalid,
    input  wire logic                                m_axis_tready,
    output      logic [PE*STAGES-1:0]                thresholds_en,
    output      logic [PE*ADDRESSES-1:0]             thresholds_addr,
    input  wire logic [PE*STAGES*THRESHOLD_BITS-1:0] thresholds_data,
    output      logic                                descending_en,
    output      logic [FOLD_WIDTH-1:0]               descending_addr,
    input  wire logic [PE-1:0]                       descending_data
);
  localparam int VALUE_BITS = (IN_BIPOLAR != 0) ? 2 : IN_BITS;
  localparam int VALUE_SIGNED = (IN_BIPOLAR != 0 || IN_SIGNED != 0) ? 1 : 0;
  localparam int BLOCKS = (BLOCK_FROM < STAGES) ? STAGES - BLOCK_FROM : 0;
  localparam int LATENCY = 2 * STAGES + BLOCKS;
  localparam logic [OUT_BITS-1:0] LO_UP = OUT_BITS'(OUT_LO);
  localparam logic [OUT_BITS-1:0] LO_DOWN = OUT_BITS'(OUT_LO + LEVELS + 1);
  localparam logic [FOLD_WIDTH-1:0] LAST = FOLD_WIDTH'(FOLDS - 1);

  initial begin
    if (PE < 1 || FOLDS < 1 || LEVELS < 1) $fatal(1, "%m: PE, FOLDS and LEVELS must be positive");
    if (STAGES > OUT_BITS) $fatal(1, "%m: OUT_BITS is too small for LEVELS");
    if (IN_BIPOLAR != 0 && IN_BITS != 1) $fatal(1, "%m: a bipolar input has one bit");
  end

  // Between stages; the slice j is the input of stage j. Nothing reads values and fold behind the last.
  /* verilator lint_off UNUSEDSIGNAL */
  logic [(STAGES+1)*PE*VALUE_BITS-1:0] values;
  logic [(STAGES+1)*FOLD_WIDTH-1:0]    folds;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [(STAGES+1)*PE*STAGES-1:0]     codes;
  logic [LATENCY-1:0]                  valid_q;
  logic [FOLD_WIDTH-1:0]               fold_q;
  logic                                ready;

  assign s_axis_tready            = ready;
  assign folds[0 +: FOLD_WIDTH]   = fold_q;
  assign codes[0 +: PE*STAGES]    = '0;
  assign thresholds_en            = {PE*STAGES{ready}};

  always_ff @(posedge clk) begin
    if (rst) begin
      valid_q <= '0;
      fold_q  <= '0;
    end else if (ready) begin
      valid_q <= LATENCY'({valid_q, s_axis_tvalid});
      if (s_axis_tvalid) fold_q <= (fold_q == LAST) ? '0 : fold_q + 1'b1;
    end
  end

  generate
    for (genvar p = 0; p < PE; p++) begin : gen_input
      if (IN_BIPOLAR != 0) begin : gen_bipolar
        assign values[2*p +: 2] = {!s_axis_tdata[p], 1'b1};
      end else begin : gen_integer
        assign values[p*IN_BITS +: IN_BITS] = s_axis_tdata[p*IN_BITS +: IN_BITS];
      end
    end

    for (genvar j = 0; j < STAGES; j++) begin : gen_stage
      localparam int WIDTH = (FOLD_BITS + j > 0) ? FOLD_BITS + j : 1;
      localparam int AT = PE * (j * FOLD_BITS + j * (j - 1) / 2 + ((j > 0) ? EMPTY : 0));
      hwgen_threshold_search_stage #(
          .PE              (PE),
          .STAGE           (j),
          .STAGES          (STAGES),
          .FOLD_BITS       (FOLD_BITS),
          .VALUE_BITS      (VALUE_BITS),
          .VALUE_SIGNED    (VALUE_SIGNED),
          .THRESHOLD_BITS  (THRESHOLD_BITS),
          .THRESHOLD_SIGNED(THRESHOLD_SIGNED),
          .BLOCK           ((j >= BLOCK_FROM) ? 1 : 0)
      ) stage (
          .clk       (clk),
          .advance   (ready),
          .in_values (values[j*PE*VALUE_BITS +: PE*VALUE_BITS]),
          .in_fold   (folds[j*FOLD_WIDTH +: FOLD_WIDTH]),
          .in_codes  (codes[j*PE*STAGES +: PE*STAGES]),
          .out_values(values[(j+1)*PE*VALUE_BITS +: PE*VALUE_BITS]),
          .out_fold  (folds[(j+1)*FOLD_WIDTH +: FOLD_WIDTH]),
          .out_codes (codes[(j+1)*PE*STAGES +: PE*STAGES]),
          .rom_addr  (thresholds_addr[AT +: PE*WIDTH]),
          .rom_data  (thresholds_data[j*PE*THRESHOLD_BITS +: PE*THRESHOLD_BITS])
      );
    end
  endgenerate

  // The direction is read beside the last stage.
  logic [PE-1:0]          down, descending_q;
  logic [PE*OUT_BITS-1:0] result;

  assign down            = DESCENDING != 0 ? descending_data : '0;
  assign descending_en   = ready;
  assign descending_addr = folds[(STAGES-1)*FOLD_WIDTH +: FOLD_WIDTH];

  generate
    if (BLOCKS > 0) begin : gen_late_direction
      logic [PE-1:0] late_q;
      always_ff @(posedge clk) if (ready) {descending_q, late_q} <= {late_q, down};
    end else begin : gen_direction
      always_ff @(posedge clk) if (ready) descending_q <= down;
    end

    for (genvar p = 0; p < PE; p++) begin : gen_output
      logic [OUT_BITS-1:0] level;
      assign level = OUT_BITS'(codes[(STAGES*PE+p)*STAGES +: STAGES]) ^ {OUT_BITS{descending_q[p]}};
      assign result[p*OUT_BITS +: OUT_BITS] = level + (descending_q[p] ? LO_DOWN : LO_UP);
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (result),
      .s_axis_tvalid(valid_q[LATENCY-1]),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
