// SPDX-License-Identifier: BSD-3-Clause
// Reads frames from memory over AXI and delivers them to the core: INPUT_BYTES bytes from any byte address on, in
// beats of IN_ELEMENTS bytes, the first byte in the low bits.
//
// Function    A descriptor is an address and a tag; the tag comes back beside every beat of its frame. A frame is read
//             as whole aligned words of 8 bytes, the first and the last of which may hold other bytes as well. These
//             words must lie in [read_base, read_limit): where both are multiples of 8 that is to say that the frame's
//             bytes do. If not, `error_window` pulses, the descriptor is dropped, and nothing is read for it. Thus no
//             byte outside the window is ever read, not even beside an unaligned frame.
// Memory      INCR bursts of 64-bit words. A burst ends at the latest at a multiple of MAX_BURST_BEATS words, so none
//             crosses 4 KB. It is issued when the FIFO has room for all of it, so `rready` is always high. Up to 8
//             bursts are under way, also across descriptors; up to 8 frames are inside. 16 beats are AXI3's limit, 256
//             AXI4's: that is all the difference. The ports that never change (one ID, size 8 bytes, INCR) are left to
//             the instance. Answers come in order and end with `rlast`, as AXI has it for one ID.
// Delivery    A frame's first beat is offered when the frame is whole in the FIFO, or when the FIFO is full (up to its
//             last MAX_BURST_BEATS words): so the memory's hesitations do not reach the core.
// Stop        While `stop` is high no burst is issued and no beat delivered; all that was inside is forgotten, what
//             still comes from memory is dropped. `quiet`: nothing is under way at the memory; once it is high during
//             a stop it stays. Work goes on when stop is low and it is quiet. An answer SLVERR or DECERR pulses
//             `error_response` and stops it likewise, until `stop` has been raised and lowered. Reset forgets the
//             bursts under way as well: it is for power-on, or for when it is quiet.
// Throughput  8 bytes or one beat a cycle, whichever is less; two idle cycles from frame to frame.
//             (Where the FIFO does not hold a frame and two bursts more, it fills up again before each frame.)
// Latency     From a descriptor to its first burst, 3 cycles. From the word that makes a frame whole to its first beat,
//             4, one more for each word after the first that this beat needs, and 5 for a frame of a single word.
`default_nettype none

module dma_read #(
	parameter int unsigned ADDR_WIDTH      = 32,
	parameter int unsigned INPUT_BYTES     = 3072,	// bytes of a frame
	parameter int unsigned IN_ELEMENTS     = 3,   	// bytes of a beat, 1 to 64: divides INPUT_BYTES
	parameter int unsigned MAX_BURST_BEATS = 16,  	// 1 to 256, a power of two
	parameter int unsigned FIFO_WORDS      = 512, 	// a power of two, MAX_BURST_BEATS or above
	parameter int unsigned TAG_BITS        = 12
)(
	input  wire                      clk,
	input  wire                      rst_n,

	input  wire                      stop,
	output wire                      quiet,
	output wire                      busy,	// a descriptor was taken, and its frame not delivered or dropped yet

	input  wire [ADDR_WIDTH-1:0]     read_base,
	input  wire [ADDR_WIDTH-1:0]     read_limit,
	output logic                     error_window,
	output logic                     error_response,

	input  wire [ADDR_WIDTH-1:0]     s_descriptor_address,
	input  wire [TAG_BITS-1:0]       s_descriptor_tag,
	input  wire                      s_descriptor_tvalid,
	output wire                      s_descriptor_tready,

	output wire [8*IN_ELEMENTS-1:0]  m_tdata,
	output wire                      m_tvalid,
	input  wire                      m_tready,
	output wire                      m_first,
	output wire                      m_last,
	output wire [TAG_BITS-1:0]       m_tag,

	output wire [ADDR_WIDTH-1:0]     m_axi_araddr,
	output logic [7:0]               m_axi_arlen,
	output logic                     m_axi_arvalid,
	input  wire                      m_axi_arready,
	input  wire [63:0]               m_axi_rdata,
	input  wire [1:0]                m_axi_rresp,
	input  wire                      m_axi_rlast,
	input  wire                      m_axi_rvalid,
	output wire                      m_axi_rready
);
	localparam int unsigned  BURSTS = 8;	// under way
	localparam int unsigned  FRAMES = 8;	// inside

	localparam int unsigned  BEATS = INPUT_BYTES / IN_ELEMENTS;
	localparam int unsigned  BEAT_BITS = BEATS > 1? $clog2(BEATS) : 1;
	localparam int unsigned  MAX_WORDS = (INPUT_BYTES + 14) / 8;	// of a frame that begins with the last byte of a word
	localparam int unsigned  COUNT_BITS = $clog2(MAX_WORDS + 1);
	localparam int unsigned  WORD_BITS = ADDR_WIDTH - 3;	// bits of a word's address
	localparam int unsigned  FIFO_BITS = $clog2(FIFO_WORDS);
	localparam int unsigned  BURST_BITS = $clog2(BURSTS + 1);

	initial begin
		if(IN_ELEMENTS < 1 || IN_ELEMENTS > 64)
			$error("%m: IN_ELEMENTS = %0d must be 1 to 64.", IN_ELEMENTS);
		if(INPUT_BYTES < 1 || INPUT_BYTES % IN_ELEMENTS != 0)
			$error("%m: INPUT_BYTES = %0d must be a multiple of IN_ELEMENTS = %0d.", INPUT_BYTES, IN_ELEMENTS);
		if(MAX_BURST_BEATS < 1 || MAX_BURST_BEATS > 256 || (MAX_BURST_BEATS & (MAX_BURST_BEATS - 1)) != 0)
			$error("%m: MAX_BURST_BEATS = %0d must be a power of two, 1 to 256.", MAX_BURST_BEATS);
		if(FIFO_WORDS < 2 || FIFO_WORDS < MAX_BURST_BEATS || (FIFO_WORDS & (FIFO_WORDS - 1)) != 0)
			$error("%m: FIFO_WORDS = %0d must be a power of two, 2 and MAX_BURST_BEATS = %0d or above.",
				FIFO_WORDS, MAX_BURST_BEATS);
		if(ADDR_WIDTH < 4 || WORD_BITS < COUNT_BITS)
			$error("%m: ADDR_WIDTH = %0d is too little for INPUT_BYTES = %0d.", ADDR_WIDTH, INPUT_BYTES);
		if(TAG_BITS < 1)
			$error("%m: TAG_BITS = %0d must be 1 or above.", TAG_BITS);
	end

	// Words that a frame spans whose first byte is byte `offset` of its first word: one more if it does not fit in the
	// bytes that the last word has to spare.
	localparam int unsigned  LEAST_WORDS = (INPUT_BYTES + 7) / 8;
	localparam int unsigned  SPARE_BYTES = 8 * LEAST_WORDS - INPUT_BYTES;
	function automatic logic [COUNT_BITS-1:0] words_of(input logic [2:0] offset);
		return COUNT_BITS'(LEAST_WORDS) + COUNT_BITS'(32'(offset) > SPARE_BYTES);
	endfunction : words_of

	//-----------------------------------------------------------------------
	// Running, failed or draining. Unless it runs, all but the bursts under way is held in reset.
	typedef enum logic [1:0] { RUN, FAILED, DRAIN } state_e;
	state_e  State;
	wire  run = State == RUN && !stop;
	wire  work_n = rst_n && run;

	logic                   RValid;
	logic                   RLast;
	logic                   RError;
	logic [63:0]            RData;
	logic [BURST_BITS-1:0]  Outstanding;	// 0 .. BURSTS: from the address's register to the last word

	assign  quiet = Outstanding == '0;
	wire  fail = run && RValid && RError;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			State <= RUN;
			error_response <= 1'b0;
		end
		else begin
			if(stop)       State <= DRAIN;
			else if(fail)  State <= FAILED;
			else if(State == DRAIN && quiet)  State <= RUN;
			error_response <= fail;
		end
	end

	//-----------------------------------------------------------------------
	// Descriptors: taken, checked against the window, turned into bursts.
	typedef enum logic [1:0] { IDLE, CHECK, ISSUE } stage_e;
	stage_e  Stage;
	logic [WORD_BITS-1:0]   Word;	// the next burst's first
	logic [COUNT_BITS-1:0]  Left;	// words that no burst was issued for
	logic [2:0]             Offset;
	logic [TAG_BITS-1:0]    Tag;
	logic [FIFO_BITS:0]     Room;	// 0 .. FIFO_WORDS: words that the FIFO has room for beyond those asked for

	wire [COUNT_BITS-1:0]  words = words_of(Offset);
	wire [WORD_BITS:0]  behind = {1'b0, Word} + (WORD_BITS+1)'(words);
	// A word at the limit does not end below it, so the limit's low bits change nothing.
	wire  inside_window = {Word, 3'b000} >= read_base && behind <= {1'b0, read_limit[ADDR_WIDTH-1:3]};

	wire [8:0]  to_boundary = 9'(MAX_BURST_BEATS) - (9'(Word) & 9'(MAX_BURST_BEATS - 1));
	wire [8:0]  length = 32'(Left) < 32'(to_boundary)? 9'(Left) : to_boundary;
	wire  issue = run && Stage == ISSUE && (!m_axi_arvalid || m_axi_arready) &&
		Outstanding != BURST_BITS'(BURSTS) && 32'(Room) >= 32'(length);

	wire  queue_ready;
	wire  accept = s_descriptor_tvalid && s_descriptor_tready;
	wire  queue_push = run && Stage == CHECK && inside_window;
	assign  s_descriptor_tready = run && Stage == IDLE && queue_ready;

	always_ff @(posedge clk) begin
		if(!work_n)  Stage <= IDLE;
		else unique case(Stage)
			CHECK:    Stage <= inside_window? ISSUE : IDLE;
			ISSUE:    if(issue && 32'(Left) == 32'(length))  Stage <= IDLE;
			default:  if(accept)  Stage <= CHECK;
		endcase
	end
	always_ff @(posedge clk) begin
		if(!work_n)  error_window <= 1'b0;
		else         error_window <= Stage == CHECK && !inside_window;
	end
	always_ff @(posedge clk) begin
		if(accept) begin
			Word <= s_descriptor_address[ADDR_WIDTH-1:3];
			Offset <= s_descriptor_address[2:0];
			Tag <= s_descriptor_tag;
		end
		if(Stage == CHECK)  Left <= words;
		if(issue) begin
			Word <= Word + WORD_BITS'(length);
			Left <= Left - COUNT_BITS'(length);
		end
	end

	//-----------------------------------------------------------------------
	// The memory port.
	logic [WORD_BITS-1:0]  BurstWord;
	assign  m_axi_araddr = {BurstWord, 3'b000};
	assign  m_axi_rready = 1'b1;

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			m_axi_arvalid <= 1'b0;
			RValid <= 1'b0;
			Outstanding <= '0;
		end
		else begin
			if(issue)  m_axi_arvalid <= 1'b1;
			else if(m_axi_arready)  m_axi_arvalid <= 1'b0;
			RValid <= m_axi_rvalid;
			Outstanding <= Outstanding + BURST_BITS'(issue) - BURST_BITS'(RValid && RLast);
		end
	end
	always_ff @(posedge clk) begin
		if(issue) begin
			BurstWord <= Word;
			m_axi_arlen <= 8'(length - 9'd1);
		end
		RData <= m_axi_rdata;
		RLast <= m_axi_rlast;
		RError <= m_axi_rresp[1];
	end
	wire  unused = &{1'b0, m_axi_rresp[0], read_limit[2:0]};	// OKAY and EXOKAY are one; the limit: see above

	//-----------------------------------------------------------------------
	// The FIFO: a block RAM, its output latch, and a register.
	logic [FIFO_BITS:0]  Wr;
	logic [FIFO_BITS:0]  Rd;
	logic [FIFO_BITS:0]  Stored;	// 0 .. FIFO_WORDS: words in all three
	logic                LatchValid;
	logic                HeadValid;
	logic [63:0]         Latch;
	logic [63:0]         Head;

	wire  head_ready;	// the gearbox takes the head's word
	wire  pop = HeadValid && head_ready;
	wire  advance = !HeadValid || head_ready;
	wire  load = Wr != Rd && (!LatchValid || advance);

	(* ram_style = "block" *)
	logic [63:0]  Memory[FIFO_WORDS];
	always_ff @(posedge clk) begin
		if(RValid)  Memory[Wr[FIFO_BITS-1:0]] <= RData;
	end
	always_ff @(posedge clk) begin
		if(load)     Latch <= Memory[Rd[FIFO_BITS-1:0]];
		if(advance)  Head <= Latch;
	end
	always_ff @(posedge clk) begin
		if(!work_n) begin
			Wr <= '0;
			Rd <= '0;
			Stored <= '0;
			Room <= (FIFO_BITS+1)'(FIFO_WORDS);
			LatchValid <= 1'b0;
			HeadValid <= 1'b0;
		end
		else begin
			if(RValid)  Wr <= Wr + 1'b1;
			if(load)    Rd <= Rd + 1'b1;
			if(load || advance)  LatchValid <= load;
			if(advance)          HeadValid <= LatchValid;
			Stored <= Stored + (FIFO_BITS+1)'(RValid) - (FIFO_BITS+1)'(pop);
			Room <= Room + (FIFO_BITS+1)'(pop) - (issue? (FIFO_BITS+1)'(length) : '0);
		end
	end

	//-----------------------------------------------------------------------
	// Delivery, a frame at a time. The queue's head is the frame being delivered, or the next one.
	wire  frame_valid;
	wire  frame_done;
	wire [2:0]  frame_offset;
	lutram_fifo #(.WIDTH(TAG_BITS + 3), .DEPTH(FRAMES)) queue (
		.clk, .rst_n(work_n),
		.s_tdata({Tag, Offset}), .s_tvalid(queue_push), .s_tready(queue_ready),
		.m_tdata({m_tag, frame_offset}), .m_tvalid(frame_valid), .m_tready(frame_done),
		/* verilator lint_off PINCONNECTEMPTY */	// nobody asks how many frames are inside
		.level()
		/* verilator lint_on PINCONNECTEMPTY */
	);
	assign  busy = Stage != IDLE || frame_valid;

	logic                   Open;	// a frame is being delivered
	logic                   Fresh;	// its first word has not been put into the gearbox
	logic [COUNT_BITS-1:0]  Wanted;	// its words that have not
	logic [BEAT_BITS-1:0]   Beat;

	wire [COUNT_BITS-1:0]  frame_words = words_of(frame_offset);
	wire  full = 32'(Stored) > FIFO_WORDS - MAX_BURST_BEATS;
	wire  open = !Open && frame_valid && (32'(Stored) >= 32'(frame_words) || full);

	wire  beat_valid;
	wire  gearbox_ready;
	assign  head_ready = gearbox_ready && Wanted != '0;
	byte_gearbox #(.BYTES(IN_ELEMENTS)) gearbox (
		.clk, .rst_n(work_n),
		.s_tdata(Head), .s_skip(Fresh? frame_offset : 3'd0), .s_tvalid(HeadValid && Wanted != '0), .s_tready(gearbox_ready),
		.m_tdata, .m_tvalid(beat_valid), .m_tready, .m_last
	);
	assign  m_tvalid = beat_valid && run;
	assign  m_first = Beat == '0;
	assign  m_last = Beat == BEAT_BITS'(BEATS - 1);
	assign  frame_done = m_tvalid && m_tready && m_last;

	always_ff @(posedge clk) begin
		if(!work_n) begin
			Open <= 1'b0;
			Wanted <= '0;
			Beat <= '0;
		end
		else begin
			if(open)  Open <= 1'b1;
			else if(frame_done)  Open <= 1'b0;

			if(open)      Wanted <= frame_words;
			else if(pop)  Wanted <= Wanted - 1'b1;

			if(m_tvalid && m_tready)  Beat <= m_last? '0 : Beat + 1'b1;
		end
	end
	always_ff @(posedge clk) begin
		if(open)      Fresh <= 1'b1;
		else if(pop)  Fresh <= 1'b0;
	end

endmodule : dma_read

`default_nettype wire
