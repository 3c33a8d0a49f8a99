// First in, first out: y[i] = x[i], DEPTH beats of storage in all.
//
// Order: as it comes. Cycles: one beat a cycle, without bubbles. Latency: 2 cycles; 1 at DEPTH 2; 3 in block RAM.
// DEPTH 2 is a skid buffer. Otherwise a dual-port RAM whose pointers wrap at a power of two, then an output register;
// block RAM has its own output latch in between. s_axis_tready depends on registers only.
`default_nettype none

module hwgen_fifo #(
    parameter int WIDTH = 8,  // bits of a beat
    parameter int DEPTH = 2,  // beats, at least 2
    parameter int BLOCK = 0   // 1: block RAM (DEPTH at least 4), 0: LUT RAM
) (
    input  wire logic             clk,
    input  wire logic             rst,
    input  wire logic [WIDTH-1:0] s_axis_tdata,
    input  wire logic             s_axis_tvalid,
    output logic                  s_axis_tready,
    output logic [WIDTH-1:0]      m_axis_tdata,
    output logic                  m_axis_tvalid,
    input  wire logic             m_axis_tready
);

  localparam int SLOTS = DEPTH - (BLOCK != 0 ? 2 : 1);  // beats in the RAM
  localparam int AW = SLOTS > 1 ? $clog2(SLOTS) : 1;

  initial if (DEPTH < 2 || SLOTS < 1) $fatal(1, "%m: DEPTH must be at least 2, and at least 4 in block RAM");

  generate
    if (DEPTH == 2) begin : gen_skid
      hwgen_skid #(
          .WIDTH(WIDTH)
      ) u_skid (
          .clk(clk),
          .rst(rst),
          .s_axis_tdata(s_axis_tdata),
          .s_axis_tvalid(s_axis_tvalid),
          .s_axis_tready(s_axis_tready),
          .m_axis_tdata(m_axis_tdata),
          .m_axis_tvalid(m_axis_tvalid),
          .m_axis_tready(m_axis_tready)
      );
    end else begin : gen_ram
      logic [WIDTH-1:0] data_q;
      logic [AW-1:0] write_q, read_q;
      logic [AW:0] count_q;  // beats in the RAM
      logic valid_q, write, read, advance;

      assign advance       = m_axis_tready || !valid_q;
      assign write         = s_axis_tvalid && s_axis_tready;
      assign s_axis_tready = count_q != (AW + 1)'(SLOTS);
      assign m_axis_tdata  = data_q;
      assign m_axis_tvalid = valid_q;

      always_ff @(posedge clk) begin
        if (rst) begin
          write_q <= '0;
          read_q  <= '0;
          count_q <= '0;
        end else begin
          if (write) write_q <= write_q + 1'b1;
          if (read) read_q <= read_q + 1'b1;
          if (write != read) count_q <= write ? count_q + 1'b1 : count_q - 1'b1;
        end
      end

      if (BLOCK != 0) begin : gen_block
        (* ram_style = "block", no_rw_check *) logic [WIDTH-1:0] beat[0:2**AW-1];
        logic [WIDTH-1:0] fetched_q;
        logic fetched_valid_q, take;

        assign take = fetched_valid_q && advance;
        assign read = count_q != '0 && (take || !fetched_valid_q);

        always_ff @(posedge clk) begin
          if (write) beat[write_q] <= s_axis_tdata;
          if (read) fetched_q <= beat[read_q];
          if (take) data_q <= fetched_q;
        end

        always_ff @(posedge clk) begin
          if (rst) begin
            fetched_valid_q <= 1'b0;
            valid_q <= 1'b0;
          end else begin
            if (read || take) fetched_valid_q <= read;
            if (advance) valid_q <= fetched_valid_q;
          end
        end
      end else begin : gen_lut
        (* ram_style = "distributed" *) logic [WIDTH-1:0] beat[0:2**AW-1];

        assign read = count_q != '0 && advance;

        always_ff @(posedge clk) begin
          if (write) beat[write_q] <= s_axis_tdata;
          if (read) data_q <= beat[read_q];
        end

        always_ff @(posedge clk) begin
          if (rst) valid_q <= 1'b0;
          else if (advance) valid_q <= read;
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
