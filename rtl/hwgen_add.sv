// Join: y = A * a + B * b, element by element, of two streams of PE lanes.
//
// a and b are unsigned, two's complement or bipolar (one bit, 0 for -1, 1 for +1), A and B constants.
// Stream: as it comes, a in the low bits of s_axis, b above. A beat is taken when both sides have one.
// One beat a cycle, no bubble. Latency: 1 + REGISTER cycles.
`default_nettype none
module hwgen_add #(
    parameter int PE        = 1,  // lanes per beat
    parameter int A_BITS    = 8,  // bits of an element of a
    parameter int A_SIGNED  = 1,
    parameter int A_BIPOLAR = 0,
    parameter logic signed [63:0] A_FACTOR = 64'sd1,
    parameter int B_BITS    = 8,
    parameter int B_SIGNED  = 1,
    parameter int B_BIPOLAR = 0,
    parameter logic signed [63:0] B_FACTOR = 64'sd1,
    parameter int OUT_BITS  = 9,  // bits of y
    parameter int REGISTER  = 0   // 1: a register between products and sum
) (
    input  wire logic                          clk,
    input  wire logic                          rst,
    input  wire logic [PE*(A_BITS+B_BITS)-1:0] s_axis_tdata,
    input  wire logic [                   1:0] s_axis_tvalid,
    output logic      [                   1:0] s_axis_tready,
    output logic      [       PE*OUT_BITS-1:0] m_axis_tdata,
    output logic                               m_axis_tvalid,
    input  wire logic                          m_axis_tready
);
  logic ready, both, sum_valid;
  logic [PE*OUT_BITS-1:0] a, b, first, second, sum;

  assign both          = &s_axis_tvalid;
  assign s_axis_tready = {2{ready && both}};

  generate
    for (genvar p = 0; p < PE; p++) begin : gen_lane
      hwgen_scale #(
          .IN_BITS(A_BITS), .IN_SIGNED(A_SIGNED), .IN_BIPOLAR(A_BIPOLAR), .FACTOR(A_FACTOR), .OUT_BITS(OUT_BITS)
      ) scale_a (
          .x(s_axis_tdata[p*A_BITS+:A_BITS]),
          .p(a[p*OUT_BITS+:OUT_BITS])
      );
      hwgen_scale #(
          .IN_BITS(B_BITS), .IN_SIGNED(B_SIGNED), .IN_BIPOLAR(B_BIPOLAR), .FACTOR(B_FACTOR), .OUT_BITS(OUT_BITS)
      ) scale_b (
          .x(s_axis_tdata[PE*A_BITS+p*B_BITS+:B_BITS]),
          .p(b[p*OUT_BITS+:OUT_BITS])
      );
      assign sum[p*OUT_BITS+:OUT_BITS] = first[p*OUT_BITS+:OUT_BITS] + second[p*OUT_BITS+:OUT_BITS];
    end

    if (REGISTER != 0) begin : gen_register
      logic [PE*OUT_BITS-1:0] a_q, b_q;
      logic valid_q;
      always_ff @(posedge clk)
        if (rst) valid_q <= 1'b0;
        else if (ready) valid_q <= both;
      always_ff @(posedge clk)
        if (ready) begin
          a_q <= a;
          b_q <= b;
        end
      assign first = a_q;
      assign second = b_q;
      assign sum_valid = valid_q;
    end else begin : gen_direct
      assign first = a;
      assign second = b;
      assign sum_valid = both;
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (sum),
      .s_axis_tvalid(sum_valid),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );
endmodule
`default_nettype wire
