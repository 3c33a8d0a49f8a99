// Integer widening: y[j] = {x[N*j + N-1], ..., x[N*j]}, N = OUT_WIDTH / IN_WIDTH at least 2, no padding.
//
// Order: element 0 in the least significant bits. Cycles: N a beat of the output, without bubbles. Latency: 1 cycle
// after the N-th beat. The last beat of a group stays in the skid buffer, so all outputs come from registers.
`default_nettype none

module hwgen_width_up #(
    parameter int IN_WIDTH  = 8,  // bits of an input beat
    parameter int OUT_WIDTH = 16  // bits of an output beat, a multiple of IN_WIDTH
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

  localparam int RATIO = OUT_WIDTH / IN_WIDTH;
  localparam int HELD = OUT_WIDTH - IN_WIDTH;
  localparam int CW = $clog2(RATIO);

  logic [IN_WIDTH-1:0] x_data;
  logic x_valid, x_ready, last;
  logic [HELD-1:0] held_q;  // the beats of the group so far, the oldest lowest once all have come
  logic [CW-1:0] count_q;

  initial if (RATIO < 2 || OUT_WIDTH % IN_WIDTH != 0) $fatal(1, "%m: OUT_WIDTH must be a multiple of IN_WIDTH");

  hwgen_skid #(
      .WIDTH(IN_WIDTH)
  ) u_skid (
      .clk(clk),
      .rst(rst),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata(x_data),
      .m_axis_tvalid(x_valid),
      .m_axis_tready(x_ready)
  );

  assign last          = count_q == CW'(RATIO - 1);
  assign x_ready       = m_axis_tready || !last;
  assign m_axis_tdata  = {x_data, held_q};
  assign m_axis_tvalid = x_valid && last;

  always_ff @(posedge clk) begin
    if (rst) count_q <= '0;
    else if (x_valid && x_ready) count_q <= last ? '0 : count_q + 1'b1;
  end

  always_ff @(posedge clk) begin
    if (x_valid && !last) held_q <= HELD'({x_data, held_q} >> IN_WIDTH);
  end

endmodule

`default_nettype wire
