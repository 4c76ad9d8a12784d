// SPDX-License-Identifier: BSD-3-Clause
// result_writer, its records: one frame and one of its logits, of the solver's choice, are followed into their record;
// records are numbered and go to their slots in order.
`default_nettype none

module result_writer_data_properties
	import chip_pkg::*;
#(
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
	input  wire          busy,

	input  wire [63:0]   m_record_address,
	input  wire          m_record_tvalid,
	input  wire          m_record_tready,
	input  wire [63:0]   m_tdata,
	input  wire          m_tvalid,
	input  wire          m_tready,
	input  wire          done
);
	localparam int unsigned  SLOTS = 3;	// at most, in this proof
	localparam int unsigned  BEATS = OUTPUT_LOGITS / OUT_ELEMENTS;
	localparam int unsigned  WORDS = RECORD_BYTES / 8;
	typedef logic [4:0]  count_t;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
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

	// Values of the solver's choice: one logit for the whole run, and which frame is followed.
	logic [4:0]  Logit;
	always_ff @(posedge clk)  Logit <= Logit;
	always_comb logit_exists: assume(32'(Logit) < OUTPUT_LOGITS);
	wire  follow;
	anyseq  choice(.Y(follow));

	logic    Following, Capturing;
	count_t  Ahead;	// records that go out before the followed one
	logic signed [31:0]  Followed;
	logic [31:0]  Id, Latency, Number, Sent;
	context_pkg::context_t  Context;
	wire  begins = s_take && (Beat == 0) && follow && !Following;
	always_ff @(posedge clk) begin
		for(int unsigned  e = 0; e < OUT_ELEMENTS; e++) begin
			if(s_take && (begins || Capturing) && (32'(Logit) == 32'(Beat)*OUT_ELEMENTS + e))
				Followed <= 32'($signed(s_tdata[e*OUT_ELEMENT_BITS+:OUT_ELEMENT_BITS]));
		end
	end
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Following <= 0;
			Capturing <= 0;
			Sent <= 0;
		end
		else begin
			if(begins) begin
				Following <= 1;
				Capturing <= !s_last;
				Ahead <= Frames - count_t'(record_out);
			end
			else begin
				if(frame_in)  Capturing <= 0;
				if(Following && record_out) begin
					Ahead <= Ahead - 1'b1;
					if(Ahead == 0)  Following <= 0;
				end
			end
			if(record_out)  Sent <= Sent + 1;
		end
		if(frame_in && (begins || Capturing)) begin
			Id <= info_frame_id;
			Context <= info_context;
			Latency <= info_latency;
		end
	end

	//-----------------------------------------------------------------------
	// The ring
	count_t  Asked;	// addresses taken of records not given away whole
	count_t  OnWay;	// records given away whole, or being so, that memory has not answered
	logic [1:0]  Slot;
	wire  ask = m_record_tvalid && m_record_tready;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Asked <= 0;
			OnWay <= 0;
			Slot <= 0;
		end
		else begin
			Asked <= Asked + count_t'(ask) - count_t'(record_out);
			OnWay <= OnWay + count_t'(record_out) - count_t'(done);
			if(ask)  Slot <= 32'(Slot) + 1 == slots? '0 : Slot + 1'b1;
		end
	end
	always_comb if(rst_n && done)  answers_what_was_written: assume(OnWay != 0);

	record_header_t  wanted;
	wire [1:0][63:0]  words = wanted;
	always_comb begin
		wanted = '0;
		wanted.FRAME_ID = Id;
		wanted.CONTEXT = Context;
		wanted.LATENCY = Latency;
		wanted.SEQUENCE = Sent;
	end

	always_comb if(rst_n) begin
		if(m_tvalid)  of_a_frame: assert(Frames != 0);
		if(m_tvalid)  has_an_address: assert(Asked != 0);
		one_at_a_time: assert(Asked <= 2);
		if(m_tvalid && Following && (Ahead == 0)) begin
			is_whole: assert(!Capturing);
			if(Word == 0)  id_and_context: assert(m_tdata == words[0]);
			if(Word == 1)  latency_and_number: assert(m_tdata == words[1]);
			if((Word == count_t'(2 + Logit/2)) && !Logit[0])  low_logit: assert(m_tdata[31:0] == Followed);
			if((Word == count_t'(2 + Logit/2)) && Logit[0])  high_logit: assert(m_tdata[63:32] == Followed);
		end
		if(m_tvalid && (Word == 1))  numbered: assert(m_tdata[63:32] == Sent);
		if(m_tvalid && (Word == count_t'(WORDS-1)) && (OUTPUT_LOGITS % 2 == 1))  padded: assert(m_tdata[63:32] == 0);

		if(m_record_tvalid)  own_slot: assert(m_record_address == base + 64'(Slot) * RECORD_BYTES);
		if(!busy)  idle_is_idle: assert((Frames == 0) && (OnWay == 0) && (Asked == 0));
		if(was_reset)  reset_leaves_nothing: assert(!m_tvalid && !m_record_tvalid && (level == 0) && !busy);

		second_record: cover(record_out && (Sent == 1));
		wraps: cover(ask && (Slot == 0) && (Sent == 2) && (slots == 2));
	end

endmodule : result_writer_data_properties

bind result_writer result_writer_data_properties #(
	.OUTPUT_LOGITS(OUTPUT_LOGITS), .OUT_ELEMENTS(OUT_ELEMENTS), .OUT_ELEMENT_BITS(OUT_ELEMENT_BITS),
	.RECORD_BYTES(RECORD_BYTES)
)  properties(.*);

`default_nettype wire
