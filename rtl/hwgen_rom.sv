// Read-only memory: data(t+1) = word[addr(t)] where en(t), else data(t).
//
// Cycles: one word a cycle. Latency: 1 cycle; the word is held while en is low.
// The register directly behind the array is what makes both forms map well: block RAM takes it as its output latch, and
// Yosys covers each bit of at most 64 words by exactly one LUT6. Deeper ones without block RAM: see hwgen_rom_deep.
`default_nettype none

module hwgen_rom #(
    parameter int DEPTH = 64,   // words
    parameter int WIDTH = 8,    // bits of a word
    parameter     INIT_FILE = "",  // $readmemh file, one word a line
    parameter int BLOCK = 0     // 1: block RAM, 0: LUTs
) (
    input  wire logic                                     clk,
    input  wire logic                                     en,
    input  wire logic [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] addr,
    output logic [WIDTH-1:0]                              data
);

  generate
    if (BLOCK != 0) begin : gen_block
      logic [WIDTH-1:0] data_q;
      assign data = data_q;
      (* rom_style = "block" *) logic [WIDTH-1:0] word[0:DEPTH-1];
      if (INIT_FILE != "") begin : gen_init
        initial $readmemh(INIT_FILE, word);
      end
      always_ff @(posedge clk) if (en) data_q <= word[addr];
    end else if (DEPTH > 16) begin : gen_deep
      hwgen_rom_deep #(
          .DEPTH    (DEPTH),
          .WIDTH    (WIDTH),
          .INIT_FILE(INIT_FILE)
      ) u_deep (
          .clk (clk),
          .en  (en),
          .addr(addr),
          .data(data)
      );
    end else begin : gen_lut
      logic [WIDTH-1:0] data_q;
      assign data = data_q;
`ifdef YOSYS
      (* ram_style = "logic" *)
`else
      (* rom_style = "distributed" *)
`endif
      logic [WIDTH-1:0] word[0:DEPTH-1];
      if (INIT_FILE != "") begin : gen_init
        initial $readmemh(INIT_FILE, word);
      end
      always_ff @(posedge clk) if (en) data_q <= word[addr];
    end
  endgenerate

endmodule

`default_nettype wire
