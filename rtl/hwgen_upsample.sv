// Nearest-neighbour upsampling: y[i][j][c] = x[i / FACTOR_H][j / FACTOR_W][c].
//
// Order: pixel by pixel, GROUPS beats each. A row is kept while it is given FACTOR_H times.
// Cycles: beats out, FACTOR_H * FACTOR_W * beats in. Latency: 2; 3 in block RAM.
`default_nettype none

module hwgen_upsample #(
    parameter int WIDTH    = 8,   // bits of a beat
    parameter int COLUMNS  = 4,   // of x
    parameter int GROUPS   = 1,   // beats of a pixel
    parameter int FACTOR_H = 2,
    parameter int FACTOR_W = 2,
    parameter int DEPTH    = 32,  // places of the ring
    parameter int BLOCK    = 0    // 1: block RAM, 0: LUT RAM
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

  hwgen_replay #(
      .WIDTH   (WIDTH),
      .COLUMNS (COLUMNS),
      .GROUPS  (GROUPS),
      .REPEAT_H(FACTOR_H),
      .REPEAT_W(FACTOR_W),
      .SPREAD  (0),
      .DEPTH   (DEPTH),
      .BLOCK   (BLOCK)
  ) replay (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
