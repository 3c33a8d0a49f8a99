// Read-only memory of more than 64 words in LUTs: data(t+1) = word[addr(t)] where en(t), else data(t).
//
// Cycles: one word a cycle. Latency: 1 cycle; the word is held while en is low.
// Yosys keeps the module apart while it maps: it would simplify the tree of multiplexers and what surrounds it together,
// and lose the LUT6 that hold 64 words of a bit each (three times the LUTs for the thresholds of 512 channels).
`default_nettype none
`ifdef YOSYS
(* keep_hierarchy *)
`endif
module hwgen_rom_deep #(
    parameter int DEPTH = 128,     // words
    parameter int WIDTH = 8,       // bits of a word
    parameter     INIT_FILE = ""   // $readmemh file, one word a line
) (
    input  wire logic                     clk,
    input  wire logic                     en,
    input  wire logic [$clog2(DEPTH)-1:0] addr,
    output logic      [WIDTH-1:0]         data
);
`ifdef YOSYS
  (* ram_style = "logic" *)
`else
  (* rom_style = "distributed" *)
`endif
  logic [WIDTH-1:0] word[0:DEPTH-1];

  generate
    if (INIT_FILE != "") begin : gen_init
      initial $readmemh(INIT_FILE, word);
    end
  endgenerate

  always_ff @(posedge clk) if (en) data <= word[addr];
endmodule
`default_nettype wire
