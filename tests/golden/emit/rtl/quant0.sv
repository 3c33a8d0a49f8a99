// Layer quant0: thresholds by parallel comparators, with its memories.
`default_nettype none

module quant0 (
    input  wire logic clk,
    input  wire logic rst,
    input  wire logic [2:0] s_axis_tdata,
    input  wire logic s_axis_tvalid,
    output wire logic s_axis_tready,
    output wire logic [1:0] m_axis_tdata,
    output wire logic m_axis_tvalid,
    input  wire logic m_axis_tready
);

    wire logic [0:0] thresholds_en;
    wire logic [0:0] thresholds_addr;
    wire logic [5:0] thresholds_data;

    wire logic [0:0] descending_en;
    wire logic [0:0] descending_addr;
    wire logic [0:0] descending_data;

    hwgen_rom #(
        .DEPTH(1),
        .WIDTH(6),
        .INIT_FILE("mem/quant0_thresholds.mem"),
        .BLOCK(0)
    ) rom_thresholds (
        .clk(clk),
        .en(thresholds_en[0]),
        .addr(thresholds_addr[0:0]),
        .data(thresholds_data[5:0])
    );

    hwgen_rom #(
        .DEPTH(1),
        .WIDTH(1),
        .INIT_FILE("mem/quant0_descending.mem"),
        .BLOCK(0)
    ) rom_descending (
        .clk(clk),
        .en(descending_en[0]),
        .addr(descending_addr[0:0]),
        .data(descending_data[0:0])
    );

    hwgen_threshold #(
        .PE(1),
        .FOLDS(1),
        .LEVELS(2),
        .IN_BITS(3),
        .IN_SIGNED(1),
        .IN_BIPOLAR(0),
        .THRESHOLD_BITS(3),
        .THRESHOLD_SIGNED(1),
        .OUT_BITS(2),
        .OUT_LO(-1),
        .DESCENDING(0),
        .ROM_REGISTER(0)
    ) kernel (
        .clk(clk),
        .rst(rst),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .thresholds_en(thresholds_en),
        .thresholds_addr(thresholds_addr),
        .thresholds_data(thresholds_data),
        .descending_en(descending_en),
        .descending_addr(descending_addr),
        .descending_data(descending_data)
    );

endmodule

`default_nettype wire
