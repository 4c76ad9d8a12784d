// SPDX-License-Identifier: BSD-3-Clause
// byte_gearbox: one byte of the solver's choice is followed from its word to its place in a beat, whatever the skips
// and frame ends.
`default_nettype none

module byte_gearbox_properties #(
	parameter int unsigned BYTES
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [63:0]         s_tdata,
	input  wire [2:0]          s_skip,
	input  wire                s_tvalid,
	input  wire                s_tready,

	input  wire [8*BYTES-1:0]  m_tdata,
	input  wire                m_tvalid,
	input  wire                m_tready,
	input  wire                m_last
);
	typedef logic [$clog2(BYTES+8)-1:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(8*BYTES), .ASSUME(0))  sink(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));

	wire  put = s_tvalid && s_tready;
	wire  take = m_tvalid && m_tready;
	count_t  Count;	// bytes inside
	wire count_t  kept = !take? Count : m_last? '0 : Count - count_t'(BYTES);
	always_ff @(posedge clk)
		if(!rst_n)  Count <= 0;
		else        Count <= put? kept + count_t'(8) - count_t'(s_skip) : kept;

	// This byte of this word, of the solver's choice.
	wire  follow;
	wire [2:0]  lane;
	anyseq  choice(.Y(follow));
	anyseq #(.WIDTH(3))  which(.Y(lane));
	logic        Following;
	count_t      Place;	// bytes before it
	logic [7:0]  Followed;
	wire  here = Following && (Place < count_t'(BYTES));
	always_ff @(posedge clk) begin
		if(!rst_n)  Following <= 0;
		else if(put && follow && (!Following || (take && (here || m_last))) && (lane >= s_skip)) begin
			Following <= 1;
			Followed <= s_tdata[8*lane+:8];
			Place <= kept + count_t'(lane - s_skip);
		end
		else if(take) begin
			if(here || m_last)  Following <= 0;
			Place <= Place - count_t'(BYTES);
		end
	end

	for(genvar  i = 0; i < BYTES; i++) begin : genByte
		always_comb if(rst_n && m_tvalid && Following && (Place == count_t'(i)))
			right_byte: assert(m_tdata[8*i+:8] == Followed);
	end : genByte

	always_comb if(rst_n) begin
		in_range: assert(32'(Count) < BYTES + 8);
		offered: assert(m_tvalid == (32'(Count) >= BYTES));
		if(Following)  place_is_inside: assert(Place < Count);
		if(!m_tvalid)  takes_what_it_needs: assert(s_tready);
		if(put)  never_two_beats_behind: assert(32'(kept) < BYTES);
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid);
		delivered: cover(take && here && (Place != 0 || BYTES == 1));
		dropped: cover(take && m_last && Following && !here);
		next_frame: cover(take && m_last && put);
		skipped: cover(put && (s_skip == 7));
	end

endmodule : byte_gearbox_properties

bind byte_gearbox byte_gearbox_properties #(.BYTES(BYTES))  properties(.*);

`default_nettype wire
