# Adds the design to an open Vivado project; source it from the build directory.
add_files -norecurse [list \
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
