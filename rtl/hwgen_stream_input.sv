// Input adapter: AXI4-Stream frames of IN_BEATS bus beats to dense frames of OUT_BEATS beats, and one flag a frame.
//
// A beat carries IN_WIDTH bits of whole elements in its least significant bits; the rest of the bus is ignored.
// A frame is bad when tlast comes early (it is filled up with zero beats), when tlast does not come in time (beats are
// dropped up to and with the next tlast), or when a byte of tkeep is low. Every frame leaves whole, so that all kernels
// stay aligned; its flag, 1 where it is bad, tells hwgen_stream_output to swallow the result.
// Cycles: max(IN_BEATS, OUT_BEATS) a frame, without bubbles. Latency: that of hwgen_width_converter.
`default_nettype none

module hwgen_stream_input #(
    parameter int BUS_WIDTH = 16,  // bits of tdata: 8, 16, ..., 1024
    parameter int IN_WIDTH  = 16,  // bits of whole elements on the bus
    parameter int OUT_WIDTH = 24,  // bits of a dense beat
    parameter int UNIT      = 8,   // greatest common divisor of IN_WIDTH and OUT_WIDTH
    parameter int IN_BEATS  = 3,   // bus beats of a frame
    parameter int OUT_BEATS = 2    // dense beats of a frame
) (
    input  wire logic                   clk,
    input  wire logic                   rst,
    input  wire logic [  BUS_WIDTH-1:0] s_axis_tdata,
    input  wire logic [BUS_WIDTH/8-1:0] s_axis_tkeep,
    input  wire logic                   s_axis_tvalid,
    output logic                        s_axis_tready,
    input  wire logic                   s_axis_tlast,
    output logic [  OUT_WIDTH-1:0]      m_axis_tdata,
    output logic                        m_axis_tvalid,
    input  wire logic                   m_axis_tready,
    output logic                        m_flag_tdata,
    output logic                        m_flag_tvalid,
    input  wire logic                   m_flag_tready
);

  localparam int CW = IN_BEATS > 1 ? $clog2(IN_BEATS) : 1;

  logic [IN_WIDTH-1:0] x_data;
  logic x_valid, x_ready, room, step, last, spoilt;
  logic [CW-1:0] count_q;  // beats of the frame so far
  logic bad_q;             // the frame is bad
  logic fill_q;            // tlast came early: fill up with zeros
  logic discard_q;         // tlast is late: drop beats up to it
  logic flag_q, flag_valid_q;

  initial if (IN_WIDTH > BUS_WIDTH || BUS_WIDTH % 8 != 0) $fatal(1, "%m: the bus is whole bytes and holds IN_WIDTH");

  assign last          = count_q == CW'(IN_BEATS - 1);
  assign room          = !last || !flag_valid_q || m_flag_tready;
  assign x_valid       = room && (fill_q || (s_axis_tvalid && !discard_q));
  assign x_data        = fill_q ? '0 : s_axis_tdata[IN_WIDTH-1:0];
  assign step          = x_valid && x_ready;
  assign s_axis_tready = discard_q || (room && x_ready && !fill_q);
  assign spoilt        = !fill_q && (s_axis_tlast != last || s_axis_tkeep != '1);
  assign m_flag_tdata  = flag_q;
  assign m_flag_tvalid = flag_valid_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      count_q   <= '0;
      bad_q     <= 1'b0;
      fill_q    <= 1'b0;
      discard_q <= 1'b0;
    end else if (step) begin
      count_q   <= last ? '0 : count_q + 1'b1;
      bad_q     <= !last && (bad_q || spoilt);
      fill_q    <= !last && (fill_q || s_axis_tlast);
      discard_q <= last && !fill_q && !s_axis_tlast;
    end else if (s_axis_tvalid && s_axis_tlast) begin
      discard_q <= 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (rst) flag_valid_q <= 1'b0;
    else if (step && last) flag_valid_q <= 1'b1;
    else if (m_flag_tready) flag_valid_q <= 1'b0;
  end

  always_ff @(posedge clk) begin
    if (step && last) flag_q <= bad_q || spoilt;
  end

  generate
    if (IN_WIDTH < BUS_WIDTH) begin : gen_padding
      wire unused_padding = &{1'b0, s_axis_tdata[BUS_WIDTH-1:IN_WIDTH]};
    end
  endgenerate

  hwgen_width_converter #(
      .IN_WIDTH (IN_WIDTH),
      .OUT_WIDTH(OUT_WIDTH),
      .UNIT     (UNIT),
      .IN_BEATS (IN_BEATS),
      .OUT_BEATS(OUT_BEATS)
  ) u_convert (
      .clk(clk),
      .rst(rst),
      .s_axis_tdata(x_data),
      .s_axis_tvalid(x_valid),
      .s_axis_tready(x_ready),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
