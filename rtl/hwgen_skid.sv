// Skid buffer: y[i] = x[i], two beats of storage.
//
// Order: as it comes. Cycles: one beat a cycle, without bubbles. Latency: 1 cycle.
// All outputs are registers, so it cuts every combinational path in both directions.
`default_nettype none

module hwgen_skid #(
    parameter int WIDTH = 8  // bits of a beat
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

  logic [WIDTH-1:0] data_q, skid_q;
  logic valid_q;  // data_q holds a beat
  logic full_q;   // skid_q holds the beat behind it
  logic advance;

  assign advance       = m_axis_tready || !valid_q;
  assign s_axis_tready = !full_q;
  assign m_axis_tdata  = data_q;
  assign m_axis_tvalid = valid_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      valid_q <= 1'b0;
      full_q  <= 1'b0;
    end else if (advance) begin
      valid_q <= s_axis_tvalid || full_q;
      full_q  <= 1'b0;
    end else if (s_axis_tvalid) begin
      full_q <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (advance) data_q <= full_q ? skid_q : s_axis_tdata;
    if (!full_q) skid_q <= s_axis_tdata;
  end

endmodule

`default_nettype wire
