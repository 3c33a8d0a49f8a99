// Sliding window: y[oh][ow][kh][kw][c] = x[oh * STRIDE_H + kh * DILATION_H][ow * STRIDE_W + kw * DILATION_W][c].
//
// Order: pixel by pixel, GROUPS beats each; a beat of y for every oh, ow, kh, kw and group, the last index fastest.
// The beats wait in a ring of DEPTH places. Beats in and beats out are numbered through all frames; a beat is taken as
// soon as its place is free, given as soon as it is stored, so that both sides go on while the other one waits.
// Cycles: max(beats in, beats out) a frame where DEPTH suffices (hwgen/kernels/window.py). Latency: 2; 3 in block RAM.
`default_nettype none

module hwgen_window #(
    parameter int WIDTH      = 8,   // bits of a beat
    parameter int ROWS       = 4,   // of the map
    parameter int COLUMNS    = 4,   // of the map
    parameter int GROUPS     = 1,   // beats of a pixel
    parameter int KERNEL_H   = 3,
    parameter int KERNEL_W   = 3,
    parameter int STRIDE_H   = 1,
    parameter int STRIDE_W   = 1,
    parameter int DILATION_H = 1,
    parameter int DILATION_W = 1,
    parameter int DEPTH      = 32,  // places of the ring, at least 2
    parameter int BLOCK      = 0    // 1: block RAM, 0: LUT RAM
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

  localparam int OUT_ROWS    = (ROWS - DILATION_H * (KERNEL_H - 1) - 1) / STRIDE_H + 1;
  localparam int OUT_COLUMNS = (COLUMNS - DILATION_W * (KERNEL_W - 1) - 1) / STRIDE_W + 1;

  // Distances in beats. The window's last beat lies SPAN behind its first.
  localparam int ROW    = COLUMNS * GROUPS;
  localparam int TAP_H  = DILATION_H * ROW;
  localparam int TAP_W  = DILATION_W * GROUPS;
  localparam int SPAN   = (KERNEL_H - 1) * TAP_H + (KERNEL_W - 1) * TAP_W + GROUPS - 1;
  localparam int MOVE_W = STRIDE_W * GROUPS;
  localparam int MOVE_H = STRIDE_H * ROW - (OUT_COLUMNS - 1) * MOVE_W;
  localparam int MOVE_F = (ROWS - (OUT_ROWS - 1) * STRIDE_H) * ROW - (OUT_COLUMNS - 1) * MOVE_W;  // to the next frame

  // From an output beat to the next: within a pixel, to the next pixel of the window, its next row, the next window.
  localparam int STEP_KW = TAP_W - (GROUPS - 1);
  localparam int STEP_KH = TAP_H - (KERNEL_W - 1) * TAP_W - (GROUPS - 1);

  // Where no beat is given twice and none before an earlier one, each frees its place; else a window frees all places
  // before the next window.
  localparam bit STREAMS = (OUT_COLUMNS == 1 || MOVE_W > SPAN) && (OUT_ROWS == 1 || MOVE_H > SPAN);

  localparam int AW = $clog2(DEPTH);
  localparam int LW = $clog2(DEPTH + ((MOVE_F > MOVE_H) ? MOVE_F : MOVE_H) + 1) + 1;

  // Steps of the ring's read address, from 0 to DEPTH - 1.
  localparam logic [AW-1:0] TURN_KW = AW'(STEP_KW % DEPTH);
  localparam logic [AW-1:0] TURN_KH = AW'(STEP_KH % DEPTH);
  localparam logic [AW-1:0] TURN_OW = AW'((MOVE_W - SPAN % DEPTH + DEPTH) % DEPTH);
  localparam logic [AW-1:0] TURN_OH = AW'((MOVE_H - SPAN % DEPTH + DEPTH) % DEPTH);
  localparam logic [AW-1:0] TURN_F  = AW'((MOVE_F - SPAN) % DEPTH);

  initial begin
    if (KERNEL_H < 1 || KERNEL_W < 1 || STRIDE_H < 1 || STRIDE_W < 1 || DILATION_H < 1 || DILATION_W < 1)
      $fatal(1, "%m: kernel, stride and dilation must be positive");
    if (DILATION_H * (KERNEL_H - 1) >= ROWS || DILATION_W * (KERNEL_W - 1) >= COLUMNS)
      $fatal(1, "%m: the kernel does not fit the map");
    if (DEPTH < 2 || (!STREAMS && DEPTH <= SPAN)) $fatal(1, "%m: DEPTH is too small for the window");
  end

  logic store, give;
  logic last_group, last_kw, last_kh, last_ow, last_oh;
  logic [2:0] level;  // the innermost loop that goes on: group, kw, kh, ow, oh, frame

  hwgen_loop_counter #(.N(GROUPS)) count_group (.clk(clk), .rst(rst), .step(give), .last(last_group));
  hwgen_loop_counter #(.N(KERNEL_W)) count_kw (.clk(clk), .rst(rst), .step(give && level >= 3'd1), .last(last_kw));
  hwgen_loop_counter #(.N(KERNEL_H)) count_kh (.clk(clk), .rst(rst), .step(give && level >= 3'd2), .last(last_kh));
  hwgen_loop_counter #(.N(OUT_COLUMNS)) count_ow (.clk(clk), .rst(rst), .step(give && level >= 3'd3), .last(last_ow));
  hwgen_loop_counter #(.N(OUT_ROWS)) count_oh (.clk(clk), .rst(rst), .step(give && level >= 3'd4), .last(last_oh));

  always_comb begin
    if (!last_group) level = 3'd0;
    else if (!last_kw) level = 3'd1;
    else if (!last_kh) level = 3'd2;
    else if (!last_ow) level = 3'd3;
    else if (!last_oh) level = 3'd4;
    else level = 3'd5;
  end

  // lead_q + 1: beats stored, less the number of the beat to be given. room_q + 1: beats that may be taken.
  logic [LW-1:0] lead_q, lead_step, room_q, room_step;
  logic [AW-1:0] read_step;

  always_comb begin
    case (level)
      3'd0: lead_step = LW'(-1);
      3'd1: lead_step = LW'(-STEP_KW);
      3'd2: lead_step = LW'(-STEP_KH);
      3'd3: lead_step = LW'(SPAN - MOVE_W);
      3'd4: lead_step = LW'(SPAN - MOVE_H);
      default: lead_step = LW'(SPAN - MOVE_F);
    endcase
    case (level)
      3'd0: read_step = AW'(1);
      3'd1: read_step = TURN_KW;
      3'd2: read_step = TURN_KH;
      3'd3: read_step = TURN_OW;
      3'd4: read_step = TURN_OH;
      default: read_step = TURN_F;
    endcase
    case (level)
      3'd3: room_step = LW'(MOVE_W);
      3'd4: room_step = LW'(MOVE_H);
      3'd5: room_step = LW'(MOVE_F);
      default: room_step = '0;
    endcase
    if (STREAMS) room_step = -lead_step;
    if (!give) begin
      lead_step = '0;
      room_step = '0;
    end
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
