// Channels to pixels: y[i * BLOCK_H + p][j * BLOCK_W + q][c] = x[i][j][(p * BLOCK_W + q) * C + c], or, INTERLEAVED,
// x[i][j][c * BLOCK_H * BLOCK_W + p * BLOCK_W + q], for C channels of y.
//
// Order: pixel by pixel, a pixel of y in GROUPS beats of LANES channels. A beat of x holds LANES channels; INTERLEAVED
// it holds BLOCK_H * BLOCK_W times as many, of which one part is given at a time.
// Cycles: beats out. Latency: 2; 3 in block RAM.
`default_nettype none

module hwgen_depth_to_space #(
    parameter int LANES       = 1,   // channels of a beat of y
    parameter int BITS        = 8,   // of a channel
    parameter int COLUMNS     = 4,   // of x
    parameter int GROUPS      = 1,   // beats of a pixel of y
    parameter int BLOCK_H     = 2,
    parameter int BLOCK_W     = 2,
    parameter int INTERLEAVED = 0,   // 1: the block is the innermost index of a channel of x
    parameter int DEPTH       = 32,  // places of the ring
    parameter int BLOCK       = 0,   // 1: block RAM, 0: LUT RAM
    parameter int PARTS       = (INTERLEAVED != 0) ? BLOCK_H * BLOCK_W : 1  // derived, do not set
) (
    input  wire logic                        clk,
    input  wire logic                        rst,
    input  wire logic [PARTS*LANES*BITS-1:0] s_axis_tdata,
    input  wire logic                        s_axis_tvalid,
    output logic                             s_axis_tready,
    output logic [LANES*BITS-1:0]            m_axis_tdata,
    output logic                             m_axis_tvalid,
    input  wire logic                        m_axis_tready
);

  localparam int WIDTH = LANES * BITS;

  logic [PARTS*WIDTH-1:0] sorted, wide;

  // Part by part: PARTS neighbouring channels of x belong to one channel of y.
  generate
    for (genvar part = 0; part < PARTS; part++) begin : gen_part
      for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
        assign sorted[part*WIDTH+lane*BITS +: BITS] = s_axis_tdata[(lane*PARTS+part)*BITS +: BITS];
      end
    end
  endgenerate

  hwgen_replay #(
      .WIDTH   (PARTS * WIDTH),
      .COLUMNS (COLUMNS),
      .GROUPS  (GROUPS),
      .REPEAT_H(BLOCK_H),
      .REPEAT_W(BLOCK_W),
      .SPREAD  ((INTERLEAVED != 0) ? 0 : 1),
      .DEPTH   (DEPTH),
      .BLOCK   (BLOCK)
  ) replay (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (sorted),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata (wide),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

  generate
    if (PARTS == 1) begin : gen_whole
      assign m_axis_tdata = wide;
    end else begin : gen_pick
      localparam int PW = $clog2(PARTS);
      logic [PW-1:0] part_q, first_q;  // of this beat; of the first pixel of its row
      logic taken, last_group, last_w, last_column, next_pixel;

      assign taken        = m_axis_tvalid && m_axis_tready;
      assign next_pixel   = taken && last_group;
      assign m_axis_tdata = wide[part_q*WIDTH +: WIDTH];

      hwgen_loop_counter #(.N(GROUPS)) count_group (.clk(clk), .rst(rst), .step(taken), .last(last_group));
      hwgen_loop_counter #(.N(BLOCK_W)) count_w (.clk(clk), .rst(rst), .step(next_pixel), .last(last_w));
      hwgen_loop_counter #(.N(COLUMNS)) count_j (.clk(clk), .rst(rst), .step(next_pixel && last_w), .last(last_column));

      always_ff @(posedge clk) begin
        if (rst) begin
          part_q  <= '0;
          first_q <= '0;
        end else if (next_pixel) begin
          if (!last_w) part_q <= part_q + 1'b1;
          else if (!last_column) part_q <= first_q;
          else begin
            part_q  <= (part_q == PW'(PARTS - 1)) ? '0 : part_q + 1'b1;
            first_q <= (part_q == PW'(PARTS - 1)) ? '0 : part_q + 1'b1;
          end
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
