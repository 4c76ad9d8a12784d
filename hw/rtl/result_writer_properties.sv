// SPDX-License-Identifier: BSD-3-Clause
// result_writer, its ring: a record never goes into a slot that was not taken; the level is what software may take; what
// is offered stays. What the records hold: result_writer_data_properties.sv.
`default_nettype none

module result_writer_properties #(
	parameter int unsigned  OUTPUT_LOGITS,
	parameter int unsigned  OUT_ELEMENTS,
	parameter int unsigned  OUT_ELEMENT_BITS,
	parameter int unsigned  RECORD_BYTES
)(
	input  wire  clk,
	input  wire  rst_n,

	input  wire [OUT_ELEMENTS*OUT_ELEMENT_BITS-1:0]  s_tdata,
	input  wire          s_tvalid,
	input  wire          s_tready,
	input  wire          s_last,
	input  wire [31:0]   info_frame_id,
	input  wire context_pkg::context_t  info_context,
	input  wire [31:0]   info_latency,

	input  wire [63:0]   base,
	input  wire [31:0]   slots,
	input  wire          take,
	input  wire [31:0]   take_count,
	input  wire [31:0]   level,
	input  wire          underflow,
	input  wire          busy,

	input  wire [63:0]   m_record_address,
	input  wire          m_record_tvalid,
	input  wire          m_record_tready,
	input  wire [63:0]   m_tdata,
	input  wire          m_tvalid,
	input  wire          m_tready,
	input  wire          done,

	// inside the block
	input  wire [31:0]  used,
	input  wire [31:0]  slot,
	input  wire [31:0]  freed
);
	localparam int unsigned  SLOTS = 3;	// at most, in this proof
	localparam int unsigned  BEATS = OUTPUT_LOGITS / OUT_ELEMENTS;
	localparam int unsigned  WORDS = RECORD_BYTES / 8;
	typedef logic [4:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	axi_stream_rules #(.WIDTH(64), .ASSUME(0))  m(
		.clk, .rst_n, .data(m_tdata), .valid(m_tvalid), .ready(m_tready));
	axi_stream_rules #(.WIDTH(64), .ASSUME(0))  address(
		.clk, .rst_n, .data(m_record_address), .valid(m_record_tvalid), .ready(m_record_tready));

	// The ring is set once after a reset.
	logic [63:0]  Base;
	logic [31:0]  Slots;
	logic         Took;
	always_ff @(posedge clk) begin
		Base <= base;
		Slots <= slots;
		Took <= take;
	end
	always_comb begin
		if(!was_reset)  ring_stays: assume((base == Base) && (slots == Slots));
		few_slots: assume(slots <= SLOTS);
		if(Took)  takes_apart: assume(!take);
	end

	//-----------------------------------------------------------------------
	// Frames in, words out
	count_t  Beat;	// of the frame that comes in
	count_t  Frames;	// whole, and their records not given away
	count_t  Word;	// of the record that goes out
	wire  s_take = s_tvalid && s_tready;
	wire  m_take = m_tvalid && m_tready;
	wire  frame_in = s_take && s_last;
	wire  record_out = m_take && (Word == count_t'(WORDS-1));
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Beat <= 0;
			Frames <= 0;
			Word <= 0;
		end
		else begin
			if(s_take)  Beat <= s_last? '0 : Beat + 1'b1;
			if(m_take)  Word <= record_out? '0 : Word + 1'b1;
			Frames <= Frames + count_t'(frame_in) - count_t'(record_out);
		end
	end

	//-----------------------------------------------------------------------
	// The ring
	count_t  Asked;	// addresses taken of records not given away whole
	count_t  OnWay;	// records given away whole, or being so, that memory has not answered
	count_t  Occupied;	// slots
	logic [1:0]  Slot;
	wire  ask = m_record_tvalid && m_record_tready;
	wire  accepted = take && (take_count <= level);
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Asked <= 0;
			OnWay <= 0;
			Occupied <= 0;
			Slot <= 0;
		end
		else begin
			Asked <= Asked + count_t'(ask) - count_t'(record_out);
			OnWay <= OnWay + count_t'(record_out) - count_t'(done);
			Occupied <= Occupied + count_t'(ask) - (accepted? count_t'(take_count) : '0);
			if(ask)  Slot <= 32'(Slot) + 1 == slots? '0 : Slot + 1'b1;
		end
	end
	always_comb if(rst_n && done)  answers_what_was_written: assume(OnWay != 0);

	always_comb if(rst_n) begin
		frame_bounds: assert(s_last == (32'(Beat) == BEATS - 1));
		if(m_record_tvalid)  slot_is_free: assert(32'(Occupied) < slots);
		level_in_range: assert(level <= slots);
		ring_counted: assert((used - freed == 32'(Occupied) + 32'(m_record_tvalid)) && (used <= slots) && (freed <= level));
		level_counted: assert(level - freed + 32'(OnWay) + 32'(Asked) == 32'(Occupied));
		slot_in_range: assert((slot == 32'(Slot)) && ((slot < slots) || (slot == 0)));
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid && !m_record_tvalid && (level == 0) && !busy);

		wraps: cover(ask && (Slot == 1) && (level == 1) && (slots == 2));
		waits_for_a_slot: cover((slots == 1) && (Frames == 2) && (level == 1));
		too_much_taken: cover(underflow);
	end

endmodule : result_writer_properties

bind result_writer result_writer_properties #(
	.OUTPUT_LOGITS(OUTPUT_LOGITS), .OUT_ELEMENTS(OUT_ELEMENTS), .OUT_ELEMENT_BITS(OUT_ELEMENT_BITS),
	.RECORD_BYTES(RECORD_BYTES)
)  properties(.used(Used), .slot(Slot), .freed(Taken), .*);

`default_nettype wire
