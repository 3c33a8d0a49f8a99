// The FIFO is a queue of DEPTH beats: the output register, what was fetched from block RAM, then the RAM from its read
// pointer on.
`default_nettype none

module fifo_check #(
    parameter int WIDTH = 2,
    parameter int DEPTH = 5,
    parameter int BLOCK = 0
) (
    input wire logic [WIDTH-1:0] s_tdata,
    input wire logic clk,
    input wire logic rst,
    input wire logic s_tvalid,
    input wire logic m_tready
);

  logic s_tready, m_tvalid;
  logic [WIDTH-1:0] m_tdata;

  localparam int SLOTS = DEPTH - (BLOCK != 0 ? 2 : 1);
  localparam int AW = $clog2(SLOTS);
  localparam int LANES = DEPTH;

  // taps: connected to the block's registers by the proof script
  wire logic [WIDTH-1:0] data, fetched;
  wire logic valid, fetched_valid;
  wire logic [AW-1:0] read, write;
  wire logic [AW:0] count;
  wire logic [2**AW*WIDTH-1:0] beats;

  logic [WIDTH*LANES-1:0] content;
  logic [7:0] length;

  always_comb begin : abstraction
    content = '0;
    for (int i = 0; i < 2 ** AW; i++)
      if (i < LANES && i < int'(count)) content[i*WIDTH+:WIDTH] = beats[(int'(read)+i)%2**AW*WIDTH+:WIDTH];
    if (BLOCK != 0 && fetched_valid) content = (content << WIDTH) | (WIDTH * LANES)'(fetched);
    if (valid) content = (content << WIDTH) | (WIDTH * LANES)'(data);
    length = 8'(count) + 8'(valid) + (BLOCK != 0 ? 8'(fetched_valid) : 8'd0);
  end

  hwgen_fifo #(
      .WIDTH(WIDTH),
      .DEPTH(DEPTH),
      .BLOCK(BLOCK)
  ) dut (
      .clk(clk),
      .rst(rst),
      .s_axis_tdata(s_tdata),
      .s_axis_tvalid(s_tvalid),
      .s_axis_tready(s_tready),
      .m_axis_tdata(m_tdata),
      .m_axis_tvalid(m_tvalid),
      .m_axis_tready(m_tready)
  );

  queue_check #(
      .UNIT(WIDTH),
      .LANES(LANES),
      .PATIENCE(BLOCK != 0 ? 2 : 1)
  ) check (
      .clk(clk),
      .rst(rst),
      .s_tdata(s_tdata),
      .s_tvalid(s_tvalid),
      .s_tready(s_tready),
      .m_tdata(m_tdata),
      .m_tvalid(m_tvalid),
      .m_tready(m_tready),
      .content(content),
      .length(length)
  );

  always_comb assert (write == AW'(read + count[AW-1:0]) && count <= (AW + 1)'(SLOTS));

endmodule

`default_nettype wire
