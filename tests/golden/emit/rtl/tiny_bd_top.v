// tiny_top for Vivado block designs, which take a Verilog module only.
`default_nettype none

module tiny_bd_top (
    (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 aclk CLK" *)
    (* X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF s_axis_x:m_axis_y, ASSOCIATED_RESET aresetn" *)
    input  wire aclk,
    (* X_INTERFACE_INFO = "xilinx.com:signal:reset:1.0 aresetn RST" *)
    (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)
    input  wire aresetn,
    input  wire [7:0] s_axis_x_tdata,
    input  wire [0:0] s_axis_x_tkeep,
    input  wire s_axis_x_tvalid,
    output wire s_axis_x_tready,
    input  wire s_axis_x_tlast,
    output wire [7:0] m_axis_y_tdata,
    output wire [0:0] m_axis_y_tkeep,
    output wire m_axis_y_tvalid,
    input  wire m_axis_y_tready,
    output wire m_axis_y_tlast
);

    tiny_top tiny_top_unit (
        .s_axis_x_tdata(s_axis_x_tdata),
        .s_axis_x_tkeep(s_axis_x_tkeep),
        .s_axis_x_tvalid(s_axis_x_tvalid),
        .s_axis_x_tready(s_axis_x_tready),
        .s_axis_x_tlast(s_axis_x_tlast),
        .m_axis_y_tdata(m_axis_y_tdata),
        .m_axis_y_tkeep(m_axis_y_tkeep),
        .m_axis_y_tvalid(m_axis_y_tvalid),
        .m_axis_y_tready(m_axis_y_tready),
        .m_axis_y_tlast(m_axis_y_tlast),
        .aclk(aclk),
        .aresetn(aresetn)
    );

endmodule

`default_nettype wire
