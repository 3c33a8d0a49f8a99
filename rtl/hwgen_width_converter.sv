// Width converter: lane i of the output frame = lane i of the input frame, zero beyond its end.
//
// A frame of IN_BEATS input beats becomes OUT_BEATS output beats; each frame starts at lane 0 of a beat. Padding lanes of
// the last input beat are dropped, those of the last output beat are zero. Element 0 is in the least significant bits.
// Cycles: max(IN_BEATS, OUT_BEATS) a frame, without bubbles. Latency: 1 or 2 cycles, see the four forms.
`default_nettype none

module hwgen_width_converter #(
    parameter int IN_WIDTH  = 16,  // bits of an input beat
    parameter int OUT_WIDTH = 24,  // bits of an output beat
    parameter int UNIT      = 8,   // greatest common divisor of both
    parameter int IN_BEATS  = 3,   // input beats of a frame
    parameter int OUT_BEATS = 2    // output beats of a frame
) (
    input  wire logic                 clk,
    input  wire logic                 rst,
    input  wire logic [ IN_WIDTH-1:0] s_axis_tdata,
    input  wire logic                 s_axis_tvalid,
    output logic                      s_axis_tready,
    output logic [OUT_WIDTH-1:0]      m_axis_tdata,
    output logic                      m_axis_tvalid,
    input  wire logic                 m_axis_tready
);

  initial if (IN_WIDTH % UNIT != 0 || OUT_WIDTH % UNIT != 0) $fatal(1, "%m: UNIT must divide both widths");

  generate
    if (IN_WIDTH == OUT_WIDTH || (IN_BEATS == 1 && OUT_BEATS == 1)) begin : gen_pass
      localparam int WIDTH = IN_WIDTH < OUT_WIDTH ? IN_WIDTH : OUT_WIDTH;
      logic [WIDTH-1:0] y;
      hwgen_skid #(
          .WIDTH(WIDTH)
      ) u_skid (
          .clk(clk),
          .rst(rst),
          .s_axis_tdata(s_axis_tdata[WIDTH-1:0]),
          .s_axis_tvalid(s_axis_tvalid),
          .s_axis_tready(s_axis_tready),
          .m_axis_tdata(y),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
      assign m_axis_tdata = OUT_WIDTH'(y);
      if (WIDTH < IN_WIDTH) begin : gen_drop
        wire unused_padding = &{1'b0, s_axis_tdata[IN_WIDTH-1:WIDTH]};
      end
    end else if (IN_BEATS * IN_WIDTH == OUT_BEATS * OUT_WIDTH && OUT_WIDTH % IN_WIDTH == 0) begin : gen_up
      hwgen_width_up #(
          .IN_WIDTH (IN_WIDTH),
          .OUT_WIDTH(OUT_WIDTH)
      ) u_up (
          .clk(clk),
          .rst(rst),
          .s_axis_tdata(s_axis_tdata),
          .s_axis_tvalid(s_axis_tvalid),
          .s_axis_tready(s_axis_tready),
          .m_axis_tdata(m_axis_tdata),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
    end else if (IN_WIDTH % OUT_WIDTH == 0) begin : gen_down
      hwgen_width_down #(
          .IN_WIDTH (IN_WIDTH),
          .OUT_WIDTH(OUT_WIDTH),
          .IN_BEATS (IN_BEATS),
          .OUT_BEATS(OUT_BEATS)
      ) u_down (
          .clk(clk),
          .rst(rst),
          .s_axis_tdata(s_axis_tdata),
          .s_axis_tvalid(s_axis_tvalid),
          .s_axis_tready(s_axis_tready),
          .m_axis_tdata(m_axis_tdata),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
    end else begin : gen_gearbox
      hwgen_width_gearbox #(
          .UNIT     (UNIT),
          .IN_LANES (IN_WIDTH / UNIT),
          .OUT_LANES(OUT_WIDTH / UNIT),
          .IN_BEATS (IN_BEATS),
          .OUT_BEATS(OUT_BEATS)
      ) u_gearbox (
          .clk(clk),
          .rst(rst),
          .s_axis_tdata(s_axis_tdata),
          .s_axis_tvalid(s_axis_tvalid),
          .s_axis_tready(s_axis_tready),
          .m_axis_tdata(m_axis_tdata),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
    end
  endgenerate

endmodule

`default_nettype wire
