// Border of constants around a map: y[i][j][c] = x[i - TOP][j - LEFT][c] where that exists, else border[c].
//
// Order: pixel by pixel, GROUPS beats each; ROM word g mod FOLDS holds the border of group g, in output codes.
// A frame begins only when its first beat is there, which is taken at once and kept while the border before it is given.
// Cycles: a beat of y each, without bubbles. Latency: 1 cycle. Ready 1 cycle after reset, when the ROM's word is there.
`default_nettype none

module hwgen_pad #(
    parameter int PE          = 1,  // lanes per beat
    parameter int ROWS        = 4,  // of x
    parameter int COLUMNS     = 4,  // of x
    parameter int GROUPS      = 1,  // beats of a pixel
    parameter int TOP         = 1,
    parameter int LEFT        = 1,
    parameter int BOTTOM      = 1,
    parameter int RIGHT       = 1,
    parameter int FOLDS       = 1,  // ROM words
    parameter int IN_BITS     = 8,  // bits of an input code
    parameter int IN_SIGNED   = 1,  // 1: two's complement
    parameter int IN_BIPOLAR  = 0,  // 1: codes 0 and 1 stand for -1 and +1
    parameter int OUT_BITS    = 8,  // bits of an output code, at least those of x
    parameter int OUT_BIPOLAR = 0,  // 1: codes 0 and 1 stand for -1 and +1
    parameter int ADDRESS_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 1  // derived, do not set
) (
    input  wire logic                    clk,
    input  wire logic                    rst,
    input  wire logic [PE*IN_BITS-1:0]   s_axis_tdata,
    input  wire logic                    s_axis_tvalid,
    output logic                         s_axis_tready,
    output      logic [PE*OUT_BITS-1:0]  m_axis_tdata,
    output logic                         m_axis_tvalid,
    input  wire logic                    m_axis_tready,
    output logic                         border_en,
    output      logic [ADDRESS_BITS-1:0] border_addr,
    input  wire logic [PE*OUT_BITS-1:0]  border_data
);

  localparam int OUT_ROWS    = TOP + ROWS + BOTTOM;
  localparam int OUT_COLUMNS = LEFT + COLUMNS + RIGHT;
  localparam int RW = (OUT_ROWS > 1) ? $clog2(OUT_ROWS) : 1;
  localparam int CW = (OUT_COLUMNS > 1) ? $clog2(OUT_COLUMNS) : 1;
  localparam bit KEEPS = TOP != 0 || LEFT != 0;  // the frame begins with border

  initial begin
    if (GROUPS % FOLDS != 0) $fatal(1, "%m: FOLDS must divide GROUPS");
    if (IN_BIPOLAR != 0 && IN_BITS != 1) $fatal(1, "%m: a bipolar input has one bit");
    if (OUT_BITS < IN_BITS || (IN_BIPOLAR != 0 && OUT_BIPOLAR == 0 && OUT_BITS < 2))
      $fatal(1, "%m: OUT_BITS is too small");
  end

  // Counters wrap from the last row or column to 0: where there is no border before the map, that is what lies before.
  localparam int ROW_BEFORE    = (TOP == 0) ? OUT_ROWS - 1 : TOP - 1;
  localparam int COLUMN_BEFORE = (LEFT == 0) ? OUT_COLUMNS - 1 : LEFT - 1;

  logic          loaded_q;  // the ROM has answered
  logic [RW-1:0] row_q;
  logic [CW-1:0] column_q;
  logic          last_group, last_column, last_row, next_column, next_row, step, ready, take;

  assign last_column = column_q == CW'(OUT_COLUMNS - 1);
  assign last_row    = row_q == RW'(OUT_ROWS - 1);
  assign next_column = step && last_group;
  assign next_row    = next_column && last_column;

  hwgen_loop_counter #(.N(GROUPS)) count_group (.clk(clk), .rst(rst), .step(step), .last(last_group));

  always_ff @(posedge clk) begin
    if (rst) begin
      loaded_q <= 1'b0;
      row_q    <= '0;
      column_q <= '0;
    end else begin
      loaded_q <= 1'b1;
      if (next_column) column_q <= last_column ? '0 : column_q + 1'b1;
      if (next_row) row_q <= last_row ? '0 : row_q + 1'b1;
    end
  end

  // Whether rows and columns are of x. One register for both keeps the data path short.
  logic within_row_q, within_row_d, within_column_q, within_column_d, interior_q;
  logic end_row, end_column, first_q, last_interior;

  assign end_row       = row_q == RW'(TOP + ROWS - 1);
  assign end_column    = column_q == CW'(LEFT + COLUMNS - 1);
  assign last_interior = end_row && end_column && last_group;

  always_comb begin
    within_row_d    = within_row_q;
    within_column_d = within_column_q;
    if (next_row) within_row_d = row_q == RW'(ROW_BEFORE) || (within_row_q && !end_row);
    if (next_column) within_column_d = column_q == CW'(COLUMN_BEFORE) || (within_column_q && !end_column);
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      within_row_q    <= TOP == 0;
      within_column_q <= LEFT == 0;
      interior_q      <= !KEEPS;
      first_q         <= 1'b1;
    end else begin
      within_row_q    <= within_row_d;
      within_column_q <= within_column_d;
      interior_q      <= within_row_d && within_column_d;
      if (step) first_q <= last_group && last_column && last_row;
    end
  end

  logic [PE*IN_BITS-1:0]  x;
  logic [PE*OUT_BITS-1:0] coded, y;
  logic                   y_valid;

  generate
    if (KEEPS) begin : gen_keep
      logic [PE*IN_BITS-1:0] kept_q;  // the beat that comes inside next
      assign take = first_q || (interior_q && !last_interior);
      assign x    = kept_q;
      always_ff @(posedge clk) if (step && take) kept_q <= s_axis_tdata;
    end else begin : gen_direct
      wire unused_first = &{1'b0, first_q, last_interior};
      assign take = interior_q;
      assign x    = s_axis_tdata;
    end
  endgenerate

  assign y_valid       = loaded_q && (s_axis_tvalid || !take);
  assign step          = y_valid && ready;
  assign s_axis_tready = loaded_q && ready && take;

  generate
    for (genvar p = 0; p < PE; p++) begin : gen_lane
      if (IN_BIPOLAR != 0 && OUT_BIPOLAR == 0) begin : gen_ternary
        assign coded[p*OUT_BITS +: OUT_BITS] = {{(OUT_BITS - 1) {!x[p]}}, 1'b1};
      end else begin : gen_extend
        logic sign;
        assign sign = IN_SIGNED != 0 && x[p*IN_BITS+IN_BITS-1];
        assign coded[p*OUT_BITS +: OUT_BITS] = OUT_BITS'($signed({sign, x[p*IN_BITS +: IN_BITS]}));
      end
    end
  endgenerate

  assign y = interior_q ? coded : border_data;

  assign border_en = step || !loaded_q;

  generate
    if (FOLDS > 1) begin : gen_address
      logic [ADDRESS_BITS-1:0] next_q;
      assign border_addr = next_q;
      always_ff @(posedge clk) begin
        if (rst) next_q <= '0;
        else if (border_en) next_q <= (next_q == ADDRESS_BITS'(FOLDS - 1)) ? '0 : next_q + 1'b1;
      end
    end else begin : gen_constant
      assign border_addr = '0;
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (y),
      .s_axis_tvalid(y_valid),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
