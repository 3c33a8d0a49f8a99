// Width conversion at any ratio: lane i of the output frame = lane i of the input frame, zero beyond its end.
//
// A lane is UNIT bits, the greatest unit that both widths hold whole. Input beats shift through a history; the output
// beat is a window of it, `phase_q` lanes above the lowest place that one can have. Each step takes an input beat, gives
// an output beat, or both. Lanes that are left when a frame ends are dropped; where they still fill a part of an output
// beat (FLUSH), that beat goes out while the first one of the next frame comes in.
// Cycles: max(IN_BEATS, OUT_BEATS) a frame, without bubbles. Latency: 2 cycles when widening, 1 when narrowing.
`default_nettype none

module hwgen_width_gearbox #(
    parameter int UNIT      = 8,  // bits of a lane
    parameter int IN_LANES  = 2,  // lanes of an input beat
    parameter int OUT_LANES = 3,  // lanes of an output beat, not equal to IN_LANES
    parameter int IN_BEATS  = 3,  // input beats of a frame
    parameter int OUT_BEATS = 2   // output beats of a frame
) (
    input  wire logic                      clk,
    input  wire logic                      rst,
    input  wire logic [ UNIT*IN_LANES-1:0] s_axis_tdata,
    input  wire logic                      s_axis_tvalid,
    output logic                           s_axis_tready,
    output logic [UNIT*OUT_LANES-1:0]      m_axis_tdata,
    output logic                           m_axis_tvalid,
    input  wire logic                      m_axis_tready
);

  localparam int IN_WIDTH = UNIT * IN_LANES;
  localparam int OUT_WIDTH = UNIT * OUT_LANES;
  localparam bit WIDEN = IN_LANES < OUT_LANES;
  localparam bit FILL = OUT_BEATS * OUT_LANES > IN_BEATS * IN_LANES;
  localparam bit EXACT = OUT_BEATS * OUT_LANES == IN_BEATS * IN_LANES;
  localparam int HISTORY = WIDEN ? (OUT_LANES - 2 + IN_LANES) / IN_LANES : 1;  // input beats kept
  localparam int LOWEST = WIDEN ? HISTORY * IN_LANES - OUT_LANES + 1 : 1;  // lane of the window at phase 0
  localparam int START = (WIDEN ? OUT_LANES : IN_LANES) - 1;  // phase with no lane in the history
  localparam int PW = $clog2(WIDEN ? OUT_LANES : IN_LANES);
  localparam int SW = WIDEN && !FILL ? $clog2(IN_LANES) : PW;  // bits of the phase of a window
  localparam int WHOLE = IN_BEATS * IN_LANES / OUT_LANES;  // output beats without fill
  localparam bit FLUSH = WIDEN && FILL && WHOLE * OUT_LANES > (IN_BEATS - 1) * IN_LANES;
  localparam int FRAME = WIDEN ? IN_BEATS : OUT_BEATS;  // steps of a frame
  localparam int FW = FRAME > 1 ? $clog2(FRAME) : 1;

  initial begin
    if ((IN_BEATS - 1) * IN_LANES >= OUT_BEATS * OUT_LANES || (OUT_BEATS - 1) * OUT_LANES >= IN_BEATS * IN_LANES)
      $fatal(1, "%m: the frames of both sides must hold the same elements");
  end

  logic [IN_WIDTH-1:0] x_data;
  logic [OUT_WIDTH-1:0] y_data;
  logic x_valid, x_ready, y_valid, y_ready;
  logic [HISTORY*IN_WIDTH-1:0] history_q;
  logic [(HISTORY+1)*IN_WIDTH-1:0] window;
  logic [PW-1:0] phase_q;
  logic take, give, step, last, blank, flush_q;

  // -- the step ------------------------------------------------------------------------------------------------------
  assign step    = (x_valid || !take) && (y_ready || !give);
  assign x_ready = take && (y_ready || !give);
  assign y_valid = give && (x_valid || !take);

  generate
    if (WIDEN) begin : gen_widen
      assign take = x_valid || !flush_q;
      assign give = phase_q < PW'(IN_LANES) || (FILL && last) || flush_q;
      assign blank = flush_q;
    end else begin : gen_narrow
      localparam int BEFORE = ((OUT_BEATS - 1) * OUT_LANES + IN_LANES - 1) / IN_LANES;  // beats taken before the last step
      assign take = last ? BEFORE < IN_BEATS : phase_q >= PW'(IN_LANES - OUT_LANES);
      assign give = 1'b1;
      assign blank = FILL && !take;
    end

    if (EXACT) begin : gen_exact
      assign last = 1'b0;
    end else begin : gen_last
      logic [FW-1:0] frame_q;
      assign last = frame_q == FW'(FRAME - 1);
      always_ff @(posedge clk) begin
        if (rst) frame_q <= '0;
        else if (step && (take || !WIDEN)) frame_q <= last ? '0 : frame_q + 1'b1;
      end
    end

    if (FLUSH) begin : gen_flush
      always_ff @(posedge clk) begin
        if (rst) flush_q <= 1'b0;
        else if (step) flush_q <= last;
      end
    end else begin : gen_no_flush
      assign flush_q = 1'b0;
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (rst) phase_q <= PW'(START);
    else if (step) begin
      if (flush_q) phase_q <= PW'(START) - (take ? PW'(IN_LANES) : '0);
      else if (last && !FLUSH) phase_q <= PW'(START);
      else phase_q <= phase_q + (give ? PW'(OUT_LANES) : '0) - (take ? PW'(IN_LANES) : '0);
    end
  end

  always_ff @(posedge clk) begin
    if (step && take) history_q <= (HISTORY * IN_WIDTH)'({x_data, history_q} >> IN_WIDTH);
  end

  // -- the window ----------------------------------------------------------------------------------------------------
  assign window = {blank ? {IN_WIDTH{1'b0}} : x_data, history_q};

  always_comb begin : shift
    logic [(HISTORY+1)*IN_WIDTH-1:0] shifted;
    shifted = window >> (LOWEST * UNIT);
    for (int k = SW - 1; k >= 0; k--) if (phase_q[k]) shifted = shifted >> (UNIT << k);
    y_data = OUT_WIDTH'(shifted);
  end

  // -- the borders: a skid buffer on the narrower side ---------------------------------------------------------------
  generate
    if (WIDEN) begin : gen_border_in
      logic [OUT_WIDTH-1:0] data_q;
      logic valid_q;

      hwgen_skid #(
          .WIDTH(IN_WIDTH)
      ) u_skid (
          .clk(clk),
          .rst(rst),
          .s_axis_tdata(s_axis_tdata),
          .s_axis_tvalid(s_axis_tvalid),
          .s_axis_tready(s_axis_tready),
          .m_axis_tdata(x_data),
          .m_axis_tvalid(x_valid),
          .m_axis_tready(x_ready)
      );

      assign y_ready       = m_axis_tready || !valid_q;
      assign m_axis_tdata  = data_q;
      assign m_axis_tvalid = valid_q;

      always_ff @(posedge clk) begin
        if (rst) valid_q <= 1'b0;
        else if (y_ready) valid_q <= y_valid;
      end

      always_ff @(posedge clk) begin
        if (y_ready) data_q <= y_data;
      end
    end else begin : gen_border_out
      assign x_data        = s_axis_tdata;
      assign x_valid       = s_axis_tvalid;
      assign s_axis_tready = x_ready;

      hwgen_skid #(
          .WIDTH(OUT_WIDTH)
      ) u_skid (
          .clk(clk),
          .rst(rst),
          .s_axis_tdata(y_data),
          .s_axis_tvalid(y_valid),
          .s_axis_tready(y_ready),
          .m_axis_tdata(m_axis_tdata),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
    end
  endgenerate

endmodule

`default_nettype wire
