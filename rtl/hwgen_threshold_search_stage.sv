// One level of the binary search of hwgen_threshold_search, for PE lanes: decides bit STAGES - 1 - STAGE of each code.
// ROM word {fold, upper STAGE code bits} holds the threshold of that node; next code bit = (a >= threshold).
// One beat a cycle while `advance` is high, all registers hold while it is low. Latency: 2 + BLOCK cycles.
`default_nettype none

module hwgen_threshold_search_stage #(
    parameter int PE = 1,                // lanes
    parameter int STAGE = 0,             // code bits that are known before
    parameter int STAGES = 1,            // bits of a code
    parameter int FOLD_BITS = 0,         // bits of the fold's number in the address
    parameter int VALUE_BITS = 8,        // bits of a value
    parameter int VALUE_SIGNED = 1,      // 1: two's complement
    parameter int THRESHOLD_BITS = 8,    // bits of a threshold
    parameter int THRESHOLD_SIGNED = 1,  // 1: two's complement
    parameter int BLOCK = 0,             // 1: one more register behind the ROM (block RAM is slow)
    parameter int FOLD_WIDTH = (FOLD_BITS > 0) ? FOLD_BITS : 1,                           // derived, do not set
    parameter int ADDRESS_BITS = (FOLD_BITS + STAGE > 0) ? FOLD_BITS + STAGE : 1  // derived, do not set
) (
    input  wire logic                         clk,
    input  wire logic                         advance,
    input  wire logic [PE*VALUE_BITS-1:0]     in_values,
    input  wire logic [FOLD_WIDTH-1:0]        in_fold,
    input  wire logic [PE*STAGES-1:0]         in_codes,
    output      logic [PE*VALUE_BITS-1:0]     out_values,
    output      logic [FOLD_WIDTH-1:0]        out_fold,
    output      logic [PE*STAGES-1:0]         out_codes,
    output      logic [PE*ADDRESS_BITS-1:0]   rom_addr,
    input  wire logic [PE*THRESHOLD_BITS-1:0] rom_data
);
  localparam int SIGNED = (VALUE_SIGNED != 0 || THRESHOLD_SIGNED != 0) ? 1 : 0;
  localparam int VALUE_WIDE = VALUE_BITS + ((SIGNED != VALUE_SIGNED) ? 1 : 0);
  localparam int THRESHOLD_WIDE = THRESHOLD_BITS + ((SIGNED != THRESHOLD_SIGNED) ? 1 : 0);
  localparam int COMPARE_BITS = (VALUE_WIDE > THRESHOLD_WIDE) ? VALUE_WIDE : THRESHOLD_WIDE;

  // Beside the ROM's output register, and behind the extra one where there is one.
  logic [PE*VALUE_BITS-1:0]     read_values_q, values;
  logic [FOLD_WIDTH-1:0]        read_fold_q, fold;
  logic [PE*STAGES-1:0]         read_codes_q, codes, codes_d;
  logic [PE*THRESHOLD_BITS-1:0] thresholds;

  always_ff @(posedge clk) begin
    if (advance) begin
      read_values_q <= in_values;
      read_fold_q   <= in_fold;
      read_codes_q  <= in_codes;
      out_values    <= values;
      out_fold      <= fold;
      out_codes     <= codes_d;
    end
  end

  generate
    if (BLOCK != 0) begin : gen_register
      always_ff @(posedge clk) begin
        if (advance) begin
          values     <= read_values_q;
          fold       <= read_fold_q;
          codes      <= read_codes_q;
          thresholds <= rom_data;
        end
      end
    end else begin : gen_direct
      assign values     = read_values_q;
      assign fold       = read_fold_q;
      assign codes      = read_codes_q;
      assign thresholds = rom_data;
    end

    for (genvar p = 0; p < PE; p++) begin : gen_lane
      localparam int VALUE_SIGN = (p + 1) * VALUE_BITS - 1;
      localparam int THRESHOLD_SIGN = (p + 1) * THRESHOLD_BITS - 1;
      logic [COMPARE_BITS-1:0] a, t;

      assign a = COMPARE_BITS'($signed({VALUE_SIGNED != 0 && values[VALUE_SIGN], values[p*VALUE_BITS +: VALUE_BITS]}));
      assign t = COMPARE_BITS'($signed({THRESHOLD_SIGNED != 0 && thresholds[THRESHOLD_SIGN],
                                        thresholds[p*THRESHOLD_BITS +: THRESHOLD_BITS]}));
      always_comb begin
        codes_d[p*STAGES +: STAGES] = codes[p*STAGES +: STAGES];
        codes_d[(p+1)*STAGES-1-STAGE] = (SIGNED != 0) ? $signed(a) >= $signed(t) : a >= t;
      end

      if (FOLD_BITS == 0 && STAGE == 0) begin : gen_one_word
        assign rom_addr[p] = 1'b0;
      end else begin : gen_words
        assign rom_addr[p*ADDRESS_BITS +: ADDRESS_BITS] =
            ADDRESS_BITS'({in_fold, in_codes[p*STAGES +: STAGES]} >> (STAGES - STAGE));
      end
    end
  endgenerate

endmodule

`default_nettype wire
