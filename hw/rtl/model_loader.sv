// SPDX-License-Identifier: BSD-3-Clause
// Fills the core's memories from a model image, 32-bit words as dma_read delivers them, and says whether the core may be
// used: after a whole image with the right check sum, until the next one begins. Of a core with several banks of weights it
// says so of each: an image goes into `bank`, and the models of the others stay.
//
// Function    An image (model/image.py): IMAGE_MAGIC, the shape's hash, the model's hash, the number of words of the load
//             stream, these words, and the CRC-32 (IEEE 802.3, as zlib computes it) of all before it. Where the magic, the
//             shape or the number is not this build's, or the model's hash is 0, nothing is written, `error_shape` pulses,
//             and the model in use stays. Else there is none from the first word written on, and the new one when the sum was right and the
//             core's reset behind it has passed; `error_crc` pulses where it was wrong. `begin_load`, while not `busy`,
//             announces an image; who does that sees to it that the core is empty and stays so while `busy`. `give_up`:
//             no word will come.
// Throughput  A word a cycle, and SETTLE + HOLD cycles behind the last.
// Latency     A word reaches the core a cycle later.
//
// Reset and `clear` (the soft reset) end a load. What is known of the memories stays, as their content does: a load that
// was ended in the middle leaves no model, one that had not written yet leaves the model in use.
`default_nettype none

module model_loader #(
	parameter logic [31:0]  SHAPE_HASH   = '0,
	parameter logic [31:0]  MODEL_HASH   = '0,	// of the memories' content after power-on, 0 for none
	parameter int unsigned  LOAD_WORDS   = 1,	// of the core's load stream
	parameter int unsigned  MODELS       = 1,	// banks
	parameter int unsigned  SETTLE       = 32,	// cycles that the last word may need to its memory
	parameter int unsigned  HOLD         = 16,	// cycles of the core's reset
	localparam int unsigned BANK_BITS    = MODELS > 1? $clog2(MODELS) : 1
)(
	input  wire         clk,
	input  wire         rst_n,
	input  wire         clear,

	input  wire         begin_load,
	input  wire [BANK_BITS-1:0]  bank,	// with begin_load
	input  wire         give_up,
	output wire         busy,
	output wire         reset_core,
	output logic [MODELS-1:0]  good,	// there is a model, in each bank
	output logic [MODELS-1:0][31:0]  model_hash,	// of that model, 0 for none
	output logic [31:0]  cycles,	// from the last load's beginning to its end
	output logic        error_shape,
	output logic        error_crc,

	input  wire [31:0]  s_tdata,
	input  wire         s_tvalid,
	output wire         s_tready,

	// To the core
	output logic [MODELS-1:0]  load_begins,	// of the bank's memories
	output logic [31:0]  m_load_tdata,
	output logic        m_load_tvalid
);
	localparam logic [31:0]  IMAGE_MAGIC = 32'h314D4653;	// "SFM1"
	localparam int unsigned  HEAD = 4;	// words in front of the stream's
	localparam int unsigned  WORDS = HEAD + LOAD_WORDS + 1;
	localparam int unsigned  INDEX_BITS = $clog2(WORDS);
	localparam logic [31:0]  CRC_OF_WHOLE = 32'hDEBB20E3;	// of anything with its own CRC-32 behind it

	initial begin
		if(LOAD_WORDS < 1 || MODELS < 1)
			$error("%m: LOAD_WORDS = %0d and MODELS = %0d must be 1 or above.", LOAD_WORDS, MODELS);
		if(SETTLE < 1 || HOLD < 1 || SETTLE + HOLD > 64)
			$error("%m: SETTLE = %0d and HOLD = %0d must be 1 or above, and 64 together at most.", SETTLE, HOLD);
	end

	// CRC-32 of a word more, the lowest byte and bit first.
	function automatic logic [31:0] crc32(input logic [31:0] crc, input logic [31:0] word);
		crc32 = crc ^ word;
		for(int unsigned i = 0; i < 32; i++)  crc32 = crc32[0]? 32'hEDB88320 ^ (crc32 >> 1) : crc32 >> 1;
	endfunction : crc32

	typedef enum logic [1:0] { IDLE, WORDS_COME, CHECK, RESET } state_e;
	state_e  State;
	logic [INDEX_BITS-1:0]  Index;	// of the next word
	logic [31:0]  Crc;
	logic [31:0]  NewHash;
	logic [BANK_BITS-1:0]  Bank;
	logic  Refused;
	logic  Right;	// the check sum was
	logic [5:0]  Wait;

	wire  take = s_tvalid && s_tready;
	wire  last = Index == INDEX_BITS'(WORDS-1);
	wire  wrong = (Index == INDEX_BITS'(0) && s_tdata != IMAGE_MAGIC) || (Index == INDEX_BITS'(1) && s_tdata != SHAPE_HASH) ||
		(Index == INDEX_BITS'(2) && s_tdata == '0) || (Index == INDEX_BITS'(3) && s_tdata != LOAD_WORDS);
	wire  writes = take && (Index == INDEX_BITS'(HEAD-1)) && !Refused && !wrong;
	wire  word = take && (Index >= INDEX_BITS'(HEAD)) && !last && !Refused;
	wire [31:0]  next_crc = crc32(Crc, s_tdata);

	assign  busy = State != IDLE;
	assign  s_tready = State == WORDS_COME;
	assign  reset_core = (State == RESET) && (Wait < 6'(HOLD));

	always_ff @(posedge clk) begin
		if(!rst_n || clear)  State <= IDLE;
		else unique case(State)
		IDLE:        if(begin_load)  State <= WORDS_COME;
		WORDS_COME:  if(give_up)  State <= IDLE;
			else if(take && last)  State <= Refused? IDLE : CHECK;
		CHECK:       State <= RESET;
		RESET:       if(Wait == '0)  State <= IDLE;
		default:     State <= IDLE;
		endcase
	end
	always_ff @(posedge clk) begin
		if(State == IDLE) begin
			Bank <= bank;
			Index <= '0;
			Crc <= '1;
			Refused <= 1'b0;
		end
		else if(take) begin
			Index <= Index + 1'b1;
			Crc <= next_crc;
			if(wrong)  Refused <= 1'b1;
			if(Index == INDEX_BITS'(2))  NewHash <= s_tdata;
		end
		if(State == CHECK) begin
			Right <= Crc == CRC_OF_WHOLE;
			Wait <= 6'(SETTLE + HOLD - 1);
		end
		else  Wait <= Wait - 1'b1;
	end

	always_ff @(posedge clk) begin
		if(!rst_n || clear) begin
			load_begins <= '0;
			m_load_tvalid <= 1'b0;
			error_shape <= 1'b0;
			error_crc <= 1'b0;
		end
		else begin
			load_begins <= MODELS'(writes) << Bank;
			m_load_tvalid <= word;
			error_shape <= take && last && Refused;
			error_crc <= (State == CHECK) && (Crc != CRC_OF_WHOLE);
		end
	end
	always_ff @(posedge clk)  m_load_tdata <= s_tdata;

	always_ff @(posedge clk) begin
		if(!rst_n || clear)     cycles <= '0;
		else if(State != IDLE)  cycles <= cycles + 1;
		else if(begin_load)     cycles <= 32'd1;
	end

	// What is in the memories is lost when the FPGA is configured and by no reset, and so it is with what is known of it.
	initial begin
		good = {MODELS{MODEL_HASH != '0}};
		model_hash = {MODELS{MODEL_HASH}};
	end
	always_ff @(posedge clk) begin
		if(rst_n && !clear && writes) begin
			good[Bank] <= 1'b0;
			model_hash[Bank] <= '0;
		end
		else if(rst_n && !clear && (State == RESET) && (Wait == '0) && Right) begin
			good[Bank] <= 1'b1;
			model_hash[Bank] <= NewHash;
		end
	end

endmodule : model_loader

`default_nettype wire
