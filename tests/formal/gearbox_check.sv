// The gearbox is a queue of lanes: output register or skid buffer, the unread lanes of the history, input skid buffer.
`default_nettype none

module gearbox_check #(
    parameter int IN_LANES  = 2,
    parameter int OUT_LANES = 3,
    parameter int IN_BEATS  = 3,
    parameter int OUT_BEATS = 2
) (
    input wire logic [IN_LANES-1:0] s_tdata,
    input wire logic clk,
    input wire logic rst,
    input wire logic s_tvalid,
    input wire logic m_tready
);

  logic s_tready, m_tvalid;
  logic [OUT_LANES-1:0] m_tdata;

  localparam bit WIDEN = IN_LANES < OUT_LANES;
  localparam int NARROWER = WIDEN ? IN_LANES : OUT_LANES;
  localparam int WIDER = WIDEN ? OUT_LANES : IN_LANES;
  localparam int HISTORY = WIDEN ? (OUT_LANES - 2 + IN_LANES) / IN_LANES : 1;
  localparam int LANES = 2 * (IN_LANES + OUT_LANES);

  // taps: connected to the block's registers by the proof script
  wire logic [HISTORY*IN_LANES-1:0] history;
  wire logic [$clog2(WIDER)-1:0] phase;
  wire logic [NARROWER-1:0] data, skid;
  wire logic valid, full;
  wire logic [OUT_LANES-1:0] y;
  wire logic y_valid;

  logic [7:0] unread;
  logic [LANES-1:0] kept, buffered, content;
  logic [7:0] length;

  always_comb begin : abstraction
    unread   = 8'(WIDER - 1) - 8'(phase);
    kept     = LANES'(history) >> (8'(HISTORY * IN_LANES) - unread);
    buffered = (valid ? LANES'(data) : '0) | (full ? LANES'(skid) << (valid ? NARROWER : 0) : '0);
    length   = unread + (valid ? 8'(NARROWER) : 8'd0) + (full ? 8'(NARROWER) : 8'd0);
    if (WIDEN) begin
      content = kept | (buffered << unread);
      if (y_valid) content = (content << OUT_LANES) | LANES'(y);
      if (y_valid) length = length + 8'(OUT_LANES);
    end else begin
      content = buffered | (kept << (length - unread));
    end
  end

  hwgen_width_converter #(
      .IN_WIDTH (IN_LANES),
      .OUT_WIDTH(OUT_LANES),
      .UNIT     (1),
      .IN_BEATS (IN_BEATS),
      .OUT_BEATS(OUT_BEATS)
  ) dut (
      .clk(clk),
      .rst(rst),
      .s_axis_tdata(s_tdata),
      .s_axis_tvalid(s_tvalid),
      .s_axis_tready(s_tready),
      .m_axis_tdata(m_tdata),
      .m_axis_tvalid(m_tvalid),
      .m_axis_tready(m_tready)
  );

  queue_check #(
      .IN_LANES(IN_LANES),
      .OUT_LANES(OUT_LANES),
      .LANES(LANES),
      .PATIENCE(2)
  ) check (
      .clk(clk),
      .rst(rst),
      .s_tdata(s_tdata),
      .s_tvalid(s_tvalid),
      .s_tready(s_tready),
      .m_tdata(m_tdata),
      .m_tvalid(m_tvalid),
      .m_tready(m_tready),
      .content(content),
      .length(length)
  );

endmodule

`default_nettype wire
