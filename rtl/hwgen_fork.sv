// Fork: y[i] = x for each of OUTPUTS outputs.
//
// Order: as it comes. Cycles: one beat a cycle, without bubbles. Latency: 1 cycle.
// The outputs share a skid buffer. Each takes its head when it can and is marked; the head goes when all have taken it,
// so that no output is more than one beat ahead of another. s_axis_tready comes from a register, m_axis_tvalid from
// registers.
`default_nettype none

module hwgen_fork #(
    parameter int WIDTH   = 8,  // bits of a beat
    parameter int OUTPUTS = 2   // at least 2
) (
    input  wire logic                     clk,
    input  wire logic                     rst,
    input  wire logic [        WIDTH-1:0] s_axis_tdata,
    input  wire logic                     s_axis_tvalid,
    output logic                          s_axis_tready,
    output logic      [OUTPUTS*WIDTH-1:0] m_axis_tdata,
    output logic      [      OUTPUTS-1:0] m_axis_tvalid,
    input  wire logic [      OUTPUTS-1:0] m_axis_tready
);

  logic [WIDTH-1:0] head;
  logic head_valid, gone;
  logic [OUTPUTS-1:0] taken_q;  // who has the head already

  initial if (OUTPUTS < 2) $fatal(1, "%m: OUTPUTS must be at least 2");

  hwgen_skid #(
      .WIDTH(WIDTH)
  ) u_skid (
      .clk(clk),
      .rst(rst),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata(head),
      .m_axis_tvalid(head_valid),
      .m_axis_tready(gone)
  );

  assign gone          = &(taken_q | m_axis_tready);
  assign m_axis_tdata  = {OUTPUTS{head}};
  assign m_axis_tvalid = {OUTPUTS{head_valid}} & ~taken_q;

  always_ff @(posedge clk) begin
    if (rst) taken_q <= '0;
    else if (head_valid) taken_q <= gone ? '0 : taken_q | m_axis_tready;
  end

endmodule

`default_nettype wire
