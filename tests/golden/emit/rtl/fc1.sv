// Layer fc1: matrix-vector unit, with its memories.
`default_nettype none

module fc1 (
    input  wire logic clk,
    input  wire logic rst,
    input  wire logic [1:0] s_axis_tdata,
    input  wire logic s_axis_tvalid,
    output wire logic s_axis_tready,
    output wire logic [3:0] m_axis_tdata,
    output wire logic m_axis_tvalid,
    input  wire logic m_axis_tready
);

    wire logic [0:0] weights_en;
    wire logic [2:0] weights_addr;
    wire logic [2:0] weights_data;

    hwgen_rom #(
        .DEPTH(6),
        .WIDTH(3),
        .INIT_FILE("mem/fc1_weights.mem"),
        .BLOCK(0)
    ) rom_weights (
        .clk(clk),
        .en(weights_en[0]),
        .addr(weights_addr[2:0]),
        .data(weights_data[2:0])
    );

    hwgen_mvau #(
        .MW(3),
        .MH(2),
        .PE(1),
        .SIMD(1),
        .A_WIDTH(2),
        .A_SIGNED(1),
        .A_BIPOLAR(0),
        .W_WIDTH(3),
        .W_SIGNED(1),
        .W_BIPOLAR(0),
        .ACC_WIDTH(4),
        .ROM_REG(0),
        .STORE_BLOCK(0),
        .PLANES(0),
        .DOT_LATENCY(1)
    ) kernel (
        .clk(clk),
        .rst(rst),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .weights_en(weights_en),
        .weights_addr(weights_addr),
        .weights_data(weights_data)
    );

endmodule

`default_nettype wire
