// What every elastic block must do, told with a queue of lanes: what goes in comes out, in order, nothing else does.
//
// Each proof's top (skid_check, fifo_check, gearbox_check...) gives `content` and `length`: what the block holds, read off
// its registers. The invariant content == queue makes the proof one step of induction.
`default_nettype none

module queue_check #(
    parameter int UNIT = 1,      // bits of a lane
    parameter int IN_LANES = 1,
    parameter int OUT_LANES = 1,
    parameter int LANES = 4,     // most lanes that the block can hold
    parameter int PATIENCE = 2   // cycles until an output beat that is complete must be offered
) (
    input  wire logic                      clk,
    input  wire logic                      rst,
    input  wire logic [ UNIT*IN_LANES-1:0] s_tdata,
    input  wire logic                      s_tvalid,
    input  wire logic                      s_tready,
    input  wire logic [UNIT*OUT_LANES-1:0] m_tdata,
    input  wire logic                      m_tvalid,
    input  wire logic                      m_tready,
    input  wire logic [    UNIT*LANES-1:0] content,  // oldest lane lowest, zero above `length`
    input  wire logic [               7:0] length
);

  logic started = 1'b0;
  logic [UNIT*LANES-1:0] queue_q;
  logic [7:0] length_q, waited_q;
  logic stalled_q;
  logic [UNIT*OUT_LANES-1:0] offered_q;
  logic in, out;

  assign in  = s_tvalid && s_tready;
  assign out = m_tvalid && m_tready;

  always_ff @(posedge clk) begin : queue
    logic [UNIT*LANES-1:0] rest;
    logic [7:0] left;
    rest = out ? queue_q >> (UNIT * OUT_LANES) : queue_q;
    left = out ? length_q - 8'(OUT_LANES) : length_q;
    started   <= 1'b1;
    queue_q   <= rst ? '0 : in ? rest | ((UNIT * LANES)'(s_tdata) << (UNIT * left)) : rest;
    length_q  <= rst ? '0 : in ? left + 8'(IN_LANES) : left;
    stalled_q <= !rst && m_tvalid && !m_tready;
    offered_q <= m_tdata;
    waited_q  <= rst || m_tvalid || length_q < 8'(OUT_LANES) ? '0 : waited_q + 8'd1;
  end

  always_comb begin
    if (!started) assume (rst);
    if (started) begin
      assert (length_q <= 8'(LANES));
      assert (length == length_q);
      assert (content == queue_q);
      if (!rst) begin
        if (m_tvalid) assert (length_q >= 8'(OUT_LANES) && m_tdata == queue_q[UNIT*OUT_LANES-1:0]);
        if (stalled_q) assert (m_tvalid && m_tdata == offered_q);
        if (length_q == '0) assert (s_tready);
      end
      assert (waited_q <= 8'(PATIENCE));
    end
  end

endmodule

`default_nettype wire
