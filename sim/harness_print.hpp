// Included before every Verilated file: what $display and failed checks print is kept, not put on stdout.
#pragma once
int hwgen_printf(const char* format, ...);
#define VL_PRINTF hwgen_printf
