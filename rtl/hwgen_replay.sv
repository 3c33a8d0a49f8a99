// Rows of pixels, each given several times or in parts: a beat of y for every row i, repetition p, column j, repetition
// q and group g, the last index fastest, is beat
//   (i * COLUMNS + j) * GROUPS + g of x                                         (SPREAD = 0: the same beats again)
//   (((i * COLUMNS + j) * REPEAT_H + p) * REPEAT_W + q) * GROUPS + g of x       (SPREAD = 1: each beat once)
//
// The beats wait in a ring of DEPTH places; a pixel's are freed with its last one. Rows are counted by nobody: they, and
// so the frames, are all alike. Both sides go on while the other one waits.
// Cycles: max(beats in, beats out) a frame where DEPTH suffices (hwgen/kernels/replay.py). Latency: 2; 3 in block RAM.
`default_nettype none

module hwgen_replay #(
    parameter int WIDTH    = 8,   // bits of a beat
    parameter int COLUMNS  = 4,   // pixels of a row of x
    parameter int GROUPS   = 1,   // beats of a pixel of y
    parameter int REPEAT_H = 2,   // rows of y for each of x
    parameter int REPEAT_W = 2,   // pixels of a row of y for each of x
    parameter int SPREAD   = 0,   // 1: a pixel of x has beats for each of its pixels of y
    parameter int DEPTH    = 32,  // places of the ring, at least 2
    parameter int BLOCK    = 0    // 1: block RAM, 0: LUT RAM
) (
    input  wire logic             clk,
    input  wire logic             rst,
    input  wire logic [WIDTH-1:0] s_axis_tdata,
    input  wire logic             s_axis_tvalid,
    output logic                  s_axis_tready,
    output logic [WIDTH-1:0]      m_axis_tdata,
    output logic                  m_axis_tvalid,
    input  wire logic             m_axis_tready
);

  // Distances in beats of x: between repetitions, and from a pixel to the next.
  localparam int TURN_W = (SPREAD != 0) ? GROUPS : 0;
  localparam int TURN_H = REPEAT_W * TURN_W;
  localparam int PIXEL  = (SPREAD != 0) ? REPEAT_H * TURN_H : GROUPS;
  localparam int ROW    = COLUMNS * PIXEL;

  // From a beat of y to the next: within a pixel, to the next repetition of it, the next pixel, the row again, the next.
  localparam int STEP_W = TURN_W - (GROUPS - 1);
  localparam int STEP_J = PIXEL - (REPEAT_W - 1) * TURN_W - (GROUPS - 1);
  localparam int STEP_H = STEP_J + TURN_H - ROW;
  localparam int STEP_I = STEP_J - (REPEAT_H - 1) * TURN_H;

  localparam int AW = $clog2(DEPTH);
  localparam int LW = $clog2(DEPTH + PIXEL + 1) + 1;

  // Steps of the ring's read address, from 0 to DEPTH - 1.
  localparam logic [AW-1:0] READ_W = AW'((STEP_W % DEPTH + DEPTH) % DEPTH);
  localparam logic [AW-1:0] READ_J = AW'((STEP_J % DEPTH + DEPTH) % DEPTH);
  localparam logic [AW-1:0] READ_H = AW'((STEP_H % DEPTH + DEPTH) % DEPTH);
  localparam logic [AW-1:0] READ_I = AW'((STEP_I % DEPTH + DEPTH) % DEPTH);

  initial begin
    if (COLUMNS < 1 || GROUPS < 1 || REPEAT_H < 1 || REPEAT_W < 1) $fatal(1, "%m: sizes must be positive");
    if (DEPTH < 2 || DEPTH < PIXEL || (REPEAT_H > 1 && DEPTH < ROW - TURN_H))
      $fatal(1, "%m: DEPTH is too small for a row");
  end

  logic store, give, last_group, last_w, last_column, last_h;
  logic [2:0] level;  // the innermost loop that goes on: group, repetition, column, row again, row

  hwgen_loop_counter #(.N(GROUPS)) count_group (.clk(clk), .rst(rst), .step(give), .last(last_group));
  hwgen_loop_counter #(.N(REPEAT_W)) count_w (.clk(clk), .rst(rst), .step(give && level >= 3'd1), .last(last_w));
  hwgen_loop_counter #(.N(COLUMNS)) count_j (.clk(clk), .rst(rst), .step(give && level >= 3'd2), .last(last_column));
  hwgen_loop_counter #(.N(REPEAT_H)) count_h (.clk(clk), .rst(rst), .step(give && level >= 3'd3), .last(last_h));

  always_comb begin
    if (!last_group) level = 3'd0;
    else if (!last_w) level = 3'd1;
    else if (!last_column) level = 3'd2;
    else if (!last_h) level = 3'd3;
    else level = 3'd4;
  end

  // lead_q + 1: beats stored, less the number of the beat to be given. room_q + 1: beats that may be taken.
  logic [LW-1:0] lead_q, lead_step, room_q, room_step;
  logic [AW-1:0] read_step;

  always_comb begin
    case (level)
      3'd0: begin
        lead_step = LW'(-1);
        read_step = AW'(1);
      end
      3'd1: begin
        lead_step = LW'(-STEP_W);
        read_step = READ_W;
      end
      3'd2: begin
        lead_step = LW'(-STEP_J);
        read_step = READ_J;
      end
      3'd3: begin
        lead_step = LW'(-STEP_H);
        read_step = READ_H;
      end
      default: begin
        lead_step = LW'(-STEP_I);
        read_step = READ_I;
      end
    endcase
    if (!give) lead_step = '0;
    room_step = (give && last_h && last_w && last_group) ? LW'(PIXEL) : '0;
  end

  assign s_axis_tready = !room_q[LW-1];
  assign store         = s_axis_tvalid && s_axis_tready;

  always_ff @(posedge clk) begin
    if (rst) begin
      lead_q <= '1;
      room_q <= LW'(DEPTH - 1);
    end else begin
      lead_q <= lead_q + lead_step + LW'(store);
      room_q <= room_q + room_step - LW'(store);
    end
  end

  hwgen_ring #(
      .WIDTH(WIDTH),
      .DEPTH(DEPTH),
      .BLOCK(BLOCK)
  ) ring (
      .clk          (clk),
      .rst          (rst),
      .store        (store),
      .data         (s_axis_tdata),
      .available    (!lead_q[LW-1]),
      .step         (read_step),
      .give         (give),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
