// Depthwise unit: y[c] = sum over k of W[c,k] * x[k][c], for every window of TAPS elements of each channel.
//
// x and W are unsigned, two's complement or bipolar (one bit, 0 for -1, 1 for +1). ACC_WIDTH holds every y, so nothing
// is lost: partial sums may wrap.
// s_axis: window by window, element k by element k, channels in groups of PE lanes. m_axis: the groups of a window's
// sums. Weight word: address k*FOLDS + group, lane pe is W[group*PE+pe, k]. Partial sums of the groups go round in a
// delay line of FOLDS places.
// Cycles: one input beat a cycle, no bubble. Latency from a sum's last element to its beat: 4.
`default_nettype none
module hwgen_depthwise #(
    parameter int PE        = 2,   // channels a cycle
    parameter int FOLDS     = 3,   // channel groups
    parameter int TAPS      = 9,   // elements of a window per channel
    parameter int A_WIDTH   = 4,   // bits of an element of x
    parameter int A_SIGNED  = 0,
    parameter int A_BIPOLAR = 0,
    parameter int W_WIDTH   = 4,   // bits of a weight
    parameter int W_SIGNED  = 1,
    parameter int W_BIPOLAR = 0,
    parameter int ACC_WIDTH = 11,  // bits of a sum
    parameter int ROM_REG   = 0    // 1: one more register after the ROM (block RAM)
) (
    input  wire logic                                             clk,
    input  wire logic                                             rst,
    input  wire logic [                           PE*A_WIDTH-1:0] s_axis_tdata,
    input  wire logic                                             s_axis_tvalid,
    output logic                                                  s_axis_tready,
    output logic      [                         PE*ACC_WIDTH-1:0] m_axis_tdata,
    output logic                                                  m_axis_tvalid,
    input  wire logic                                             m_axis_tready,
    output logic                                                  weights_en,
    output logic      [FOLDS*TAPS>1 ? $clog2(FOLDS*TAPS)-1 : 0:0] weights_addr,
    input  wire logic [                           PE*W_WIDTH-1:0] weights_data
);
  localparam int WORDS = FOLDS * TAPS;
  localparam int ADDR_WIDTH = WORDS > 1 ? $clog2(WORDS) : 1;
  localparam int P_WIDTH = A_WIDTH + W_WIDTH;
  localparam int TERM_WIDTH = P_WIDTH < ACC_WIDTH ? P_WIDTH : ACC_WIDTH;
  localparam int TERM_SIGNED = (A_SIGNED + A_BIPOLAR + W_SIGNED + W_BIPOLAR) != 0 ? 1 : 0;

  logic en, first, last, sum_valid, sum_last;
  logic [ADDR_WIDTH-1:0] word_q;
  logic [PE*A_WIDTH-1:0] x1_q, x2_q;
  logic [PE*W_WIDTH-1:0] w;
  logic [PE*TERM_WIDTH-1:0] terms_q;

  assign s_axis_tready = en;
  assign weights_en    = en;
  assign last          = word_q >= ADDR_WIDTH'(WORDS - FOLDS);
  assign first         = int'(word_q) < FOLDS;

  always_ff @(posedge clk)
    if (rst) word_q <= '0;
    else if (en && s_axis_tvalid) word_q <= (word_q == ADDR_WIDTH'(WORDS - 1)) ? '0 : word_q + 1'b1;

  always_ff @(posedge clk)
    if (en) begin
      x1_q <= s_axis_tdata;
      x2_q <= x1_q;
    end

  generate
    // The word comes with the second register of x. Without ROM_REG its address waits: a ROM in LUTs stays small only
    // where no other logic shares its address (Yosys).
    if (ROM_REG != 0) begin : gen_word
      logic [PE*W_WIDTH-1:0] w_q;
      always_ff @(posedge clk) if (en) w_q <= weights_data;
      assign w = w_q;
      assign weights_addr = word_q;
    end else begin : gen_word
      logic [ADDR_WIDTH-1:0] word1_q;
      always_ff @(posedge clk) if (en) word1_q <= word_q;
      assign w = weights_data;
      assign weights_addr = word1_q;
    end

    for (genvar p = 0; p < PE; p++) begin : gen_product
      hwgen_dot #(
          .N        (1),
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
          .a  (x2_q[p*A_WIDTH+:A_WIDTH]),
          .w  (w[p*W_WIDTH+:W_WIDTH]),
          .sum(terms_q[p*TERM_WIDTH+:TERM_WIDTH])
      );
    end
  endgenerate

  hwgen_valid_delay #(
      .CYCLES(3)
  ) u_delay (
      .clk    (clk),
      .rst    (rst),
      .en     (en),
      .valid  (s_axis_tvalid),
      .last   (last),
      .valid_q(sum_valid),
      .last_q (sum_last)
  );

  generate
    if (FOLDS == 1 || TAPS == 1) begin : gen_sum
      logic unused;
      assign unused = first;
      hwgen_accumulator #(
          .LANES    (PE),
          .BEATS    (TAPS),
          .IN_WIDTH (TERM_WIDTH),
          .IN_SIGNED(TERM_SIGNED),
          .ACC_WIDTH(ACC_WIDTH),
          .INIT     (0)
      ) u_accumulator (
          .clk          (clk),
          .rst          (rst),
          .en           (en),
          .terms        (terms_q),
          .valid        (sum_valid),
          .last         (sum_last),
          .m_axis_tdata (m_axis_tdata),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
    end else begin : gen_sum
      logic [PE*ACC_WIDTH-1:0] partial, sums;
      logic [2:0] firsts_q;
      always_ff @(posedge clk) if (en) firsts_q <= {firsts_q[1:0], first};

      for (genvar p = 0; p < PE; p++) begin : gen_lane
        logic [ACC_WIDTH-1:0] term, old;
        if (TERM_SIGNED != 0) begin : gen_term
          assign term = ACC_WIDTH'($signed(terms_q[p*TERM_WIDTH+:TERM_WIDTH]));
        end else begin : gen_term
          assign term = ACC_WIDTH'(terms_q[p*TERM_WIDTH+:TERM_WIDTH]);
        end
        assign old = firsts_q[2] ? '0 : partial[p*ACC_WIDTH+:ACC_WIDTH];
        assign sums[p*ACC_WIDTH+:ACC_WIDTH] = term + old;
      end

      hwgen_delay_line #(
          .WIDTH(PE * ACC_WIDTH),
          .DEPTH(FOLDS)
      ) u_partial (
          .clk (clk),
          .rst (rst),
          .step(en && sum_valid),
          .d   (sums),
          .q   (partial)
      );

      // Finished sums come in a row, so they need a spare register: an accumulator of one term a sum.
      hwgen_accumulator #(
          .LANES    (PE),
          .BEATS    (1),
          .IN_WIDTH (ACC_WIDTH),
          .IN_SIGNED(TERM_SIGNED),
          .ACC_WIDTH(ACC_WIDTH),
          .INIT     (0)
      ) u_out (
          .clk          (clk),
          .rst          (rst),
          .en           (en),
          .terms        (sums),
          .valid        (sum_valid && sum_last),
          .last         (sum_last),
          .m_axis_tdata (m_axis_tdata),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
    end
  endgenerate

  initial begin
    if (PE < 1 || FOLDS < 1 || TAPS < 1) $fatal(1, "%m: PE, FOLDS and TAPS must be positive");
    if (A_BIPOLAR != 0 && A_WIDTH != 1) $fatal(1, "%m: a bipolar input has one bit");
    if (W_BIPOLAR != 0 && W_WIDTH != 1) $fatal(1, "%m: a bipolar weight has one bit");
  end
endmodule
`default_nettype wire
