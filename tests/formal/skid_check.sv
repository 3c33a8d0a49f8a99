// The skid buffer is a queue of two beats.
`default_nettype none

module skid_check #(
    parameter int WIDTH = 2
) (
    input wire logic             clk,
    input wire logic             rst,
    input wire logic [WIDTH-1:0] s_tdata,
    input wire logic             s_tvalid,
    input wire logic             m_tready
);

  logic s_tready, m_tvalid;
  logic [WIDTH-1:0] m_tdata;
  // taps: connected to the block's registers by the proof script
  wire logic [WIDTH-1:0] data, skid;
  wire logic valid, full;

  hwgen_skid #(
      .WIDTH(WIDTH)
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
      .UNIT(WIDTH),
      .LANES(2),
      .PATIENCE(0)
  ) check (
      .clk(clk),
      .rst(rst),
      .s_tdata(s_tdata),
      .s_tvalid(s_tvalid),
      .s_tready(s_tready),
      .m_tdata(m_tdata),
      .m_tvalid(m_tvalid),
      .m_tready(m_tready),
      .content({{WIDTH{full}} & skid, {WIDTH{valid}} & data}),
      .length(8'(valid) + 8'(full))
  );

endmodule

`default_nettype wire
