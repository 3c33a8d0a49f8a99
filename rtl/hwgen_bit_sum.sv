// sum = sum over columns c of 2**c * (ones in column c) modulo 2**OUT_WIDTH, pipelined: one sum a cycle.
//
// Bit i of the heap is XORS[i] ? a[i] ^ b[i] : a[i] & b[i], inverted where INVERT[i]. Column c has HEIGHTS[c*16+:16]
// bits, column 0 lowest. First stage: three bits of a column become a count of two bits, in columns c and c+1. Further
// stages, while a column has more than five bits: six bits become a count of three. Last, the rows that are left go
// through an adder tree. Each output up to there is a function of six signals, one LUT6, with a register behind it.
// A LUT takes one bit out of the heap, in the stages as in the carry chains, so their order costs nothing.
// LATENCY: stages, plus clog2(rows left), plus any more that is asked for. OUT_WIDTH is at least COLUMNS.
// For speed, Verilator is given the same function and latency as a plain loop (unless HWGEN_STRUCTURAL is defined).
`default_nettype none
module hwgen_bit_sum #(
    parameter int                    BITS      = 9,
    parameter int                    COLUMNS   = 2,
    parameter logic [COLUMNS*16-1:0] HEIGHTS   = {16'd4, 16'd5},
    parameter int                    OUT_WIDTH = 4,
    parameter int                    LATENCY   = 3,               // cycles
    parameter logic [      BITS-1:0] XORS      = '0,
    parameter logic [      BITS-1:0] INVERT    = '0
) (
    input  wire logic                 clk,
    input  wire logic                 en,
    input  wire logic [     BITS-1:0] a,
    input  wire logic [     BITS-1:0] b,
    output logic      [OUT_WIDTH-1:0] sum
);
`ifdef VERILATOR
`ifndef HWGEN_STRUCTURAL
`define HWGEN_BIT_SUM_LOOP
`endif
`endif

  localparam int MOST = 16;  // stages; 65535 bits need 15

  // Sixteen bits for the height of each column in front of each stage; 0 behind the last.
  function automatic [(MOST+1)*OUT_WIDTH*16-1:0] all_heights(input [COLUMNS*16-1:0] bottom);
    integer s, c, k, height, highest;
    begin
      all_heights = '0;
      all_heights[COLUMNS*16-1:0] = bottom;
      highest = 6;
      for (s = 0; s < MOST; s = s + 1)
        if (highest > 5) begin
          k = s == 0 ? 3 : 6;
          highest = 0;
          for (c = 0; c < OUT_WIDTH; c = c + 1) begin
            height = {16'd0, all_heights[(s*OUT_WIDTH+c)*16+:16]} / k + {16'd0, all_heights[(s*OUT_WIDTH+c)*16+:16]} % k;
            if (c > 0) height = height + {16'd0, all_heights[(s*OUT_WIDTH+(c>0?c-1 : 0))*16+:16]} / k;
            if (c > 1 && s > 0) height = height + {16'd0, all_heights[(s*OUT_WIDTH+(c>1?c-2 : 0))*16+:16]} / k;
            all_heights[((s+1)*OUT_WIDTH+c)*16+:16] = height[15:0];
            if (height > highest) highest = height;
          end
        end
    end
  endfunction
  localparam logic [(MOST+1)*OUT_WIDTH*16-1:0] HEIGHT = all_heights(HEIGHTS);

  // 32 bits for where each column begins: in `d` in front of stage 0, in heap_q in front of the others.
  function automatic [(MOST+2)*OUT_WIDTH*32-1:0] all_offsets(input [(MOST+1)*OUT_WIDTH*16-1:0] height);
    integer i, at;
    begin
      all_offsets = '0;
      at = 0;
      for (i = 0; i < (MOST + 1) * OUT_WIDTH; i = i + 1) begin
        if (i == OUT_WIDTH) at = 0;
        all_offsets[i*32+:32] = at;
        at = at + {16'd0, height[i*16+:16]};
      end
      all_offsets[(MOST+1)*OUT_WIDTH*32+:32] = at;
    end
  endfunction
  localparam logic [(MOST+2)*OUT_WIDTH*32-1:0] OFFSET = all_offsets(HEIGHT);

  function automatic integer count_stages(input [(MOST+1)*OUT_WIDTH*16-1:0] height);
    integer s;
    begin
      count_stages = 0;
      for (s = 1; s <= MOST; s = s + 1) if (height[s*OUT_WIDTH*16+:OUT_WIDTH*16] != '0) count_stages = s;
    end
  endfunction
  localparam int STAGES = count_stages(HEIGHT);

  function automatic integer highest(input [OUT_WIDTH*16-1:0] heights);
    integer c;
    begin
      highest = 0;
      for (c = 0; c < OUT_WIDTH; c = c + 1)
        if ({16'd0, heights[c*16+:16]} > highest) highest = {16'd0, heights[c*16+:16]};
    end
  endfunction
  localparam int ROWS = highest(HEIGHT[STAGES*OUT_WIDTH*16+:OUT_WIDTH*16]);
  localparam int SPARE = LATENCY - STAGES - $clog2(ROWS);

  logic [BITS-1:0] d;
  assign d = (((a ^ b) & XORS) | (a & b & ~XORS)) ^ INVERT;

`ifdef HWGEN_BIT_SUM_LOOP
  logic [OUT_WIDTH-1:0] delay_q[0:LATENCY-1];
  logic [OUT_WIDTH-1:0] total;
  always_comb begin
    total = '0;
    for (int c = 0; c < COLUMNS; c++)
      for (int i = 0; i < {16'd0, HEIGHTS[c*16+:16]}; i++)
        total = total + (OUT_WIDTH'(d[OFFSET[c*32+:32]+i]) << c);
  end
  always_ff @(posedge clk)
    if (en) begin
      delay_q[0] <= total;
      for (int i = 1; i < LATENCY; i++) delay_q[i] <= delay_q[i-1];
    end
  assign sum = delay_q[LATENCY-1];
`else
  localparam int REGISTERS = OFFSET[(STAGES+1)*OUT_WIDTH*32+:32];
  logic [REGISTERS-1:0] heap_d, heap_q;  // the bits behind each stage
  logic [ROWS*OUT_WIDTH-1:0] rows;
  logic [     OUT_WIDTH-1:0] tree;

  always_ff @(posedge clk) if (en) heap_q <= heap_d;

  generate
    for (genvar s = 0; s < STAGES; s++) begin : gen_stage
      localparam int K = s == 0 ? 3 : 6;
      localparam int BEGIN = OFFSET[s*OUT_WIDTH*32+:32];
      localparam int TOTAL = s == 0 ? BITS : OFFSET[(s+1)*OUT_WIDTH*32+:32] - BEGIN;
      logic [TOTAL-1:0] below;
      logic unused_below;
      assign unused_below = &{1'b0, below};
      if (s == 0) begin : gen_below
        assign below = d;
      end else begin : gen_below
        assign below = heap_q[BEGIN+:TOTAL];
      end
      // In a column behind the stage: its groups' sums, its rest, carries from one column below, from two below.
      for (genvar c = 0; c < OUT_WIDTH; c++) begin : gen_column
        localparam int ONE_UP = c + 1 < OUT_WIDTH ? c + 1 : c;
        localparam int TWO_UP = c + 2 < OUT_WIDTH ? c + 2 : c;
        localparam int HERE = {16'd0, HEIGHT[(s*OUT_WIDTH+c)*16+:16]};
        localparam int NEXT = {16'd0, HEIGHT[(s*OUT_WIDTH+ONE_UP)*16+:16]};
        localparam int AFTER = {16'd0, HEIGHT[(s*OUT_WIDTH+TWO_UP)*16+:16]};
        localparam int GROUPS = HERE / K;
        localparam int REST = HERE % K;
        localparam int FROM = OFFSET[(s*OUT_WIDTH+c)*32+:32] - BEGIN;
        localparam int SUMS = OFFSET[((s+1)*OUT_WIDTH+c)*32+:32];
        localparam int CARRIES = OFFSET[((s+1)*OUT_WIDTH+ONE_UP)*32+:32] + NEXT / K + NEXT % K;
        localparam int FOURS = OFFSET[((s+1)*OUT_WIDTH+TWO_UP)*32+:32] + AFTER / K + AFTER % K + NEXT / K;
        for (genvar g = 0; g < GROUPS; g++) begin : gen_group
          logic [2:0] count;
          if (s == 0) begin : gen_count
            hwgen_pair_count #(
                .XORS  (XORS[FROM+3*g+:3]),
                .INVERT(INVERT[FROM+3*g+:3])
            ) u_count (
                .a    (a[FROM+3*g+:3]),
                .b    (b[FROM+3*g+:3]),
                .count(count[1:0])
            );
            assign count[2] = 1'b0;
          end else begin : gen_count
            hwgen_count6 u_count (
                .x    (below[FROM+6*g+:6]),
                .count(count)
            );
          end
          assign heap_d[SUMS+g] = count[0];
          if (c + 1 < OUT_WIDTH) begin : gen_carry
            assign heap_d[CARRIES+g] = count[1];
          end
          if (c + 2 < OUT_WIDTH && s > 0) begin : gen_four
            assign heap_d[FOURS+g] = count[2];
          end
          logic unused;
          assign unused = &{1'b0, count};
        end
        if (REST > 0) begin : gen_rest
          assign heap_d[SUMS+GROUPS+:REST] = below[FROM+K*GROUPS+:REST];
        end
      end
    end

    for (genvar c = 0; c < OUT_WIDTH; c++) begin : gen_left
      localparam int LEFT = {16'd0, HEIGHT[(STAGES*OUT_WIDTH+c)*16+:16]};
      localparam int FROM = OFFSET[(STAGES*OUT_WIDTH+c)*32+:32];
      for (genvar r = 0; r < ROWS; r++) begin : gen_row
        if (r < LEFT) begin : gen_bit
          assign rows[r*OUT_WIDTH+c] = heap_q[FROM+r];
        end else begin : gen_bit
          assign rows[r*OUT_WIDTH+c] = 1'b0;
        end
      end
    end
  endgenerate

  hwgen_adder_tree #(
      .N        (ROWS),
      .IN_WIDTH (OUT_WIDTH),
      .IN_SIGNED(0),
      .OUT_WIDTH(OUT_WIDTH)
  ) u_tree (
      .clk(clk),
      .en (en),
      .d  (rows),
      .sum(tree)
  );

  generate
    if (SPARE > 0) begin : gen_spare
      logic [SPARE*OUT_WIDTH-1:0] spare_q;
      always_ff @(posedge clk) if (en) spare_q <= (SPARE * OUT_WIDTH)'({spare_q, tree});
      assign sum = spare_q[(SPARE-1)*OUT_WIDTH+:OUT_WIDTH];
    end else begin : gen_spare
      assign sum = tree;
    end
  endgenerate
`endif

  initial begin
    if (BITS != OFFSET[(OUT_WIDTH-1)*32+:32] + {16'd0, HEIGHT[(OUT_WIDTH-1)*16+:16]})
      $fatal(1, "%m: HEIGHTS do not add up to BITS");
    if (SPARE < 0) $fatal(1, "%m: LATENCY is less than %0d", LATENCY - SPARE);
  end
endmodule
`ifdef HWGEN_BIT_SUM_LOOP
`undef HWGEN_BIT_SUM_LOOP
`endif
`default_nettype wire
