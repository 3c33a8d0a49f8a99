// Any function of an integer, by lookup: y[c] = table[c][a[c] - LO], the lowest input being entry 0.
// Stream: channels in order, PE a beat, lane 0 in the least significant bits; beat b uses tables b mod FOLDS.
// ROMs: port slot p is lane p; its word f * 2^CODE_BITS + a - LO is the output code of channel f * PE + p.
// One beat a cycle. Latency: 2 cycles, 3 with ROM_REGISTER.
`default_nettype none

module hwgen_table #(
    parameter int PE = 1,            // lanes per beat
    parameter int FOLDS = 1,         // tables of a lane
    parameter int ENTRIES = 2,       // inputs from LO on
    parameter int IN_BITS = 8,       // bits of an input code
    parameter int LO = 0,            // the lowest input, as a code
    parameter int OUT_BITS = 1,      // bits of an output code
    parameter int ROM_REGISTER = 0,  // 1: one more register behind the ROMs (block RAM is slow)
    parameter int CODE_BITS = (ENTRIES > 1) ? $clog2(ENTRIES) : 1,      // derived, do not set
    parameter int FOLD_BITS = (FOLDS > 1) ? $clog2(FOLDS) : 0,          // derived, do not set
    parameter int FOLD_WIDTH = (FOLDS > 1) ? $clog2(FOLDS) : 1          // derived, do not set
) (
    input  wire logic                                clk,
    input  wire logic                                rst,
    input  wire logic [PE*IN_BITS-1:0]               s_axis_tdata,
    input  wire logic                                s_axis_tvalid,
    output      logic                                s_axis_tready,
    output      logic [PE*OUT_BITS-1:0]              m_axis_tdata,
    output      logic                                m_axis_tvalid,
    input  wire logic                                m_axis_tready,
    output      logic [PE-1:0]                       values_en,
    output      logic [PE*(FOLD_BITS+CODE_BITS)-1:0] values_addr,
    input  wire logic [PE*OUT_BITS-1:0]              values_data
);
  localparam int ADDRESS_BITS = FOLD_BITS + CODE_BITS;
  localparam logic [FOLD_WIDTH-1:0] LAST = FOLD_WIDTH'(FOLDS - 1);

  initial begin
    if (PE < 1 || FOLDS < 1 || ENTRIES < 1) $fatal(1, "%m: PE, FOLDS and ENTRIES must be positive");
    if (CODE_BITS > IN_BITS) $fatal(1, "%m: IN_BITS is too small for ENTRIES");
  end

  logic [ROM_REGISTER:0] valid_q;
  logic [FOLD_WIDTH-1:0] fold_q;
  logic                  ready;

  assign s_axis_tready = ready;
  assign values_en     = {PE{ready}};

  always_ff @(posedge clk) begin
    if (rst) begin
      valid_q <= '0;
      fold_q  <= '0;
    end else if (ready) begin
      valid_q <= (ROM_REGISTER + 1)'({valid_q, s_axis_tvalid});
      if (s_axis_tvalid) fold_q <= (fold_q == LAST) ? '0 : fold_q + 1'b1;
    end
  end

  generate
    for (genvar p = 0; p < PE; p++) begin : gen_lane
      logic [CODE_BITS-1:0] entry;
      assign entry = CODE_BITS'(s_axis_tdata[p*IN_BITS +: IN_BITS] - IN_BITS'(LO));
      assign values_addr[p*ADDRESS_BITS +: ADDRESS_BITS] = ADDRESS_BITS'({fold_q, entry});
    end
  endgenerate

  logic [PE*OUT_BITS-1:0] result;

  generate
    if (ROM_REGISTER != 0) begin : gen_rom_register
      always_ff @(posedge clk) if (ready) result <= values_data;
    end else begin : gen_rom_direct
      assign result = values_data;
    end
  endgenerate

  hwgen_skid #(
      .WIDTH(PE * OUT_BITS)
  ) output_register (
      .clk          (clk),
      .rst          (rst),
      .s_axis_tdata (result),
      .s_axis_tvalid(valid_q[ROM_REGISTER]),
      .s_axis_tready(ready),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready)
  );

endmodule

`default_nettype wire
