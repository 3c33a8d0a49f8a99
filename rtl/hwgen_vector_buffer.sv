// Takes a vector of DEPTH beats once and gives it FOLDS times, with the address of the weight word of each step.
//
// Step i of a frame (i = 0 .. DEPTH*FOLDS-1) uses beat i mod DEPTH and weight word i. The first DEPTH steps take their
// beat from s_axis and store it; every later step reads the store. A step is taken in each cycle with `en` high (and
// s_axis_tvalid high, in the first DEPTH steps); all registers hold while `en` is low.
// Timing: a step taken in cycle t has its data, valid and last at the outputs in cycle t+2. weights_addr is given so
// that the word is there in the same cycle: through one register after the ROM's own if ROM_REG, else directly.
`default_nettype none
module hwgen_vector_buffer #(
    parameter int WIDTH      = 8,  // bits of a beat
    parameter int DEPTH      = 4,  // beats of a vector
    parameter int FOLDS      = 2,  // uses of each vector
    parameter int ADDR_WIDTH = 3,  // bits of an address: max(1, clog2(DEPTH*FOLDS))
    parameter int ROM_REG    = 0,  // 1: the weights pass a register after the ROM
    parameter int BLOCK      = 0   // 1: block RAM as the store, 0: LUT RAM
) (
    input  wire logic                  clk,
    input  wire logic                  rst,
    input  wire logic                  en,
    input  wire logic [     WIDTH-1:0] s_axis_tdata,
    input  wire logic                  s_axis_tvalid,
    output logic                       s_axis_tready,
    output logic      [ADDR_WIDTH-1:0] weights_addr,
    output logic      [     WIDTH-1:0] data,
    output logic                       valid,
    output logic                       last
);
  localparam int COL_WIDTH = DEPTH > 1 ? $clog2(DEPTH) : 1;

  logic [ADDR_WIDTH-1:0] step_q, step1_q;
  logic [COL_WIDTH-1:0] col;
  logic loading, col_last, step_last, take;
  logic valid1_q, valid2_q, last1_q, last2_q;

  assign step_last = step_q == ADDR_WIDTH'(DEPTH * FOLDS - 1);
  assign take = en && (s_axis_tvalid || !loading);
  assign s_axis_tready = en && loading;

  always_ff @(posedge clk)
    if (rst) step_q <= '0;
    else if (take) step_q <= step_last ? '0 : step_q + 1'b1;

  // The column and the first fold: parts of the step number where DEPTH is a power of two, else a counter and a flag.
  generate
    if (DEPTH == 1) begin : gen_col
      assign col = '0;
      assign col_last = 1'b1;
    end else if (DEPTH == (1 << COL_WIDTH)) begin : gen_col
      assign col = step_q[COL_WIDTH-1:0];
      assign col_last = &col;
    end else begin : gen_col
      logic [COL_WIDTH-1:0] col_q;
      assign col = col_q;
      assign col_last = col_q == COL_WIDTH'(DEPTH - 1);
      always_ff @(posedge clk)
        if (rst) col_q <= '0;
        else if (take) col_q <= col_last ? '0 : col_q + 1'b1;
    end
    if (FOLDS == 1) begin : gen_loading
      assign loading = 1'b1;
    end else begin : gen_loading
      logic loading_q;
      assign loading = loading_q;
      always_ff @(posedge clk)
        if (rst) loading_q <= 1'b1;
        else if (take && col_last) loading_q <= step_last;
    end
  endgenerate

  always_ff @(posedge clk)
    if (rst) begin
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
    end else if (en) begin
      valid1_q <= take;
      valid2_q <= valid1_q;
    end

  always_ff @(posedge clk)
    if (en) begin
      step1_q <= step_q;
      last1_q <= col_last;
      last2_q <= last1_q;
    end

  // Every beat goes through the store (no bypass multiplexer): written in a step's first stage, read in its second.
  generate
    if (FOLDS == 1 || DEPTH == 1) begin : gen_store
      logic [WIDTH-1:0] beat_q, data_q;
      logic unused;
      assign unused = &{1'b0, col};
      always_ff @(posedge clk) begin
        if (take && loading) beat_q <= s_axis_tdata;
        if (en) data_q <= beat_q;
      end
      assign data = data_q;
    end else if (BLOCK != 0) begin : gen_store
      (* ram_style = "block" *) logic [WIDTH-1:0] store[0:DEPTH-1];
      logic [COL_WIDTH-1:0] col1_q;
      logic [WIDTH-1:0] data_q;
      always_ff @(posedge clk) begin
        if (take && loading) store[col] <= s_axis_tdata;
        if (en) col1_q <= col;
        if (en) data_q <= store[col1_q];
      end
      assign data = data_q;
    end else begin : gen_store
      (* ram_style = "distributed" *) logic [WIDTH-1:0] store[0:DEPTH-1];
      logic [COL_WIDTH-1:0] col1_q;
      logic [WIDTH-1:0] data_q;
      always_ff @(posedge clk) begin
        if (take && loading) store[col] <= s_axis_tdata;
        if (en) col1_q <= col;
        if (en) data_q <= store[col1_q];
      end
      assign data = data_q;
    end
    if (ROM_REG != 0) begin : gen_addr
      assign weights_addr = step_q;
      logic unused;
      assign unused = &{1'b0, step1_q};
    end else begin : gen_addr
      assign weights_addr = step1_q;
    end
  endgenerate

  assign valid = valid2_q;
  assign last  = last2_q;

  initial if (DEPTH < 1 || FOLDS < 1) $fatal(1, "%m: DEPTH and FOLDS must be positive");
endmodule
`default_nettype wire
