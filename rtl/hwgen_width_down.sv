// Integer narrowing: y[N*j + i] = bits i*OUT_WIDTH and up of x[j], N = IN_WIDTH / OUT_WIDTH at least 2.
//
// Order: element 0 in the least significant bits. A frame ends after OUT_BEATS beats; what is left of its last input
// beat is dropped. Cycles: OUT_BEATS a frame, without bubbles. Latency: 2 cycles.
`default_nettype none

module hwgen_width_down #(
    parameter int IN_WIDTH  = 16,  // bits of an input beat, a multiple of OUT_WIDTH
    parameter int OUT_WIDTH = 8,   // bits of an output beat
    parameter int IN_BEATS  = 1,   // input beats of a frame
    parameter int OUT_BEATS = 2    // output beats of a frame
) (
    input  wire logic                 clk,
    input  wire logic                 rst,
    input  wire logic [ IN_WIDTH-1:0] s_axis_tdata,
    input  wire logic                 s_axis_tvalid,
    output logic                      s_axis_tready,
    output logic [OUT_WIDTH-1:0]      m_axis_tdata,
    output logic                      m_axis_tvalid,
    input  wire logic                 m_axis_tready
);

  localparam int RATIO = IN_WIDTH / OUT_WIDTH;
  localparam int CW = $clog2(RATIO);
  localparam int FW = OUT_BEATS > 1 ? $clog2(OUT_BEATS) : 1;

  logic [IN_WIDTH-1:0] x_q;
  logic x_valid_q, y_ready, last, frame_last;
  logic [CW-1:0] count_q;

  initial if (RATIO < 2 || IN_WIDTH % OUT_WIDTH != 0) $fatal(1, "%m: IN_WIDTH must be a multiple of OUT_WIDTH");

  assign last          = count_q == CW'(RATIO - 1) || frame_last;
  assign s_axis_tready = !x_valid_q || (last && y_ready);

  always_ff @(posedge clk) begin
    if (rst) begin
      x_valid_q <= 1'b0;
      count_q   <= '0;
    end else begin
      if (s_axis_tready) x_valid_q <= s_axis_tvalid;
      if (x_valid_q && y_ready) count_q <= last ? '0 : count_q + 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (s_axis_tready) x_q <= s_axis_tdata;
  end

  generate
    if (IN_BEATS * RATIO == OUT_BEATS) begin : gen_whole
      assign frame_last = 1'b0;
    end else begin : gen_part
      logic [FW-1:0] frame_q;  // output beats of the frame so far
      assign frame_last = frame_q == FW'(OUT_BEATS - 1);
      always_ff @(posedge clk) begin
        if (rst) frame_q <= '0;
        else if (x_valid_q && y_ready) frame_q <= frame_last ? '0 : frame_q + 1'b1;
      end
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(OUT_WIDTH)
  ) u_skid (
      .clk(clk),
      .rst(rst),
      .s_axis_tdata(x_q[count_q*OUT_WIDTH+:OUT_WIDTH]),
      .s_axis_tvalid(x_valid_q),
      .s_axis_tready(y_ready),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
