# Adds the design to an open Vivado project; source it from the build directory.
add_files -norecurse [list \
    rtl/hwgen_accumulator.sv \
    rtl/hwgen_adder_tree.sv \
    rtl/hwgen_bit_sum.sv \
    rtl/hwgen_count6.sv \
    rtl/hwgen_dot.sv \
    rtl/hwgen_dot_planes.sv \
    rtl/hwgen_fifo.sv \
    rtl/hwgen_mvau.sv \
    rtl/hwgen_mvau_xnor.sv \
    rtl/hwgen_product.sv \
    rtl/hwgen_reset.sv \
    rtl/hwgen_rom.sv \
    rtl/hwgen_skid.sv \
    rtl/hwgen_stream_input.sv \
    rtl/hwgen_stream_output.sv \
    rtl/hwgen_threshold.sv \
    rtl/hwgen_valid_delay.sv \
    rtl/hwgen_vector_buffer.sv \
    rtl/hwgen_width_converter.sv \
    rtl/hwgen_width_down.sv \
    rtl/hwgen_width_gearbox.sv \
    rtl/hwgen_width_up.sv \
    rtl/fc0.sv \
    rtl/quant0.sv \
    rtl/fc1_fifo.sv \
    rtl/fc1.sv \
    rtl/tiny_top.sv \
    rtl/tiny_bd_top.v \
]
set memories [add_files -norecurse [list \
    mem/fc0_weights.mem \
    mem/fc1_weights.mem \
    mem/quant0_descending.mem \
    mem/quant0_thresholds.mem \
]]
set_property file_type {Memory Initialization Files} $memories
set_property top tiny_bd_top [current_fileset]
