// Matrix-vector unit, bipolar x bipolar: y[m] = sum over k of W[m,k] * x[k], k < MW, m < MH, all in {-1,+1}.
//
// Bits code 0 as -1 and 1 as +1: y = 2*ones - MW, ones = number of k where the bits are equal. The accumulator starts at
// -ceil(MW/2) and counts ones; y is that count with the constant bit MW mod 2 below it, so no adder is spent on it.
// s_axis: MW/SIMD beats of SIMD bits, element 0 lowest. m_axis: MH/PE beats of PE sums, ACC_WIDTH bits each, two's complement.
// Weight word: address fold*(MW/SIMD) + column, bit pe*SIMD + simd is W[fold*PE+pe, column*SIMD+simd].
// Cycles: (MH/PE)*(MW/SIMD) a frame, no bubble. Latency from a fold's last step to its beat: 3 + DOT_LATENCY.
`default_nettype none
module hwgen_mvau_xnor #(
    parameter int MW        = 8,  // columns
    parameter int MH        = 4,  // rows
    parameter int PE        = 2,  // rows a cycle; divides MH
    parameter int SIMD      = 4,  // columns a cycle; divides MW
    parameter int ACC_WIDTH = 5,  // bits of a sum
    parameter int ROM_REG   = 0,  // 1: one more register after the ROM (block RAM)
    parameter int STORE_BLOCK = 0,  // 1: the vector is stored in block RAM
    parameter int DOT_LATENCY = 3  // cycles of the popcount, at least hwgen_bit_sum's own
) (
    input  wire logic                                                                    clk,
    input  wire logic                                                                    rst,
    input  wire logic [                                                        SIMD-1:0] s_axis_tdata,
    input  wire logic                                                                    s_axis_tvalid,
    output logic                                                                         s_axis_tready,
    output logic      [                                                PE*ACC_WIDTH-1:0] m_axis_tdata,
    output logic                                                                         m_axis_tvalid,
    input  wire logic                                                                    m_axis_tready,
    output logic                                                                         weights_en,
    output logic      [(MW/SIMD)*(MH/PE)>1 ? $clog2((MW/SIMD)*(MH/PE))-1 : 0:0] weights_addr,
    input  wire logic [                                                     PE*SIMD-1:0] weights_data
);
  localparam int COLUMNS = MW / SIMD;
  localparam int FOLDS = MH / PE;
  localparam int ADDR_WIDTH = COLUMNS * FOLDS > 1 ? $clog2(COLUMNS * FOLDS) : 1;
  localparam int COUNT_WIDTH = $clog2(SIMD + 1);

  logic en, valid, last, sum_valid, sum_last;
  logic [SIMD-1:0] x;
  logic [PE*SIMD-1:0] w;
  logic [PE*COUNT_WIDTH-1:0] counts;
  logic [PE*(ACC_WIDTH-1)-1:0] ones;

  hwgen_vector_buffer #(
      .WIDTH     (SIMD),
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
      logic [PE*SIMD-1:0] w_q;
      always_ff @(posedge clk) if (en) w_q <= weights_data;
      assign w = w_q;
    end else begin : gen_weights
      assign w = weights_data;
    end

    for (genvar p = 0; p < PE; p++) begin : gen_pe
      hwgen_bit_sum #(
          .BITS     (SIMD),
          .COLUMNS  (1),
          .HEIGHTS  (16'(SIMD)),
          .OUT_WIDTH(COUNT_WIDTH),
          .LATENCY  (DOT_LATENCY),
          .XORS     ({SIMD{1'b1}}),
          .INVERT   ({SIMD{1'b1}})
      ) u_popcount (
          .clk(clk),
          .en (en),
          .a  (x),
          .b  (w[p*SIMD+:SIMD]),
          .sum(counts[p*COUNT_WIDTH+:COUNT_WIDTH])
      );
      assign m_axis_tdata[p*ACC_WIDTH+:ACC_WIDTH] = {ones[p*(ACC_WIDTH-1)+:ACC_WIDTH-1], 1'(MW % 2)};
    end
  endgenerate

  hwgen_valid_delay #(
      .CYCLES(DOT_LATENCY)
  ) u_delay (
      .clk     (clk),
      .rst     (rst),
      .en      (en),
      .valid   (valid),
      .last    (last),
      .valid_q (sum_valid),
      .last_q  (sum_last)
  );

  hwgen_accumulator #(
      .LANES    (PE),
      .BEATS    (COLUMNS),
      .IN_WIDTH (COUNT_WIDTH),
      .IN_SIGNED(0),
      .ACC_WIDTH(ACC_WIDTH - 1),
      .INIT     (-((MW + 1) / 2))
  ) u_accumulator (
      .clk          (clk),
      .rst          (rst),
      .en           (en),
      .terms        (counts),
      .valid        (sum_valid),
      .last         (sum_last),
      .m_axis_tdata (ones),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

  initial begin
    if (MW % SIMD != 0) $fatal(1, "%m: SIMD must divide MW");
    if (MH % PE != 0) $fatal(1, "%m: PE must divide MH");
    if ((1 << (ACC_WIDTH - 1)) <= MW && ACC_WIDTH < 31) $fatal(1, "%m: ACC_WIDTH cannot hold -MW to MW");
  end
endmodule
`default_nettype wire
