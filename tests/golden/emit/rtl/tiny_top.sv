// Top module of tiny: 4 layers between AXI4-Stream ports.
//
// aresetn is active low; beats are taken from the third cycle after its end. Run tools from the build directory.
`default_nettype none

module tiny_top (
    input  wire logic aclk,
    input  wire logic aresetn,
    input  wire logic [7:0] s_axis_x_tdata,
    input  wire logic [0:0] s_axis_x_tkeep,
    input  wire logic s_axis_x_tvalid,
    output wire logic s_axis_x_tready,
    input  wire logic s_axis_x_tlast,
    output wire logic [7:0] m_axis_y_tdata,
    output wire logic [0:0] m_axis_y_tkeep,
    output wire logic m_axis_y_tvalid,
    input  wire logic m_axis_y_tready,
    output wire logic m_axis_y_tlast
);

    wire logic rst;
    hwgen_reset hwgen_reset_unit (
        .clk(aclk),
        .aresetn(aresetn),
        .rst(rst)
    );

    // from x_input: 2 beats of 1 x bipolar a frame
    wire logic [0:0] v0_stream_tdata /* verilator public_flat_rd */;
    wire logic v0_stream_tvalid /* verilator public_flat_rd */;
    wire logic v0_stream_tready /* verilator public_flat_rd */;

    // from fc0: 3 beats of 1 x int3{-2..2} a frame
    wire logic [2:0] v1_tdata /* verilator public_flat_rd */;
    wire logic v1_tvalid /* verilator public_flat_rd */;
    wire logic v1_tready /* verilator public_flat_rd */;

    // from quant0: 3 beats of 1 x int2{-1..1} a frame
    wire logic [1:0] v2_tdata /* verilator public_flat_rd */;
    wire logic v2_tvalid /* verilator public_flat_rd */;
    wire logic v2_tready /* verilator public_flat_rd */;

    // from fc1_fifo: 3 beats of 1 x int2{-1..1} a frame
    wire logic [1:0] v2_fifo_tdata /* verilator public_flat_rd */;
    wire logic v2_fifo_tvalid /* verilator public_flat_rd */;
    wire logic v2_fifo_tready /* verilator public_flat_rd */;

    // from fc1: 2 beats of 1 x int4{-6..6} a frame
    wire logic [3:0] y_tdata /* verilator public_flat_rd */;
    wire logic y_tvalid /* verilator public_flat_rd */;
    wire logic y_tready /* verilator public_flat_rd */;

    wire logic hwgen_open_x_tready;
    wire logic [0:0] hwgen_flagin_x_tdata;
    wire logic [0:0] hwgen_flagin_x_tvalid;
    wire logic [0:0] hwgen_flagin_x_tready;
    assign s_axis_x_tready = hwgen_open_x_tready && !rst;
    hwgen_stream_input #(
        .BUS_WIDTH(8),
        .IN_WIDTH(2),
        .OUT_WIDTH(1),
        .UNIT(1),
        .IN_BEATS(1),
        .OUT_BEATS(2)
    ) x_input_unit (
        .clk(aclk),
        .rst(rst),
        .s_axis_tdata(s_axis_x_tdata),
        .s_axis_tkeep(s_axis_x_tkeep),
        .s_axis_tvalid(s_axis_x_tvalid),
        .s_axis_tready(hwgen_open_x_tready),
        .s_axis_tlast(s_axis_x_tlast),
        .m_axis_tdata(v0_stream_tdata),
        .m_axis_tvalid(v0_stream_tvalid),
        .m_axis_tready(v0_stream_tready),
        .m_flag_tdata(hwgen_flagin_x_tdata),
        .m_flag_tvalid(hwgen_flagin_x_tvalid),
        .m_flag_tready(hwgen_flagin_x_tready)
    );

    fc0 fc0_unit (
        .clk(aclk),
        .rst(rst),
        .s_axis_tdata(v0_stream_tdata),
        .s_axis_tvalid(v0_stream_tvalid),
        .s_axis_tready(v0_stream_tready),
        .m_axis_tdata(v1_tdata),
        .m_axis_tvalid(v1_tvalid),
        .m_axis_tready(v1_tready)
    );

    quant0 quant0_unit (
        .clk(aclk),
        .rst(rst),
        .s_axis_tdata(v1_tdata),
        .s_axis_tvalid(v1_tvalid),
        .s_axis_tready(v1_tready),
        .m_axis_tdata(v2_tdata),
        .m_axis_tvalid(v2_tvalid),
        .m_axis_tready(v2_tready)
    );

    fc1_fifo fc1_fifo_unit (
        .clk(aclk),
        .rst(rst),
        .s_axis_tdata(v2_tdata),
        .s_axis_tvalid(v2_tvalid),
        .s_axis_tready(v2_tready),
        .m_axis_tdata(v2_fifo_tdata),
        .m_axis_tvalid(v2_fifo_tvalid),
        .m_axis_tready(v2_fifo_tready)
    );

    fc1 fc1_unit (
        .clk(aclk),
        .rst(rst),
        .s_axis_tdata(v2_fifo_tdata),
        .s_axis_tvalid(v2_fifo_tvalid),
        .s_axis_tready(v2_fifo_tready),
        .m_axis_tdata(y_tdata),
        .m_axis_tvalid(y_tvalid),
        .m_axis_tready(y_tready)
    );

    // One flag a frame: m_axis_y swallows the results of frames that came with a wrong tlast or tkeep.
    wire logic [0:0] hwgen_flagout_y_tdata;
    wire logic [0:0] hwgen_flagout_y_tvalid;
    wire logic [0:0] hwgen_flagout_y_tready;
    hwgen_fifo #(
        .WIDTH(1),
        .DEPTH(9),
        .BLOCK(0)
    ) hwgen_flagfifo0_y_unit (
        .clk(aclk),
        .rst(rst),
        .s_axis_tdata(hwgen_flagin_x_tdata[0]),
        .s_axis_tvalid(hwgen_flagin_x_tvalid[0]),
        .s_axis_tready(hwgen_flagin_x_tready[0]),
        .m_axis_tdata(hwgen_flagout_y_tdata[0]),
        .m_axis_tvalid(hwgen_flagout_y_tvalid[0]),
        .m_axis_tready(hwgen_flagout_y_tready[0])
    );

    hwgen_stream_output #(
        .BUS_WIDTH(8),
        .IN_WIDTH(4),
        .OUT_WIDTH(8),
        .UNIT(4),
        .IN_BEATS(2),
        .OUT_BEATS(1),
        .FLAGS(1)
    ) y_output_unit (
        .clk(aclk),
        .rst(rst),
        .s_axis_tdata(y_tdata),
        .s_axis_tvalid(y_tvalid),
        .s_axis_tready(y_tready),
        .s_flag_tdata(hwgen_flagout_y_tdata),
        .s_flag_tvalid(hwgen_flagout_y_tvalid),
        .s_flag_tready(hwgen_flagout_y_tready),
        .m_axis_tdata(m_axis_y_tdata),
        .m_axis_tkeep(m_axis_y_tkeep),
        .m_axis_tvalid(m_axis_y_tvalid),
        .m_axis_tready(m_axis_y_tready),
        .m_axis_tlast(m_axis_y_tlast)
    );

endmodule

`default_nettype wire
