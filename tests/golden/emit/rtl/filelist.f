rtl/fc0.sv
rtl/quant0.sv
rtl/fc1_fifo.sv
rtl/fc1.sv
rtl/tiny_top.sv
rtl/tiny_bd_top.v
