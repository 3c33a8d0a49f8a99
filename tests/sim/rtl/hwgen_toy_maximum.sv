// Test block: y[i] = max(x[0..i]) within a frame of ELEMENTS signed values of WIDTH bits, one a beat.
`default_nettype none
module hwgen_toy_maximum #(
  parameter int ELEMENTS = 4,
  parameter int WIDTH = 4
) (
  input wire logic clk,
  input wire logic rst,
  input wire logic [WIDTH-1:0] s_axis_tdata,
  input wire logic s_axis_tvalid,
  output logic s_axis_tready,
  output logic [WIDTH-1:0] m_axis_tdata,
  output logic m_axis_tvalid,
  input wire logic m_axis_tready
);
  logic [$clog2(ELEMENTS+1)-1:0] index_q;
  assign s_axis_tready = !m_axis_tvalid || m_axis_tready;
  always_ff @(posedge clk) begin
    if (rst) begin
      m_axis_tvalid <= 1'b0;
      index_q <= '0;
    end else if (s_axis_tready) begin
      m_axis_tvalid <= s_axis_tvalid;
      if (s_axis_tvalid) index_q <= (int'(index_q) == ELEMENTS - 1) ? '0 : index_q + 1'b1;
    end
    if (s_axis_tready && s_axis_tvalid && (index_q == '0 || $signed(s_axis_tdata) > $signed(m_axis_tdata)))
      m_axis_tdata <= s_axis_tdata;
  end
endmodule
`default_nettype wire
