// SPDX-License-Identifier: BSD-3-Clause
// Reads a part of a plane of bytes from memory over AXI, row by row.
//
// Function    A part is the address of its first byte, its bytes a row, its rows, and the plane's stride. Of each row
//             come the whole aligned words of 8 bytes that hold it, so the first and the last may hold other bytes as
//             well; then those of the next row. All of it must have been found to lie in memory that may be read. The
//             part is taken when its last burst has been issued, and must stay as it is till then.
// Memory      As dma_read: INCR bursts of 64-bit words that end at a multiple of MAX_BURST_BEATS words, issued when the
//             FIFO has room for all of it, so `rready` is always high; up to 8 are under way, also across rows.
// Stop        As dma_read: while `stop` is high no burst is issued and no word delivered, all inside is forgotten, what
//             still comes from memory is dropped. `quiet`: nothing is under way at the memory; once it is high during
//             a stop it stays. Work goes on when stop is low and it is quiet. An answer SLVERR or DECERR pulses
//             `error_response` and stops it likewise, until `stop` has been raised and lowered.
// Throughput  A word a cycle. A row's first burst goes out two cycles after the last one of the row before.
// Latency     Three cycles from a part to its first burst, three from memory's word to the delivered one.
`default_nettype none

module plane_read #(
	parameter int unsigned ADDR_WIDTH      = 32,
	parameter int unsigned SIZE_BITS       = 13,	// bits of a number of columns or rows
	parameter int unsigned STRIDE_BITS     = 16,
	parameter int unsigned MAX_BURST_BEATS = 16,	// 1 to 256, a power of two
	parameter int unsigned FIFO_WORDS      = 512	// a power of two, MAX_BURST_BEATS or above
)(
	input  wire                    clk,
	input  wire                    rst_n,

	input  wire                    stop,
	output wire                    quiet,
	output logic                   error_response,

	input  wire [ADDR_WIDTH-1:0]   s_part_address,
	input  wire [STRIDE_BITS-1:0]  s_part_stride,
	input  wire [SIZE_BITS-1:0]    s_part_columns,	// 1 or above
	input  wire [SIZE_BITS-1:0]    s_part_rows,	// 1 or above
	input  wire                    s_part_tvalid,
	output wire                    s_part_tready,

	output logic [63:0]            m_tdata,
	output logic                   m_tvalid,
	input  wire                    m_tready,

	output wire [ADDR_WIDTH-1:0]   m_axi_araddr,
	output logic [7:0]             m_axi_arlen,
	output logic                   m_axi_arvalid,
	input  wire                    m_axi_arready,
	input  wire [63:0]             m_axi_rdata,
	input  wire [1:0]              m_axi_rresp,
	input  wire                    m_axi_rlast,
	input  wire                    m_axi_rvalid,
	output wire                    m_axi_rready
);
	localparam int unsigned  BURSTS = 8;	// under way
	localparam int unsigned  BURST_BITS = $clog2(BURSTS + 1);
	localparam int unsigned  WORD_BITS = ADDR_WIDTH - 3;	// bits of a word's address
	localparam int unsigned  FIFO_BITS = $clog2(FIFO_WORDS);

	initial begin
		if(MAX_BURST_BEATS < 1 || MAX_BURST_BEATS > 256 || (MAX_BURST_BEATS & (MAX_BURST_BEATS - 1)) != 0)
			$error("%m: MAX_BURST_BEATS = %0d must be a power of two, 1 to 256.", MAX_BURST_BEATS);
		if(FIFO_WORDS < 2 || FIFO_WORDS < MAX_BURST_BEATS || (FIFO_WORDS & (FIFO_WORDS - 1)) != 0)
			$error("%m: FIFO_WORDS = %0d must be a power of two, 2 and MAX_BURST_BEATS = %0d or above.",
				FIFO_WORDS, MAX_BURST_BEATS);
		if(SIZE_BITS < 4 || ADDR_WIDTH < SIZE_BITS || ADDR_WIDTH < STRIDE_BITS)
			$error("%m: ADDR_WIDTH = %0d is too little for SIZE_BITS = %0d, 4 or above, and STRIDE_BITS = %0d.",
				ADDR_WIDTH, SIZE_BITS, STRIDE_BITS);
	end

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
	// Rows, turned into bursts.
	typedef enum logic [1:0] { IDLE, ROW, ISSUE } stage_e;
	stage_e  Stage;
	logic [ADDR_WIDTH-1:0]  Address;	// the next row's first byte
	logic [SIZE_BITS-1:0]   Rows;	// to come behind this one
	logic [WORD_BITS-1:0]   Word;	// the next burst's first
	logic [SIZE_BITS-3:0]   Left;	// words of the row that no burst was issued for
	logic [FIFO_BITS:0]     Room;	// 0 .. FIFO_WORDS: words that the FIFO has room for beyond those asked for

	wire [SIZE_BITS:0]  row_end = (SIZE_BITS+1)'(s_part_columns) + (SIZE_BITS+1)'(4'd7 + 4'(Address[2:0]));
	wire [8:0]  to_boundary = 9'(MAX_BURST_BEATS) - (9'(Word) & 9'(MAX_BURST_BEATS - 1));
	wire [8:0]  length = 32'(Left) < 32'(to_boundary)? 9'(Left) : to_boundary;
	wire  issue = run && Stage == ISSUE && (!m_axi_arvalid || m_axi_arready) &&
		Outstanding != BURST_BITS'(BURSTS) && 32'(Room) >= 32'(length);
	wire  row_over = issue && 32'(Left) == 32'(length);
	assign  s_part_tready = row_over && Rows == '0;

	always_ff @(posedge clk) begin
		if(!work_n)  Stage <= IDLE;
		else unique case(Stage)
			ROW:      Stage <= ISSUE;
			ISSUE:    if(row_over)  Stage <= Rows == '0? IDLE : ROW;
			default:  if(s_part_tvalid)  Stage <= ROW;
		endcase
	end
	always_ff @(posedge clk) begin
		if(Stage == IDLE) begin
			Address <= s_part_address;
			Rows <= s_part_rows;
		end
		if(Stage == ROW) begin
			Address <= Address + ADDR_WIDTH'(s_part_stride);
			Rows <= Rows - 1'b1;
			Word <= Address[ADDR_WIDTH-1:3];
			Left <= row_end[SIZE_BITS:3];
		end
		if(issue) begin
			Word <= Word + WORD_BITS'(length);
			Left <= Left - (SIZE_BITS-2)'(length);
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
	wire  unused = &{1'b0, m_axi_rresp[0], row_end[2:0]};	// OKAY and EXOKAY are one

	//-----------------------------------------------------------------------
	// The FIFO: a block RAM and its output latch, which is the word on offer.
	logic [FIFO_BITS:0]  Wr;
	logic [FIFO_BITS:0]  Rd;
	logic  LatchValid;
	assign  m_tvalid = LatchValid && run;
	wire  pop = m_tvalid && m_tready;
	wire  load = Wr != Rd && (!LatchValid || m_tready);

	(* ram_style = "block" *)
	logic [63:0]  Memory[FIFO_WORDS];
	always_ff @(posedge clk) begin
		if(RValid)  Memory[Wr[FIFO_BITS-1:0]] <= RData;
	end
	always_ff @(posedge clk) begin
		if(load)  m_tdata <= Memory[Rd[FIFO_BITS-1:0]];
	end
	always_ff @(posedge clk) begin
		if(!work_n) begin
			Wr <= '0;
			Rd <= '0;
			Room <= (FIFO_BITS+1)'(FIFO_WORDS);
			LatchValid <= 1'b0;
		end
		else begin
			if(RValid)  Wr <= Wr + 1'b1;
			if(load)    Rd <= Rd + 1'b1;
			if(load)      LatchValid <= 1'b1;
			else if(pop)  LatchValid <= 1'b0;
			Room <= Room + (FIFO_BITS+1)'(pop) - (issue? (FIFO_BITS+1)'(length) : '0);
		end
	end

endmodule : plane_read

`default_nettype wire
