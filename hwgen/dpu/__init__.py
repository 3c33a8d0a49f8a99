"""Xilinx DPUs: their integer arithmetic, what their compiler allows, and networks as they compute them."""
