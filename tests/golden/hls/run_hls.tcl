# Vitis HLS project of tiny. In this folder: vitis_hls -f run_hls.tcl, or with the steps to run behind it:
#   vitis_hls -f run_hls.tcl csim csynth cosim export
# Newer releases: vitis-run --mode hls --tcl run_hls.tcl (all steps).
set known {csim csynth cosim export}
set steps {}
if {[info exists argv]} {
    foreach word $argv {
        if {[lsearch -exact $known $word] >= 0} { lappend steps $word }
    }
}
if {[llength $steps] == 0} { set steps $known }

set flags "-std=c++17 -I. -Ilibrary -DAP_INT_MAX_W=4096 -Wno-unknown-pragmas"
open_project -reset tiny_hls
set_top tiny_top
add_files tiny_top.cpp -cflags $flags
add_files -tb tiny_tb.cpp -cflags $flags
add_files -tb vectors
open_solution -reset -flow_target vivado solution1
set_part xc7z020clg400-1
create_clock -period 10 -name default

foreach step $steps {
    switch -exact -- $step {
        csim { csim_design }
        csynth { csynth_design }
        cosim { cosim_design }
        export { export_design -format ip_catalog -vendor hwgen -library hls -version 1.0 -display_name tiny_top }
    }
}
exit
