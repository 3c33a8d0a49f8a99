// Ring memory of a line buffer: beats are stored one after another and given in any order by relative addresses.
//
// The beat with `store` goes to the next place. While `available`, the beat at the read address is given as soon as
// the output can hold it (`give`), and the read address then goes on by `step` places, modulo DEPTH.
// Who gives the order sees to it that a beat is stored before it is available, and kept until it was given last.
// Latency: 1 cycle from give to valid; 2 in block RAM, which has an output register.
`default_nettype none

module hwgen_ring #(
    parameter int WIDTH = 8,   // bits of a beat
    parameter int DEPTH = 32,  // places, at least 2
    parameter int BLOCK = 0    // 1: block RAM, 0: LUT RAM
) (
    input  wire logic                     clk,
    input  wire logic                     rst,
    input  wire logic                     store,
    input  wire logic [WIDTH-1:0]         data,
    input  wire logic                     available,
    input  wire logic [$clog2(DEPTH)-1:0] step,
    output logic                          give,
    output logic [WIDTH-1:0]              m_axis_tdata,
    output logic                          m_axis_tvalid,
    input  wire logic                     m_axis_tready
);

  localparam int AW = $clog2(DEPTH);

  initial if (DEPTH < 2) $fatal(1, "%m: DEPTH must be at least 2");

  logic [AW-1:0] write_q, write_d, read_q, read_d;

  generate
    if (DEPTH == 2 ** AW) begin : gen_natural_wrap
      assign write_d = write_q + 1'b1;
      assign read_d  = read_q + step;
    end else begin : gen_wrap
      logic [AW:0] less;  // the sum less DEPTH
      assign less    = {1'b0, read_q} + {1'b0, step} - (AW + 1)'(DEPTH);
      assign read_d  = less[AW] ? read_q + step : less[AW-1:0];
      assign write_d = (write_q == AW'(DEPTH - 1)) ? '0 : write_q + 1'b1;
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q <= '0;
      read_q  <= '0;
    end else begin
      if (store) write_q <= write_d;
      if (give) read_q <= read_d;
    end
  end

  logic [WIDTH-1:0] data_q;
  logic valid_q, advance;

  assign advance       = m_axis_tready || !valid_q;
  assign m_axis_tdata  = data_q;
  assign m_axis_tvalid = valid_q;

  // A place is never read while it is written: what is given is stored, what is stored replaces what was freed.
  generate
    if (BLOCK != 0) begin : gen_block
      (* ram_style = "block", no_rw_check *) logic [WIDTH-1:0] beat[0:DEPTH-1];
      logic [WIDTH-1:0] fetched_q;
      logic fetched_valid_q, take;

      assign take = fetched_valid_q && advance;
      assign give = available && (take || !fetched_valid_q);

      always_ff @(posedge clk) begin
        if (store) beat[write_q] <= data;
        if (give) fetched_q <= beat[read_q];
        if (take) data_q <= fetched_q;
      end

      always_ff @(posedge clk) begin
        if (rst) begin
          fetched_valid_q <= 1'b0;
          valid_q <= 1'b0;
        end else begin
          if (give || take) fetched_valid_q <= give;
          if (advance) valid_q <= fetched_valid_q;
        end
      end
    end else begin : gen_lut
      (* ram_style = "distributed" *) logic [WIDTH-1:0] beat[0:DEPTH-1];

      assign give = available && advance;

      always_ff @(posedge clk) begin
        if (store) beat[write_q] <= data;
        if (give) data_q <= beat[read_q];
      end

      always_ff @(posedge clk) begin
        if (rst) valid_q <= 1'b0;
        else if (advance) valid_q <= give;
      end
    end
  endgenerate

endmodule

`default_nettype wire
