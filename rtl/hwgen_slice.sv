// A box of a map: y[i][j][g] = x[TOP + i][LEFT + j][FIRST + g], g numbering the beats of a pixel.
//
// Order: pixel by pixel. Every beat of x is taken, those outside of the box are dropped.
// Cycles: beats in, without bubbles. Latency: 1 cycle.
`default_nettype none

module hwgen_slice #(
    parameter int WIDTH       = 8,  // bits of a beat
    parameter int ROWS        = 4,  // of x
    parameter int COLUMNS     = 4,  // of x
    parameter int GROUPS      = 1,  // beats of a pixel of x
    parameter int TOP         = 1,
    parameter int LEFT        = 1,
    parameter int FIRST       = 0,
    parameter int OUT_ROWS    = 2,  // of y
    parameter int OUT_COLUMNS = 2,  // of y
    parameter int OUT_GROUPS  = 1   // beats of a pixel of y
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

  initial
    if (TOP + OUT_ROWS > ROWS || LEFT + OUT_COLUMNS > COLUMNS || FIRST + OUT_GROUPS > GROUPS)
      $fatal(1, "%m: the box does not lie in the map");

  logic take, ready, kept, last_group, last_column, last_row;
  logic kept_group, kept_column, kept_row;

  hwgen_span_counter #(
      .N(GROUPS), .FIRST(FIRST), .LENGTH(OUT_GROUPS)
  ) count_group (
      .clk(clk), .rst(rst), .step(take), .last(last_group), .kept(kept_group)
  );
  hwgen_span_counter #(
      .N(COLUMNS), .FIRST(LEFT), .LENGTH(OUT_COLUMNS)
  ) count_column (
      .clk(clk), .rst(rst), .step(take && last_group), .last(last_column), .kept(kept_column)
  );
  hwgen_span_counter #(
      .N(ROWS), .FIRST(TOP), .LENGTH(OUT_ROWS)
  ) count_row (
      .clk(clk), .rst(rst), .step(take && last_group && last_column), .last(last_row), .kept(kept_row)
  );

  wire unused_row = &{1'b0, last_row};

  assign kept          = kept_group && kept_column && kept_row;
  assign s_axis_tready = ready || !kept;
  assign take          = s_axis_tvalid && s_axis_tready;

  hwgen_skid #(
      .WIDTH(WIDTH)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid && kept),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
