// Adds up BEATS terms per lane: m = INIT + sum of the terms, modulo 2**ACC_WIDTH; one output beat per BEATS terms.
//
// Lane l is bits l*IN_WIDTH of `terms` and bits l*ACC_WIDTH of m_axis_tdata. `last` marks the last term of a sum.
// Timing: the output is valid one cycle after its last term. `en` is low while a finished sum cannot be put down: then
// the whole pipeline in front holds. It depends on registers only, never on m_axis_tready in the same cycle.
`default_nettype none
module hwgen_accumulator #(
    parameter int LANES     = 2,
    parameter int BEATS     = 4,   // terms of a sum
    parameter int IN_WIDTH  = 4,   // bits of a term
    parameter int IN_SIGNED = 0,   // 1: two's complement
    parameter int ACC_WIDTH = 8,   // bits of a sum
    parameter int INIT      = 0    // the empty sum
) (
    input  wire logic                       clk,
    input  wire logic                       rst,
    output logic                            en,
    input  wire logic [ LANES*IN_WIDTH-1:0] terms,
    input  wire logic                       valid,
    input  wire logic                       last,
    output logic      [LANES*ACC_WIDTH-1:0] m_axis_tdata,
    output logic                            m_axis_tvalid,
    input  wire logic                       m_axis_tready
);
  logic [LANES*ACC_WIDTH-1:0] sums;  // with this cycle's term
  logic [LANES*ACC_WIDTH-1:0] out_q;
  logic out_valid_q;

  generate
    for (genvar l = 0; l < LANES; l++) begin : gen_lane
      logic [ACC_WIDTH-1:0] term, sum;
      if (IN_SIGNED != 0) begin : gen_term
        assign term = ACC_WIDTH'($signed(terms[l*IN_WIDTH+:IN_WIDTH]));
      end else begin : gen_term
        assign term = ACC_WIDTH'(terms[l*IN_WIDTH+:IN_WIDTH]);
      end
      if (BEATS == 1) begin : gen_sum
        assign sum = term + ACC_WIDTH'(INIT);
      end else begin : gen_sum
        logic [ACC_WIDTH-1:0] acc_q;
        assign sum = term + acc_q;
        always_ff @(posedge clk)
          if (rst || (en && valid && last)) acc_q <= ACC_WIDTH'(INIT);
          else if (en && valid) acc_q <= sum;
      end
      assign sums[l*ACC_WIDTH+:ACC_WIDTH] = sum;
    end

    if (BEATS == 1) begin : gen_out
      // A sum every cycle: a spare register takes the one that m_axis could not.
      logic [LANES*ACC_WIDTH-1:0] spare_q;
      logic spare_valid_q;
      logic unused;
      assign unused = last;
      assign en = !spare_valid_q;
      always_ff @(posedge clk)
        if (rst) begin
          spare_valid_q <= 1'b0;
          out_valid_q   <= 1'b0;
        end else if (m_axis_tready || !out_valid_q) begin
          spare_valid_q <= 1'b0;
          out_valid_q   <= spare_valid_q || valid;
        end else begin
          spare_valid_q <= spare_valid_q || valid;
        end
      always_ff @(posedge clk) begin
        if (en) spare_q <= sums;
        if (m_axis_tready || !out_valid_q) out_q <= spare_valid_q ? spare_q : sums;
      end
    end else begin : gen_out
      // At most one sum in two cycles: a free output register by then means no bubble.
      assign en = !(out_valid_q && valid && last);
      always_ff @(posedge clk)
        if (rst) out_valid_q <= 1'b0;
        else if (valid && last && !out_valid_q) out_valid_q <= 1'b1;
        else if (m_axis_tready) out_valid_q <= 1'b0;
      always_ff @(posedge clk) if (valid && last && !out_valid_q) out_q <= sums;
    end
  endgenerate

  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = out_valid_q;
endmodule
`default_nettype wire
