// Output adapter: dense frames of IN_BEATS beats to AXI4-Stream frames of OUT_BEATS bus beats with tlast.
//
// A beat carries OUT_WIDTH bits of whole elements in its least significant bits; the rest of the bus is zero, and so are
// missing elements of the last beat. tkeep is full. One flag per frame comes from each of FLAGS inputs, all are taken at
// once: a frame of which one is 1 is swallowed. No beat leaves before the frame's flags are there, so what comes earlier
// must have room in front.
// Cycles: max(IN_BEATS, OUT_BEATS) a frame, without bubbles. Latency: that of hwgen_width_converter.
`default_nettype none

module hwgen_stream_output #(
    parameter int BUS_WIDTH = 16,  // bits of tdata: 8, 16, ..., 1024
    parameter int IN_WIDTH  = 24,  // bits of a dense beat
    parameter int OUT_WIDTH = 16,  // bits of whole elements on the bus
    parameter int UNIT      = 8,   // greatest common divisor of IN_WIDTH and OUT_WIDTH
    parameter int IN_BEATS  = 2,   // dense beats of a frame
    parameter int OUT_BEATS = 3,   // bus beats of a frame
    parameter int FLAGS     = 1    // inputs of the top that the frames are computed from
) (
    input  wire logic              clk,
    input  wire logic              rst,
    input  wire logic [IN_WIDTH-1:0] s_axis_tdata,
    input  wire logic              s_axis_tvalid,
    output logic                   s_axis_tready,
    input  wire logic [FLAGS-1:0]  s_flag_tdata,
    input  wire logic [FLAGS-1:0]  s_flag_tvalid,
    output logic [FLAGS-1:0]       s_flag_tready,
    output logic [BUS_WIDTH-1:0]   m_axis_tdata,
    output logic [BUS_WIDTH/8-1:0] m_axis_tkeep,
    output logic                   m_axis_tvalid,
    input  wire logic              m_axis_tready,
    output logic                   m_axis_tlast
);

  localparam int CW = OUT_BEATS > 1 ? $clog2(OUT_BEATS) : 1;

  logic [OUT_WIDTH-1:0] y_data;
  logic y_valid, y_ready, last, known, bad;
  logic [CW-1:0] count_q;  // beats of the frame so far

  initial if (OUT_WIDTH > BUS_WIDTH || BUS_WIDTH % 8 != 0) $fatal(1, "%m: the bus is whole bytes and holds OUT_WIDTH");

  hwgen_width_converter #(
      .IN_WIDTH (IN_WIDTH),
      .OUT_WIDTH(OUT_WIDTH),
      .UNIT     (UNIT),
      .IN_BEATS (IN_BEATS),
      .OUT_BEATS(OUT_BEATS)
  ) u_convert (
      .clk(clk),
      .rst(rst),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata(y_data),
      .m_axis_tvalid(y_valid),
      .m_axis_tready(y_ready)
  );

  assign last          = count_q == CW'(OUT_BEATS - 1);
  assign known         = &s_flag_tvalid;
  assign bad           = |s_flag_tdata;
  assign y_ready       = known && (bad || m_axis_tready);
  assign s_flag_tready = {FLAGS{y_valid && y_ready && last}};
  assign m_axis_tdata  = BUS_WIDTH'(y_data);
  assign m_axis_tkeep  = '1;
  assign m_axis_tvalid = y_valid && known && !bad;
  assign m_axis_tlast  = last;

  always_ff @(posedge clk) begin
    if (rst) count_q <= '0;
    else if (y_valid && y_ready) count_q <= last ? '0 : count_q + 1'b1;
  end

endmodule

`default_nettype wire
