// Test block: y[i] = x[i] + table[i], signed, wide enough; the table is read from INIT_FILE.
`default_nettype none
module hwgen_toy_offset #(
  parameter int ELEMENTS = 4,
  parameter int WIDTH = 4,
  parameter INIT_FILE = ""
) (
  input wire logic clk,
  input wire logic rst,
  input wire logic [WIDTH-1:0] s_axis_tdata,
  input wire logic s_axis_tvalid,
  output logic s_axis_tready,
  output logic [WIDTH:0] m_axis_tdata,
  output logic m_axis_tvalid,
  input wire logic m_axis_tready
);
  localparam int INDEX = $clog2(ELEMENTS);
  logic [WIDTH-1:0] offsets [0:ELEMENTS-1];
  generate
    if (INIT_FILE != "") begin : gen_table
      initial $readmemh(INIT_FILE, offsets);
    end
  endgenerate
  logic [INDEX-1:0] index_q;
  wire logic open = !m_axis_tvalid || m_axis_tready;
  wire logic take = s_axis_tready && s_axis_tvalid;
  assign s_axis_tready = open;
  always_ff @(posedge clk) begin
    if (rst) begin
      m_axis_tvalid <= 1'b0;
      index_q <= '0;
    end else if (open) begin
      m_axis_tvalid <= take;
      if (take) index_q <= (int'(index_q) == ELEMENTS - 1) ? '0 : index_q + 1'b1;
    end
    if (take)
      m_axis_tdata <= {s_axis_tdata[WIDTH-1], s_axis_tdata} + {offsets[index_q][WIDTH-1], offsets[index_q]};
  end
`ifndef SYNTHESIS
  always @(posedge clk)
    if (!rst && s_axis_tvalid && s_axis_tdata == {1'b1, {(WIDTH-1){1'b0}}}) $error("%m: value out of range");
`endif
endmodule
`default_nettype wire
