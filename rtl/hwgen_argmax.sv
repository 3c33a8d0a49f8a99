// Index of the largest score: y = the lowest c that maximises MULTIPLIER * a[c] + offset[c].
// Stream: CLASSES values in order, PE a beat, lane 0 in the least significant bits; out: one beat a frame.
// ROM word f: the offsets of classes f * PE ... f * PE + PE - 1.
// One beat a cycle. Latency from the last beat of a frame: 4 + clog2(PE) cycles (product; sum; one tree level a
// cycle; running maximum; output register).
`default_nettype none

module hwgen_argmax #(
    parameter int CLASSES = 10,        // values per frame
    parameter int PE = 1,              // lanes per beat, divides CLASSES
    parameter int IN_BITS = 8,         // bits of an input code
    parameter int IN_SIGNED = 1,       // 1: two's complement
    parameter int IN_BIPOLAR = 0,      // 1: codes 0 and 1 stand for -1 and +1
    parameter int MULTIPLIER = 1,      // factor of every value
    parameter int OFFSET_BITS = 1,     // bits of an offset
    parameter int OFFSET_SIGNED = 0,   // 1: two's complement
    parameter int SCORE_BITS = 8,      // bits of a score, which is two's complement
    parameter int OUT_BITS = 4,        // bits of the index
    parameter int ADDRESS_BITS = (CLASSES > PE) ? $clog2(CLASSES / PE) : 1  // derived, do not set
) (
    input  wire logic                      clk,
    input  wire logic                      rst,
    input  wire logic [PE*IN_BITS-1:0]     s_axis_tdata,
    input  wire logic                      s_axis_tvalid,
    output      logic                      s_axis_tready,
    output      logic [OUT_BITS-1:0]       m_axis_tdata,
    output      logic                      m_axis_tvalid,
    input  wire logic                      m_axis_tready,
    output      logic                      offsets_en,
    output      logic [ADDRESS_BITS-1:0]   offsets_addr,
    input  wire logic [PE*OFFSET_BITS-1:0] offsets_data
);
  localparam int FOLDS = CLASSES / PE;
  localparam int DEPTH = $clog2(PE);     // levels of the tree over the lanes
  localparam int LEAVES = 1 << DEPTH;
  localparam int LATENCY = DEPTH + 2;    // cycles to the root of the tree
  localparam logic [ADDRESS_BITS-1:0] LAST = ADDRESS_BITS'(FOLDS - 1);

  initial begin
    if (PE < 1 || CLASSES % PE != 0) $fatal(1, "%m: PE must divide CLASSES");
    if (OUT_BITS < $clog2(CLASSES)) $fatal(1, "%m: OUT_BITS is too small for CLASSES");
  end

  logic                    advance;
  logic [LATENCY-1:0]      valid_q;
  logic [ADDRESS_BITS-1:0] fold_q;

  assign s_axis_tready = advance;
  assign offsets_en    = advance;
  assign offsets_addr  = fold_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      valid_q <= '0;
      fold_q  <= '0;
    end else if (advance) begin
      valid_q <= LATENCY'({valid_q, s_axis_tvalid});
      if (s_axis_tvalid) fold_q <= (fold_q == LAST) ? '0 : fold_q + 1'b1;
    end
  end

  // Node n of the tree has the children 2n and 2n + 1, leaf p is node LEAVES + p; node 1 is the beat's maximum.
  // Leaves beyond PE do not exist (nor does node 0): their parent takes its left child.
  /* verilator lint_off UNUSEDSIGNAL */
  logic [2*LEAVES*SCORE_BITS-1:0] scores;
  logic [2*LEAVES*OUT_BITS-1:0]   lanes;
  /* verilator lint_on UNUSEDSIGNAL */

  generate
    for (genvar p = 0; p < PE; p++) begin : gen_lane
      logic signed [SCORE_BITS-1:0] value, product_q, offset, sum_q;

      if (IN_BIPOLAR != 0) begin : gen_bipolar
        assign value = SCORE_BITS'($signed({!s_axis_tdata[p], 1'b1}));
      end else begin : gen_integer
        assign value = SCORE_BITS'($signed({IN_SIGNED != 0 && s_axis_tdata[(p+1)*IN_BITS-1],
                                            s_axis_tdata[p*IN_BITS +: IN_BITS]}));
      end
      assign offset = SCORE_BITS'($signed({OFFSET_SIGNED != 0 && offsets_data[(p+1)*OFFSET_BITS-1],
                                           offsets_data[p*OFFSET_BITS +: OFFSET_BITS]}));
      always_ff @(posedge clk) begin
        if (advance) begin
          product_q <= SCORE_BITS'(value * SCORE_BITS'(MULTIPLIER));
          sum_q     <= product_q + offset;
        end
      end
      assign scores[(LEAVES+p)*SCORE_BITS +: SCORE_BITS] = sum_q;
      assign lanes[(LEAVES+p)*OUT_BITS +: OUT_BITS]      = OUT_BITS'(p);
    end

    for (genvar n = 1; n < LEAVES; n++) begin : gen_node
      localparam int LEVEL = $clog2(n + 1) - 1;
      localparam int SPAN = LEAVES >> (LEVEL + 1);                // leaves below one child
      localparam int RIGHT = (2 * n + 1 - (2 << LEVEL)) * SPAN;   // the first leaf of the right child
      localparam int LEFT = RIGHT - SPAN;
      if (LEFT < PE) begin : gen_used
        logic [SCORE_BITS-1:0] score_q, left_score;
        logic [OUT_BITS-1:0]   lane_q, left_lane;

        assign left_score = scores[2*n*SCORE_BITS +: SCORE_BITS];
        assign left_lane  = lanes[2*n*OUT_BITS +: OUT_BITS];

        if (RIGHT < PE) begin : gen_pair
          logic [SCORE_BITS-1:0] right_score;
          logic                  right_wins;
          assign right_score = scores[(2*n+1)*SCORE_BITS +: SCORE_BITS];
          assign right_wins  = $signed(right_score) > $signed(left_score);
          always_ff @(posedge clk) begin
            if (advance) begin
              score_q <= right_wins ? right_score : left_score;
              lane_q  <= right_wins ? lanes[(2*n+1)*OUT_BITS +: OUT_BITS] : left_lane;
            end
          end
        end else begin : gen_single
          always_ff @(posedge clk) begin
            if (advance) begin
              score_q <= left_score;
              lane_q  <= left_lane;
            end
          end
        end
        assign scores[n*SCORE_BITS +: SCORE_BITS] = score_q;
        assign lanes[n*OUT_BITS +: OUT_BITS]      = lane_q;
      end
    end
  endgenerate

  // The running maximum over the beats of a frame; an equal later score does not win.
  logic signed [SCORE_BITS-1:0] score, best_q;
  logic [OUT_BITS-1:0]          first_q, index, index_q;
  logic [ADDRESS_BITS-1:0]      beat_q;
  logic                         done_q;

  assign score = scores[SCORE_BITS +: SCORE_BITS];
  assign index = first_q + lanes[OUT_BITS +: OUT_BITS];

  always_ff @(posedge clk) begin
    if (rst) begin
      beat_q  <= '0;
      first_q <= '0;
      done_q  <= 1'b0;
    end else if (advance) begin
      done_q <= valid_q[LATENCY-1] && beat_q == LAST;
      if (valid_q[LATENCY-1]) begin
        beat_q  <= (beat_q == LAST) ? '0 : beat_q + 1'b1;
        first_q <= (beat_q == LAST) ? '0 : first_q + OUT_BITS'(PE);
      end
    end
    if (advance && valid_q[LATENCY-1] && (beat_q == '0 || score > best_q)) begin
      best_q  <= score;
      index_q <= index;
    end
  end

  hwgen_skid #(
      .WIDTH(OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (index_q),
      .s_axis_tvalid(done_q),
      .s_axis_tready(advance),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
