// SPDX-License-Identifier: BSD-3-Clause
// From the core's logits to result records in the ring of slots in memory.
//
// Function    A frame's logits come as OUT_BEATS beats, with the last of which `info` (frame id, context, latency) is
//             taken. A record, 64 bits a word and little-endian:
//               words 0, 1  record_header_t, whose SEQUENCE is n = 0, 1, 2 ... since reset
//               word 2..    two logits each, sign-extended to 32 bits, the first one low; a last odd one beside zeros
//             goes to slot n modulo `slots`, at `base` + slot * RECORD_BYTES, through the port of dma_write.
//             A record with no free slot waits; the core is stalled only when two more frames wait behind it.
//             `take` frees the slots of the oldest `take_count` records, two cycles later; it comes every other cycle
//             at most.
// Throughput  A record in 4 + OUTPUT_LOGITS cycles, or as fast as memory takes it. A beat a cycle from the core.
// Latency     The record begins two cycles after the frame's last beat.
`default_nettype none

module result_writer
	import context_pkg::*;
	import chip_pkg::*;
#(
	parameter int unsigned  OUTPUT_LOGITS    = 4,
	parameter int unsigned  OUT_ELEMENTS     = 1,	// logits a beat, divides OUTPUT_LOGITS
	parameter int unsigned  OUT_ELEMENT_BITS = 24,	// 1 to 32
	parameter int unsigned  RECORD_BYTES     = record_bytes(OUTPUT_LOGITS)
)(
	input  wire  clk,
	input  wire  rst_n,

	// Logits of the core, signed, element 0 low
	input  wire [OUT_ELEMENTS*OUT_ELEMENT_BITS-1:0]  s_tdata,
	input  wire          s_tvalid,
	output wire          s_tready,
	output wire          s_last,	// with s_tvalid: the frame's last beat
	input  wire [31:0]   info_frame_id,	// looked at with the last beat
	input  wire context_t  info_context,
	input  wire [31:0]   info_latency,

	// The ring
	input  wire [63:0]   base,
	input  wire [31:0]   slots,
	input  wire          take,
	input  wire [31:0]   take_count,
	output logic [31:0]  level,	// records in memory, not taken
	output logic         full,	// pulse: a record begins to wait for a slot
	output logic         underflow,	// pulse: `take` wanted more than `level`; nothing is taken
	output wire          busy,	// a record waits, or is on its way to memory

	// To dma_write
	output logic [63:0]  m_record_address,
	output wire          m_record_tvalid,
	input  wire          m_record_tready,
	output logic [63:0]  m_tdata,
	output logic         m_tvalid,
	input  wire          m_tready,
	input  wire          done	// pulse: the oldest record on its way is in memory
);
	localparam int unsigned  OUT_BEATS = OUTPUT_LOGITS / OUT_ELEMENTS;
	localparam int unsigned  BEAT_BITS = OUT_BEATS > 1? $clog2(OUT_BEATS) : 1;
	localparam int unsigned  QUEUE = 2**$clog2(2*OUT_BEATS);	// beats of two frames
	localparam int unsigned  HEADER_BITS = 2*32 + $bits(context_t);	// of what is known of a record when its frame ends
	localparam int unsigned  LOGIT_BITS = $clog2(OUTPUT_LOGITS+1);
	localparam int unsigned  ELEMENT_BITS = OUT_ELEMENTS > 1? $clog2(OUT_ELEMENTS) : 1;

	initial begin
		if((OUT_ELEMENTS < 1) || (OUTPUT_LOGITS < 1) || (OUTPUT_LOGITS % OUT_ELEMENTS != 0))
			$error("%m: OUT_ELEMENTS = %0d must divide OUTPUT_LOGITS = %0d.", OUT_ELEMENTS, OUTPUT_LOGITS);
		if((OUT_ELEMENT_BITS < 1) || (OUT_ELEMENT_BITS > 32))
			$error("%m: OUT_ELEMENT_BITS = %0d must be 1 to 32.", OUT_ELEMENT_BITS);
		if(RECORD_BYTES != record_bytes(OUTPUT_LOGITS))
			$error("%m: RECORD_BYTES = %0d must be %0d.", RECORD_BYTES, record_bytes(OUTPUT_LOGITS));
		if($bits(record_header_t) != 2*64)
			$error("%m: a header of %0d bits is not the two words that this makes.", $bits(record_header_t));
	end

	//-----------------------------------------------------------------------
	// What the core gives waits here: beats, and one header a frame.
	logic [BEAT_BITS-1:0]  Beat;
	assign  s_last = Beat == BEAT_BITS'(OUT_BEATS-1);

	wire  beats_ready, beat_valid, beat_take;
	wire [OUT_ELEMENTS*OUT_ELEMENT_BITS-1:0]  beat;
	wire  headers_ready, header_valid, header_take;
	wire [31:0]  frame_id, latency;
	wire context_t  frame_context;

	assign  s_tready = beats_ready && headers_ready;
	wire  accept = s_tvalid && s_tready;
	always_ff @(posedge clk) begin
		if(!rst_n)       Beat <= '0;
		else if(accept)  Beat <= s_last? '0 : Beat + 1'b1;
	end

	lutram_fifo #(.WIDTH(OUT_ELEMENTS*OUT_ELEMENT_BITS), .DEPTH(QUEUE)) beats (
		.clk, .rst_n,
		.s_tdata, .s_tvalid(accept), .s_tready(beats_ready),
		.m_tdata(beat), .m_tvalid(beat_valid), .m_tready(beat_take),
		/* verilator lint_off PINCONNECTEMPTY */	// nobody asks how many wait
		.level()
		/* verilator lint_on PINCONNECTEMPTY */
	);
	lutram_fifo #(.WIDTH(HEADER_BITS), .DEPTH(4)) headers (
		.clk, .rst_n,
		.s_tdata({info_latency, info_context, info_frame_id}), .s_tvalid(accept && s_last), .s_tready(headers_ready),
		.m_tdata({latency, frame_context, frame_id}), .m_tvalid(header_valid), .m_tready(header_take),
		/* verilator lint_off PINCONNECTEMPTY */	// nobody asks how many wait
		.level()
		/* verilator lint_on PINCONNECTEMPTY */
	);

	//-----------------------------------------------------------------------
	// The ring: Used slots hold records that are in memory or on their way there.
	logic [31:0]  Used;
	logic [31:0]  Slot;
	logic [31:0]  Sequence;
	logic [ 1:0]  Pending;	// records on their way
	logic [31:0]  Taken;	// records taken a cycle ago
	logic         WasWaiting;

	typedef enum logic [2:0] { IDLE, ASK, WORD0, WORD1, LOGITS }  state_t;
	state_t  State;

	wire  waiting = (State == IDLE) && header_valid && (Used >= slots);
	wire  begins = (State == IDLE) && header_valid && (Used < slots) && (Pending != '1);
	wire  asked = m_record_tvalid && m_record_tready;
	wire  enough = take_count <= level;

	assign  m_record_tvalid = State == ASK;
	assign  busy = header_valid || (State != IDLE) || m_tvalid || (Pending != '0);

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			level <= '0;
			Used <= '0;
			Slot <= '0;
			Sequence <= '0;
			Pending <= '0;
			Taken <= '0;
			WasWaiting <= 1'b0;
			full <= 1'b0;
			underflow <= 1'b0;
		end
		else begin
			level <= level + 32'(done) - Taken;
			Used <= Used + 32'(begins) - Taken;
			Pending <= Pending + 2'(begins) - 2'(done);
			Taken <= take && enough? take_count : '0;
			if(asked) begin
				Slot <= Slot + 1 >= slots? '0 : Slot + 1;
				Sequence <= Sequence + 1;
			end
			WasWaiting <= waiting;
			full <= waiting && !WasWaiting;
			underflow <= take && !enough;
		end
	end
	always_ff @(posedge clk) begin
		if((State == IDLE) && (Slot == '0))  m_record_address <= base;
		else if(asked)                       m_record_address <= m_record_address + 64'(RECORD_BYTES);
	end

	//-----------------------------------------------------------------------
	// One record's words, through an output register.
	logic [LOGIT_BITS-1:0]    Left;	// logits to come
	logic [ELEMENT_BITS-1:0]  Element;	// of the beat at hand
	logic                     Odd;
	logic [31:0]              Low;
	logic [31:0]              Number;	// this record's sequence number

	wire  free = !m_tvalid || m_tready;
	wire  last_element = Element == ELEMENT_BITS'(OUT_ELEMENTS-1);
	wire  last_logit = Left == LOGIT_BITS'(1);
	wire  step = (State == LOGITS) && beat_valid && free;
	wire signed [OUT_ELEMENT_BITS-1:0]  element = beat[Element*OUT_ELEMENT_BITS +: OUT_ELEMENT_BITS];
	wire [31:0]  logit = 32'(element);
	record_header_t  header;
	wire [1:0][63:0]  words = header;
	always_comb begin
		header = '0;
		header.FRAME_ID = frame_id;
		header.CONTEXT = frame_context;
		header.LATENCY = latency;
		header.SEQUENCE = Number;
	end

	assign  beat_take = step && last_element;
	assign  header_take = (State == WORD1) && free;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			State <= IDLE;
			m_tvalid <= 1'b0;
			Element <= '0;
		end
		else begin
			if(m_tready)  m_tvalid <= 1'b0;
			if(step)  Element <= last_element? '0 : Element + 1'b1;
			unique case(State)
			IDLE:    if(begins)  State <= ASK;
			ASK:     if(m_record_tready)  State <= WORD0;
			WORD0:   if(free) begin  State <= WORD1;  m_tvalid <= 1'b1;  end
			WORD1:   if(free) begin  State <= LOGITS;  m_tvalid <= 1'b1;  end
			LOGITS:
				if(step) begin
					m_tvalid <= Odd || last_logit;
					if(last_logit)  State <= IDLE;
				end
			default: State <= IDLE;
			endcase
		end
	end
	always_ff @(posedge clk) begin
		if(asked)  Number <= Sequence;
		if(State == WORD0) begin
			Left <= LOGIT_BITS'(OUTPUT_LOGITS);
			Odd <= 1'b0;
		end
		if(step) begin
			Left <= Left - 1'b1;
			Odd <= !Odd;
			Low <= logit;
		end
		if(free) begin
			if(State == WORD0)       m_tdata <= words[0];
			else if(State == WORD1)  m_tdata <= words[1];
			else                     m_tdata <= Odd? {logit, Low} : {32'b0, logit};
		end
	end

endmodule : result_writer

`default_nettype wire
