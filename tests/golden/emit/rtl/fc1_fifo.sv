// Layer fc1_fifo: stream FIFO.
`default_nettype none

module fc1_fifo (
    input  wire logic clk,
    input  wire logic rst,
    input  wire logic [1:0] s_axis_tdata,
    input  wire logic s_axis_tvalid,
    output wire logic s_axis_tready,
    output wire logic [1:0] m_axis_tdata,
    output wire logic m_axis_tvalid,
    input  wire logic m_axis_tready
);

    hwgen_fifo #(
        .WIDTH(2),
        .DEPTH(2),
        .BLOCK(0)
    ) kernel (
        .clk(clk),
        .rst(rst),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready)
    );

endmodule

`default_nettype wire
