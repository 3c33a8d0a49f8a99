// Matrix-vector unit: y[m] = sum over k of W[m,k] * x[k], k < MW, m < MH, modulo 2**ACC_WIDTH.
//
// x and W are unsigned, two's complement or bipolar (one bit, 0 for -1, 1 for +1), each of its own width. ACC_WIDTH is
// chosen to hold every y, so nothing is lost: partial sums may wrap. PLANES: the dot product of SIMD elements by counting
// bit products (hwgen_dot_planes, for narrow operands), else by multipliers (hwgen_dot); the same function.
// s_axis: MW/SIMD beats of SIMD elements, element 0 lowest. m_axis: MH/PE beats of PE sums of ACC_WIDTH bits.
// Weight word: address fold*(MW/SIMD) + column, lane pe*SIMD + simd is W[fold*PE+pe, column*SIMD+simd].
// Cycles: (MH/PE)*(MW/SIMD) a frame, no bubble. Latency from a fold's last step to its beat: 3 + DOT_LATENCY.
`default_nettype none
module hwgen_mvau #(
    parameter int MW        = 8,   // columns
    parameter int MH        = 4,   // rows
    parameter int PE        = 2,   // rows a cycle; divides MH
    parameter int SIMD      = 4,   // columns a cycle; divides MW
    parameter int A_WIDTH   = 4,   // bits of an element of x
    parameter int A_SIGNED  = 0,
    parameter int A_BIPOLAR = 0,
    parameter int W_WIDTH   = 4,   // bits of a weight
    parameter int W_SIGNED  = 1,
    parameter int W_BIPOLAR = 0,
    parameter int ACC_WIDTH = 11,  // bits of a sum
    parameter int ROM_REG   = 0,   // 1: one more register after the ROM (block RAM)
    parameter int STORE_BLOCK = 0,  // 1: the vector is stored in block RAM
    parameter int PLANES    = 1,   // 1: bit products, 0: multipliers
    parameter int DOT_LATENCY = 9  // cycles of the dot product
) (
    input  wire logic                                                           clk,
    input  wire logic                                                           rst,
    input  wire logic [                                       SIMD*A_WIDTH-1:0] s_axis_tdata,
    input  wire logic                                                           s_axis_tvalid,
    output logic                                                                s_axis_tready,
    output logic      [                                       PE*ACC_WIDTH-1:0] m_axis_tdata,
    output logic                                                                m_axis_tvalid,
    input  wire logic                                                           m_axis_tready,
    output logic                                                                weights_en,
    output logic      [(MW/SIMD)*(MH/PE)>1 ? $clog2((MW/SIMD)*(MH/PE))-1 : 0:0] weights_addr,
    input  wire logic [                                    PE*SIMD*W_WIDTH-1:0] weights_data
);
  localparam int COLUMNS = MW / SIMD;
  localparam int FOLDS = MH / PE;
  localparam int ADDR_WIDTH = COLUMNS * FOLDS > 1 ? $clog2(COLUMNS * FOLDS) : 1;
  localparam int DOT_WIDTH = A_WIDTH + W_WIDTH + $clog2(SIMD);
  localparam int TERM_WIDTH = DOT_WIDTH < ACC_WIDTH ? DOT_WIDTH : ACC_WIDTH;
  localparam int TERM_SIGNED = (A_SIGNED + A_BIPOLAR + W_SIGNED + W_BIPOLAR) != 0 ? 1 : 0;
  localparam int BIPOLAR = A_BIPOLAR + W_BIPOLAR;
  localparam int Y_WIDTH = A_BIPOLAR != 0 ? W_WIDTH - W_SIGNED : A_WIDTH - A_SIGNED;
  localparam int NEGATIVE_A = A_SIGNED != 0 ? (1 << (A_WIDTH - 1)) * ((1 << (W_WIDTH - W_SIGNED)) - 1) : 0;
  localparam int NEGATIVE_W = W_SIGNED != 0 ? (1 << (W_WIDTH - 1)) * ((1 << (A_WIDTH - A_SIGNED)) - 1) : 0;
  localparam int OFFSET = PLANES == 0 ? 0 : BIPOLAR != 0 ? 1 << Y_WIDTH : NEGATIVE_A + NEGATIVE_W;  // see hwgen_dot_planes

  logic en, valid, last, sum_valid, sum_last;
  logic [SIMD*A_WIDTH-1:0] x;
  logic [PE*SIMD*W_WIDTH-1:0] w;
  logic [PE*TERM_WIDTH-1:0] terms;

  hwgen_vector_buffer #(
      .WIDTH     (SIMD * A_WIDTH),
      .DEPTH     (COLUMNS),
      .FOLDS     (FOLDS),
      .ADDR_WIDTH(ADDR_WIDTH),
      .ROM_REG   (ROM_REG),
      .BLOCK     (STORE_BLOCK)
  ) u_buffer (
      .clk          (clk),
      .rst          (rst),
      .en           (en),
      .s_axis_tdata (s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .weights_addr (weights_addr),
      .data         (x),
      .valid        (valid),
      .last         (last)
  );

  assign weights_en = en;
  generate
    if (ROM_REG != 0) begin : gen_weights
      logic [PE*SIMD*W_WIDTH-1:0] w_q;
      always_ff @(posedge clk) if (en) w_q <= weights_data;
      assign w = w_q;
    end else begin : gen_weights
      assign w = weights_data;
    end

    for (genvar p = 0; p < PE; p++) begin : gen_pe
      if (PLANES != 0) begin : gen_dot
        hwgen_dot_planes #(
            .N        (SIMD),
            .A_WIDTH  (A_WIDTH),
            .A_SIGNED (A_SIGNED),
            .A_BIPOLAR(A_BIPOLAR),
            .W_WIDTH  (W_WIDTH),
            .W_SIGNED (W_SIGNED),
            .W_BIPOLAR(W_BIPOLAR),
            .OUT_WIDTH(TERM_WIDTH),
            .OFFSET   (OFFSET),
            .LATENCY  (DOT_LATENCY)
        ) u_dot (
            .clk(clk),
            .en (en),
            .a  (x),
            .w  (w[p*SIMD*W_WIDTH+:SIMD*W_WIDTH]),
            .sum(terms[p*TERM_WIDTH+:TERM_WIDTH])
        );
      end else begin : gen_dot
        hwgen_dot #(
            .N        (SIMD),
            .A_WIDTH  (A_WIDTH),
            .A_SIGNED (A_SIGNED),
            .A_BIPOLAR(A_BIPOLAR),
            .W_WIDTH  (W_WIDTH),
            .W_SIGNED (W_SIGNED),
            .W_BIPOLAR(W_BIPOLAR),
            .OUT_WIDTH(TERM_WIDTH)
        ) u_dot (
            .clk(clk),
            .en (en),
            .a  (x),
            .w  (w[p*SIMD*W_WIDTH+:SIMD*W_WIDTH]),
            .sum(terms[p*TERM_WIDTH+:TERM_WIDTH])
        );
      end
    end
  endgenerate

  hwgen_valid_delay #(
      .CYCLES(DOT_LATENCY)
  ) u_delay (
      .clk    (clk),
      .rst    (rst),
      .en     (en),
      .valid  (valid),
      .last   (last),
      .valid_q(sum_valid),
      .last_q (sum_last)
  );

  hwgen_accumulator #(
      .LANES    (PE),
      .BEATS    (COLUMNS),
      .IN_WIDTH (TERM_WIDTH),
      .IN_SIGNED(PLANES != 0 ? 0 : TERM_SIGNED),
      .ACC_WIDTH(ACC_WIDTH),
      .INIT     (-MW * OFFSET)
  ) u_accumulator (
      .clk          (clk),
      .rst          (rst),
      .en           (en),
      .terms        (terms),
      .valid        (sum_valid),
      .last         (sum_last),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

  initial begin
    if (PLANES == 0 && DOT_LATENCY != 1 + $clog2(SIMD)) $fatal(1, "%m: DOT_LATENCY must be 1 + clog2(SIMD)");
    if (PLANES != 0 && (A_WIDTH + W_WIDTH + $clog2(MW) > 30)) $fatal(1, "%m: too wide for PLANES");
    if (MW % SIMD != 0) $fatal(1, "%m: SIMD must divide MW");
    if (MH % PE != 0) $fatal(1, "%m: PE must divide MH");
    if (A_BIPOLAR != 0 && A_WIDTH != 1) $fatal(1, "%m: a bipolar input has one bit");
    if (W_BIPOLAR != 0 && W_WIDTH != 1) $fatal(1, "%m: a bipolar weight has one bit");
  end
endmodule
`default_nettype wire
