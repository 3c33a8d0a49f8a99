// Test design: running maximum, then an offset per element; 4-bit values in bytes, 6 a frame.
`default_nettype none
module toy_top (
  input wire logic aclk,
  input wire logic aresetn,
  input wire logic [7:0] s_axis_x_tdata,
  input wire logic [0:0] s_axis_x_tkeep,
  input wire logic s_axis_x_tvalid,
  output wire logic s_axis_x_tready,
  input wire logic s_axis_x_tlast,
  output wire logic [7:0] m_axis_y_tdata,
  output wire logic [0:0] m_axis_y_tkeep,
  output wire logic m_axis_y_tvalid,
  input wire logic m_axis_y_tready,
  output wire logic m_axis_y_tlast
);
  wire logic rst = !aresetn;
  wire logic [3:0] highest_tdata /* verilator public_flat_rd */;
  wire logic highest_tvalid /* verilator public_flat_rd */;
  wire logic highest_tready /* verilator public_flat_rd */;
  wire logic [4:0] total;
  hwgen_toy_maximum #(.ELEMENTS(6), .WIDTH(4)) maximum (
    .clk(aclk), .rst(rst), .s_axis_tdata(s_axis_x_tdata[3:0]), .s_axis_tvalid(s_axis_x_tvalid),
    .s_axis_tready(s_axis_x_tready), .m_axis_tdata(highest_tdata), .m_axis_tvalid(highest_tvalid),
    .m_axis_tready(highest_tready));
  hwgen_toy_offset #(.ELEMENTS(6), .WIDTH(4), .INIT_FILE("mem/toy_offset.mem")) offset (
    .clk(aclk), .rst(rst), .s_axis_tdata(highest_tdata), .s_axis_tvalid(highest_tvalid),
    .s_axis_tready(highest_tready), .m_axis_tdata(total), .m_axis_tvalid(m_axis_y_tvalid),
    .m_axis_tready(m_axis_y_tready));
  logic [2:0] beat_q;
  assign m_axis_y_tdata = {3'b0, total};
  assign m_axis_y_tkeep = 1'b1;
  assign m_axis_y_tlast = beat_q == 3'd5;
  always_ff @(posedge aclk)
    if (rst) beat_q <= '0;
    else if (m_axis_y_tvalid && m_axis_y_tready) beat_q <= m_axis_y_tlast ? '0 : beat_q + 1'b1;
endmodule
`default_nettype wire
