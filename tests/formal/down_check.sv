// Integer narrowing is a queue of lanes: the skid buffer, then what is left of the input beat.
`default_nettype none

module down_check #(
    parameter int RATIO = 4
) (
    input wire logic [RATIO-1:0] s_tdata,
    input wire logic clk,
    input wire logic rst,
    input wire logic s_tvalid,
    input wire logic m_tready
);

  logic s_tready, m_tvalid;
  logic [0:0] m_tdata;

  // taps: connected to the block's registers by the proof script
  wire logic [RATIO-1:0] x;
  wire logic [$clog2(RATIO)-1:0] count;
  wire logic x_valid, data, skid, valid, full;

  logic [RATIO+1:0] content;
  logic [7:0] length;

  always_comb begin : abstraction
    content = x_valid ? (RATIO + 2)'(x >> count) : '0;
    length  = x_valid ? 8'(RATIO) - 8'(count) : '0;
    if (full) content = (content << 1) | (RATIO + 2)'(skid);
    if (valid) content = (content << 1) | (RATIO + 2)'(data);
    length = length + 8'(valid) + 8'(full);
  end

  hwgen_width_converter #(
      .IN_WIDTH (RATIO),
      .OUT_WIDTH(1),
      .UNIT     (1),
      .IN_BEATS (1),
      .OUT_BEATS(RATIO)
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
      .IN_LANES(RATIO),
      .LANES(RATIO + 2),
      .PATIENCE(1)
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

  always_comb assert (x_valid || count == '0);

endmodule

`default_nettype wire
